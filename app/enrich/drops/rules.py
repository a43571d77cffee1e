"""The rules, compiled: which of them decides on an event, and whether the event stays."""

from binascii import crc32
from collections.abc import MutableMapping, Sequence
from typing import Any, Final

import msgspec

from app.enrich.drops.conditions import Holds
from schemas.fim.repeats import WINDOW, is_repeated, note_name
from schemas.operation import operations
from schemas.tetragon import BODIES, Event
from schemas.times import SECOND

OWNER: Final = "@repeats"  # of what rules remember of a node; no agent's name has an @
KEPT: Final = 2 * WINDOW / SECOND  # seconds for which they do

_REPEATS: Final = 1024  # touches of files of one node that are remembered
_ALL: Final = 1 << 32  # values that a checksum may have


class Rule(msgspec.Struct, frozen=True):
    """`share` of what it decides on is kept, from 0 to 1; `events` is None for all, those of no known name too."""

    name: str
    events: frozenset[str] | None
    conditions: Sequence[Holds]
    share: float
    repeat: bool = False  # it decides on what was there a moment ago, and never on the first

    def keeps(self, identity: str) -> bool:
        """By the document's id, which a replay makes again: so what was dropped is dropped again."""
        return crc32(identity.encode()) < self.share * _ALL


class Rules:
    """In the order of their file."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.all = tuple(rules)
        self.names = tuple(rule.name for rule in rules)
        self._by_event = {
            name: tuple(rule for rule in rules if rule.events is None or name in rule.events) for name in BODIES
        }
        self._for_unknown = tuple(rule for rule in rules if rule.events is None)
        self.remember = any(rule.repeat for rule in rules)

    def first(self, event: Event, memory: MutableMapping[str, Any]) -> Rule | None:
        """The rule that decides on `event`, if one does. Some `remember`; `memory` is of the event's node."""
        if self.remember and (found := operations(event)):
            note_name(found[0], event.time, memory)
        for rule in self._by_event.get(event.name, self._for_unknown):
            for holds in rule.conditions:
                if not holds(event):
                    break
            else:
                if not rule.repeat or _is_repeat(event, memory, rule.name):
                    return rule
        return None


def _is_repeat(event: Event, memory: MutableMapping[str, Any], rule: str) -> bool:
    found = operations(event)
    if not found or event.process is None:
        return False
    return is_repeated(found[0], event.process.exec_id, event.time, memory, _REPEATS, rule)


class Dropped(msgspec.Struct, frozen=True):
    """One line that was left out, for whoever asks why; `id` is the one that its document would have had."""

    rule: str
    event: str
    node: str
    time: str
    id: str
