"""What all agents and the process tree remember of one partition, entry by entry, so that checkpoints can hold it."""

import heapq
from collections.abc import Iterable, Iterator
from typing import Final

from app.enrich import boots, clock, resends, tree
from app.enrich.boots import Boots
from app.enrich.changes import Changes, Key
from app.enrich.clock import Clock
from app.enrich.ledger import Ledger
from app.enrich.notes import Notes
from app.enrich.resends import Resends
from app.enrich.tree import Tree
from schemas.checkpoint import Entry
from schemas.ledger import ACCOUNTS, ROWS

_DAY: Final = 86_400 * 1000  # ms
IDLE: Final = 7 * _DAY  # a node of which nothing comes for so long, while of two others it does, is forgotten
GONE: Final = 365 * _DAY  # likewise, with its ledger


class Scope:
    """What is remembered under one record key: of one node, as a rule. Nothing in it depends on another scope."""

    __slots__ = ("_changes", "_notes", "boots", "clock", "ledger", "name", "node", "resends", "tree")

    def __init__(self, name: str, changes: Changes) -> None:
        self.name = name
        self.node = name.rpartition("/")[2]
        self.clock = Clock(name, changes)
        self.boots = Boots(name, changes)
        self.tree = Tree(name, changes)
        self.resends = Resends(name, self.clock, changes)
        self.ledger = Ledger(name, self.clock, changes)
        self._notes: dict[str, Notes] = {}
        self._changes = changes

    def notes(self, agent: str, ttl: float) -> Notes:
        found = self._notes.get(agent)
        if found is None:
            found = self._notes[agent] = Notes(self.name, agent, ttl, self.clock, self._changes)
        found.ttl = ttl
        return found

    def sweep(self) -> None:
        self.tree.sweep(self.clock.now)
        self.resends.sweep()
        self.ledger.sweep()
        for notes in self._notes.values():
            notes.sweep()

    def value(self, owner: str, name: str) -> bytes | None:
        if owner == tree.OWNER:
            return self.tree.value(name)
        if owner == clock.OWNER:
            return self.clock.value(name)
        if owner == boots.OWNER:
            return self.boots.value(name)
        if owner == resends.OWNER:
            return self.resends.value(name)
        if owner in (ROWS, ACCOUNTS):
            return self.ledger.value(owner, name)
        return self._notes[owner].value(name) if owner in self._notes else None

    def restore(self, owner: str, name: str, value: bytes | None) -> None:
        if owner == tree.OWNER:
            self.tree.restore(name, value)
        elif owner == clock.OWNER:
            self.clock.restore(name, value)
        elif owner == boots.OWNER:
            self.boots.restore(name, value)
        elif owner == resends.OWNER:
            self.resends.restore(name, value)
        elif owner in (ROWS, ACCOUNTS):
            self.ledger.restore(owner, name, value)
        else:
            # An agent that is gone leaves notes behind, which are kept until they expire: it may come back.
            self.notes(owner, 0).restore(name, value)

    def entries(self) -> list[Key]:
        return [*self._entries(), *((self.name, owner, name) for owner, name in self.ledger.names())]

    def forgotten(self) -> "Scope":
        """The same without all but the ledger: a node that comes back goes on with its account."""
        for key in self._entries():
            self._changes.note(key, 0)
        bare = Scope(self.name, self._changes)
        bare.ledger.take_over(self.ledger)
        return bare

    def _entries(self) -> list[Key]:
        found = [(self.name, tree.OWNER, name) for name in self.tree.executions]
        found += [(self.name, boots.OWNER, name) for name in self.boots.names()]
        found += [(self.name, resends.OWNER, name) for name in self.resends.names()]
        found += [(self.name, owner, name) for owner, notes in self._notes.items() for name in notes.names()]
        return [*found, (self.name, clock.OWNER, "")] if self.clock.now else found


class Memory:
    """Changes only by the stream: the same records in the same order leave the same memory, restored or not."""

    def __init__(self) -> None:
        self._scopes: dict[str, Scope] = {}
        self._changes = Changes()

    @property
    def changed_bytes(self) -> int:
        """About the size of what `drain` would return."""
        return self._changes.size

    def scope(self, name: str) -> Scope:
        found = self._scopes.get(name)
        if found is None:
            found = self._scopes[name] = Scope(name, self._changes)
        return found

    def ledgers(self) -> Iterator[tuple[str, Ledger]]:
        """By the scopes' names."""
        return ((name, scope.ledger) for name, scope in self._scopes.items())

    def sweep(self, scope: Scope) -> None:
        """To be called when the clock of `scope` says so."""
        scope.sweep()
        self._forget_the_idle(scope)

    def drain(self) -> dict[Entry, bytes | None]:
        """What changed since the last drain, as JSON; None is gone."""
        return {Entry(*key): self._value(*key) for key in self._changes.take()}

    def settle(self) -> None:
        """Drains, where nobody wants to know."""
        self._changes.take()

    def encode(self, entries: Iterable[Entry]) -> dict[Entry, bytes]:
        """The present values of those that are still alive."""
        values = ((entry, self._value(entry.scope, entry.owner, entry.name)) for entry in entries)
        return {entry: value for entry, value in values if value is not None}

    def alive(self, entry: Entry) -> bool:
        return self._value(entry.scope, entry.owner, entry.name) is not None

    def load(self, changes: Iterable[tuple[Entry, bytes | None]]) -> None:
        """Restores, in the order given; this is not a change."""
        for entry, value in changes:
            self.scope(entry.scope).restore(entry.owner, entry.name, value)

    def _value(self, scope: str, owner: str, name: str) -> bytes | None:
        found = self._scopes.get(scope)
        return found.value(owner, name) if found is not None else None

    def _forget_the_idle(self, busy: Scope) -> None:
        # By the time of sending: events of last year may come today. The second-latest, because one node whose clock
        # runs ahead must not make the others idle.
        latest = heapq.nlargest(2, (scope.ledger.heard for scope in self._scopes.values()))
        for scope in list(self._scopes.values()):
            if scope is busy or not 0 < scope.ledger.heard < latest[-1] - IDLE:
                continue
            if scope.ledger.heard < latest[-1] - GONE:
                for key in scope.entries():
                    self._changes.note(key, 0)
                del self._scopes[scope.name]
            else:
                self._scopes[scope.name] = scope.forgotten()
