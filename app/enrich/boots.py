"""When the machines of one scope were booted: what a process's start and the time in its exec_id differ by.

Pids and everything that ran are new after a boot, and no event tells of the end of what ran before.
"""

from typing import Final

import msgspec

from app.enrich.changes import Changes
from schemas.times import SECOND, rfc3339

OWNER: Final = "@boot"  # no agent's name has an @

JUMP: Final = 5 * SECOND  # from one process to the next it differs by less, unless the clock is set

_ENTRY: Final = msgspec.json.Decoder(tuple[int, int])


class Boots:
    """By node, for a scope may hold several. Times are in ns since 1970."""

    __slots__ = ("_boots", "_changes", "_scope", "_texts")

    def __init__(self, scope: str, changes: Changes) -> None:
        self._boots: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._scope = scope
        self._changes = changes

    def of(self, node: str) -> int:
        """0 if unknown."""
        return self._boots.get(node, 0)

    def text(self, node: str) -> str:
        """To the second, for the rest is noise; empty if unknown."""
        return self._texts.get(node, "")

    def observe(self, node: str, boot: int, time: int) -> bool:
        """Whether that is another boot than the one known. `time` is the event's."""
        known = self._boots.get(node, 0)
        if known and (abs(boot - known) <= JUMP or (boot < known and time < known)):
            return False  # what came late from before a boot does not undo it
        self._set(node, boot)
        self._changes.note((self._scope, OWNER, node), len(node) + 20)
        return known > 0

    def names(self) -> list[str]:
        return list(self._boots)

    def value(self, name: str) -> bytes | None:
        # Two numbers, as an agent's note has: a worker of an older version takes it for one of an agent that is gone.
        return b"[%d,0]" % self._boots[name] if name in self._boots else None

    def restore(self, name: str, value: bytes | None) -> None:
        if value is None:
            self._boots.pop(name, None)
            self._texts.pop(name, None)
        else:
            self._set(name, _ENTRY.decode(value)[0])

    def _set(self, node: str, boot: int) -> None:
        self._boots[node] = boot
        self._texts[node] = rfc3339((boot + SECOND // 2) // SECOND * SECOND)
