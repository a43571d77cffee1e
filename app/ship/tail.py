"""Which logs there are, and when to look at them. Time comes in as seconds of any steady clock."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatch
from typing import Final

from app.ship.backups import Members
from app.ship.files import Block, File
from app.ship.logs import Log
from app.ship.positions import Book
from app.ship.shared import Shared
from schemas.log import LIVE, name_of

SCAN_SECONDS: Final = 1.0  # between two readings of the folders and globs when nothing shows a rotation


class Tail:
    """Blocks of all lines of all files that the paths and globs name, in the order of each log."""

    def __init__(
        self, paths: Sequence[str], book: Book, *, node: str | None, host: str, once: bool, wall: Callable[[], float]
    ) -> None:
        self.logs: dict[str, Log] = {}
        self._paths = [os.path.abspath(path) for path in paths]
        self._shared = Shared(book, node, host, once, wall)
        self._scan_at = float("-inf")

    @property
    def problems(self) -> dict[str, str]:
        """Sentences about what cannot be read for now, by path."""
        return self._shared.problems

    def look(self, now: float) -> None:
        """Takes in what has changed on disk. Cheap while nothing has."""
        moved = [log for log in self.logs.values() if log.look(now)]
        unmatched = None
        if now >= self._scan_at + SCAN_SECONDS:
            self._scan_at = now
            unmatched = self._discover()
            moved = list(self.logs.values())
        for log in moved:
            if log.follows:
                log.open_live(now)
        folders: dict[str, dict[str, Members] | None] = {}
        for log in moved:
            folder = os.path.dirname(log.path)
            if folder not in folders:
                # Read after the logs were opened: what was rotated before that is in it.
                folders[folder] = self._list(folder)
            listed = folders[folder]
            if listed is not None:
                log.scan(now, listed.get(log.path, {}))
        if unmatched is not None:
            self._complain(unmatched)

    @property
    def scanned(self) -> bool:
        return self._scan_at != float("-inf")

    def finished(self) -> bool:
        return all(log.finished() for log in self.logs.values())

    def note(self) -> None:
        """Brings the book up to date for being saved."""
        for log in self.logs.values():
            log.note()

    def rewind(self) -> None:
        for log in self.logs.values():
            log.rewind()

    def settle(self, block: Block) -> None:
        block.durable = True
        self.logs[block.file.path].settle(block.file)

    def unread(self) -> int:
        return sum(log.unread() for log in self.logs.values())

    def files(self) -> Iterator[File]:
        for log in self.logs.values():
            yield from log.files

    def open_files(self) -> int:
        return sum(file.source is not None for file in self.files())

    def close(self) -> None:
        for log in self.logs.values():
            log.close()

    def _discover(self) -> list[str]:
        """Which of the paths and globs name nothing that is there."""
        unmatched = []
        named: dict[str, Members] = {}
        for path in self._paths:
            is_glob = glob.has_magic(path) and not os.path.lexists(path)
            found = glob.glob(path, recursive=True) if is_glob else [path]
            if not any(os.path.lexists(match) for match in found):
                unmatched.append(path)
            for name in filter(None, map(name_of, found)):
                log = self.logs.get(name.log)
                if log is None:
                    log = self.logs[name.log] = Log(name.log, self._shared)
                # A glob may find a backup while the log itself is not there, just after a rotation.
                if name.stamp == LIVE or (is_glob and fnmatch(name.log, path)):
                    log.follows = True
                else:
                    named.setdefault(name.log, {}).setdefault(name.stamp, []).append(name)
        for path, members in named.items():
            self.logs[path].named = {stamp: sorted(names) for stamp, names in members.items()}
        return unmatched

    def _list(self, folder: str) -> dict[str, Members] | None:
        """What lies in the folder, by log and stamp; None while it cannot be read, which does not mean empty."""
        try:
            names = sorted(filter(None, (name_of(os.path.join(folder, file)) for file in os.listdir(folder))))
        except OSError as error:
            self._shared.unreadable(folder, error)
            return None
        self._shared.solved(folder)
        logs: dict[str, Members] = {}
        for name in names:
            if name.log in self.logs:
                logs.setdefault(name.log, {}).setdefault(name.stamp, []).append(name)
        return logs

    def _complain(self, unmatched: list[str]) -> None:
        for path in self._paths:
            subject = f"{path} (missing)"
            log = self.logs.get(path)
            folder = os.path.dirname(path)
            # Between a rotation and the line after it the log itself is not there, and nothing is wrong.
            if path not in unmatched or (log is not None and log.holds_files()):
                self._shared.solved(subject)
            elif glob.has_magic(folder) or self._list(folder) is not None:
                self._shared.problem(
                    subject,
                    f"Path {path!r} names no file. Expected the log that Tetragon writes, "
                    "like /var/log/tetragon/tetragon.log; it is looked for every second.",
                )
