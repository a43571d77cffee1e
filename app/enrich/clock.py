"""The time of one scope, told by its events alone.

What is remembered ages by this clock, so it must not follow every event: a single one from a far future would make
everything old at once. It follows what is near, and what is far only when event after event says so.
"""

from typing import Final

import msgspec

from app.enrich.changes import Changes
from schemas.times import SECOND

OWNER: Final = "@clock"  # no agent's name has an @

TICK: Final = 30 * SECOND  # how finely time is remembered: every step is an entry that changed
NEAR: Final = 3600 * SECOND
SWEEP: Final = 300 * SECOND  # how often the old is looked for, which costs a look at everything
INSISTENT: Final = 8  # far events in a row that move the clock: a node that was off, or one whose own clock was set

_ENTRY: Final = msgspec.json.Decoder(tuple[int, int])


class Clock:
    """`now` is in ns since 1970, 0 before the first event."""

    __slots__ = ("_changes", "_far", "_key", "now")

    def __init__(self, scope: str, changes: Changes) -> None:
        self.now = 0
        self._far = 0
        self._key = (scope, OWNER, "")
        self._changes = changes

    def observe(self, time: int) -> bool:
        """Whether it is time for a sweep."""
        before = self.now
        ahead = time - before
        if -NEAR <= ahead < TICK:
            if self._far:
                self._set(before, 0)
        elif -NEAR <= ahead <= NEAR or not before or self._far + 1 == INSISTENT:
            self._set(time - time % TICK, 0)
        else:
            self._set(before, self._far + 1)
        return self.now // SWEEP > before // SWEEP

    def _set(self, now: int, far: int) -> None:
        self.now, self._far = now, far
        self._changes.note(self._key, 0)

    def value(self, name: str) -> bytes | None:
        return msgspec.json.encode((self.now, self._far)) if not name and (self.now or self._far) else None

    def restore(self, name: str, value: bytes | None) -> None:
        if not name:
            self.now, self._far = _ENTRY.decode(value) if value is not None else (0, 0)
