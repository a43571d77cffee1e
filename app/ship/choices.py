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
