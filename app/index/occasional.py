"""Of many log lines alike, the first, and then one a minute."""

from typing import Final

PAUSE: Final = 60.0  # seconds
KINDS: Final = 256  # remembered at once; what is alike is decided by others' texts, so there may be any number


class Occasional:
    """Time comes in as seconds."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, int]] = {}  # by kind: when a line was let through, how many were not since

    def due(self, kind: str, now: float) -> int | None:
        """How many lines of this kind were held back since the last one; None when this one is to be held back too."""
        said = self._last.get(kind)
        if said is not None and now - said[0] < PAUSE:
            self._last[kind] = (said[0], said[1] + 1)
            return None
        if said is None and len(self._last) >= KINDS:
            del self._last[next(iter(self._last))]
        self._last[kind] = (now, 0)
        return said[1] if said is not None else 0
