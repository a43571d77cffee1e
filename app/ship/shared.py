"""What all logs of one shipper share."""

import errno
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from app.ship.book import Book
from app.ship.choices import Choices
from app.ship.files import read_buffer
from app.ship.journal import Change
from app.ship.sources import SourceError

log: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Shared:
    """`problems` are sentences, by the path that they are about.

    `absent` tells since when no scan finds a file, by path of its log and Place.file. `starting` ends with the first
    look. `crowded` tells that not all files can be open at once: those of logs that rest are closed from then on.
    `changes` are those of the book that were not written down yet, by path of the log.
    """

    book: Book
    node: str | None
    host: str
    once: bool
    wall: Callable[[], float]
    clock: Callable[[], float]  # the one by which it is told what time it is
    choices: Choices = field(default_factory=Choices)
    starting: bool = True
    crowded: bool = False
    buffer: bytearray = field(default_factory=read_buffer)
    problems: dict[str, str] = field(default_factory=dict)
    absent: dict[tuple[str, str], float] = field(default_factory=dict)
    changes: dict[str, Change] = field(default_factory=dict)

    def change_of(self, path: str) -> Change:
        change = self.changes.get(path)
        if change is None:
            change = self.changes[path] = Change(path)
        return change

    def problem(self, path: str, sentence: str) -> None:
        if self.problems.get(path) != sentence:
            self.problems[path] = sentence
            log.error("%s", sentence)

    def solved(self, path: str) -> None:
        if self.problems.pop(path, None) is not None:
            log.info("Path can be read now path=%r", path)

    def unreadable(self, path: str, error: OSError | SourceError) -> None:
        self.crowded |= isinstance(error, OSError) and error.errno == errno.EMFILE
        reason = str(error) if isinstance(error, SourceError) else error.strerror or repr(error)
        self.problem(
            path,
            f"Path {path!r} cannot be read: {reason}. Expected a file or folder that user {os.geteuid()} may read; "
            "it is tried again every second.",
        )
