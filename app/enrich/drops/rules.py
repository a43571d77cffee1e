"""The rules, compiled: which of them decides on an event, and whether the event stays."""

from binascii import crc32
from collections.abc import Sequence
from typing import Final

import msgspec

from app.enrich.drops.conditions import Holds
from schemas.tetragon import BODIES, Event

_ALL: Final = 1 << 32  # values that a checksum may have


class Rule(msgspec.Struct, frozen=True):
    """`share` of what it decides on is kept, from 0 to 1; `events` is None for all, those of no known name too."""

    name: str
    events: frozenset[str] | None
    conditions: Sequence[Holds]
    share: float

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

    def first(self, event: Event) -> Rule | None:
        """The rule that decides on `event`, if one does."""
        for rule in self._by_event.get(event.name, self._for_unknown):
            for holds in rule.conditions:
                if not holds(event):
                    break
            else:
                return rule
        return None


class Dropped(msgspec.Struct, frozen=True):
    """One line that was left out, for whoever asks why; `id` is the one that its document would have had."""

    rule: str
    event: str
    node: str
    time: str
    id: str
