"""What an operator chooses not to read, or to read slowly."""

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final


@dataclass(frozen=True, slots=True)
class Choices:
    """`exclude` are globs for paths or names of files; with `at_end` what a log holds when it is first seen, at the
    start, is left out. Times are in seconds, `backfill` in bytes a second."""

    exclude: tuple[str, ...] = ()
    at_end: bool = False
    ignore_older: float | None = None
    close_inactive: float | None = None
    backfill: float | None = None

    def excludes(self, path: str) -> bool:
        return any(fnmatchcase(path, glob) or fnmatchcase(os.path.basename(path), glob) for glob in self.exclude)


EVERYTHING: Final = Choices()


class Bucket:
    """Bytes that may be read by now; what was taken too much is waited for."""

    def __init__(self, rate: float | None) -> None:
        """`rate` in bytes a second; None for any."""
        self._rate = rate
        self._level = 0.0
        self._at = float("-inf")

    def is_open(self, now: float) -> bool:
        """`now` in seconds."""
        if self._rate is None:
            return True
        self._level = min(self._level + self._rate * (now - self._at), self._rate)
        self._at = now
        return self._level > 0

    def take(self, count: int) -> None:
        self._level -= count
