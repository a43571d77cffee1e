"""Logs as they are treated somewhere: rotated by rename, packed, copied and truncated, cut short, deleted.

Every line has a number of its own. Which file it was written to is known, and whether that file was harmed.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from examples.rotation import backup_of, pack
from schemas.identity import fingerprint
from schemas.log import HEAD_BYTES
from tests.ship.numbered import copy_and_truncate, numbered, rotate
from tests.ship.numbered import pack as pack_as_it_is

log: Final = logging.getLogger(__name__)

HEADER: Final = b'{"note":"all files of this log begin alike","node_name":"alike"}\n'


class Written(NamedTuple):
    """`number` counts the files of a log, in the order of writing."""

    log: str
    number: int


class Seen(NamedTuple):
    """By the shipper: the files that began by the first time, and all that was written by the second."""

    began: float
    written: float

    def may_harm(self, began: float, written: float) -> bool:
        """Whether it can know what is lost: a file that nobody has seen, or that has grown unseen, leaves no trace."""
        return began < self.began or written < self.written


class Log:
    """Rotated by rename, as Tetragon does it."""

    packs = True
    patterns: Sequence[str] = ("{}*.log",)  # of the names that its files have until they are packed
    sizes = (20_000, 300_000)  # bytes, between which it is rotated
    kept: int | None = None  # backups; all, if none is told

    def __init__(self, folder: Path, name: str, seed: int) -> None:
        self.path = folder / f"{name}.log"
        self.name = name
        self.files: dict[int, Written] = {}  # by the number of a line
        self.first_lines: dict[Written, bytes] = {}
        self.harmed: set[Written] = set()
        self.random = Random(f"{seed}/{name}")
        self._number = 0
        self._began = self._wrote = 0.0
        self._size = 0
        self._limit = self.random.randint(*self.sizes)
        self._stamp = 0
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._backups: list[tuple[Path, Written, tuple[float, float]]] = []  # when each began, and was written to last

    @property
    def file(self) -> Written:
        return Written(self.name, self._number)

    def write(self, lines: list[tuple[int, bytes]], now: float) -> None:
        """By the numbers of the lines."""
        data = b""
        if not self._size:
            data = self._begin()
            self._began = now
        data += b"".join(line for _, line in lines)
        with self.path.open("ab") as file:
            file.write(data)
        self.first_lines.setdefault(self.file, data[: data.index(b"\n") + 1][:HEAD_BYTES])
        self._size += len(data)
        self._wrote = now
        for number, _ in lines:
            self.files[number] = self.file

    def tick(self, now: float, seen: Seen) -> None:
        for due, act in list(self._due):
            if due <= now:
                self._due.remove((due, act))
                act()
        if self._size >= self._limit:
            self._rotate(now, seen)

    def come_to_rest(self) -> None:
        for _, act in self._due:
            act()
        self._due.clear()

    def _harmed(self, file: Written) -> None:
        log.info("harmed log=%s file=%d fingerprint=%s", *file, fingerprint(self.first_lines[file]))
        self.harmed.add(file)

    def _begin(self) -> bytes:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return b""

    def _rotate(self, now: float, seen: Seen) -> None:
        backup = self._backup()
        self.path.rename(backup)
        self._next(backup, now, seen)

    def _next(self, backup: Path, now: float, seen: Seen) -> None:
        self._backups.append((backup, self.file, (self._began, self._wrote)))
        if self.packs and self.random.random() < 0.7:
            self._due.append((now + self.random.uniform(0.0, 1.5), lambda: self._pack(backup)))
        self._number += 1
        self._size = 0
        self._limit = self.random.randint(*self.sizes)
        while self.kept is not None and len(self._backups) > self.kept and seen.may_harm(*self._backups[0][2]):
            old, file, _ = self._backups.pop(0)
            self._remove(old)
            self.harmed.add(file)

    def _remove(self, backup: Path) -> None:
        for path in (backup, backup.with_name(f"{backup.name}.gz")):
            path.unlink(missing_ok=True)

    def _backup(self) -> Path:
        self._stamp = max(self._stamp + 1, time.time_ns() // 1_000_000)
        return backup_of(self.path, self._stamp * 1_000_000)

    def _pack(self, backup: Path) -> None:
        if not backup.exists():
            return
        pack(backup, level=1)
        if self.random.random() < 0.5:
            backup.unlink()
        else:  # side by side for a while
            self._due.append((time.monotonic() + self.random.uniform(0.1, 1.0), lambda: backup.unlink(missing_ok=True)))


class Numbered(Log):
    """Rotated by logrotate: each backup has another number after each rotation, and is packed as it is."""

    patterns = ("{}.log", "{}.log.[0-9]", "{}.log.[1-9]*[0-9]")

    def _rotate(self, now: float, seen: Seen) -> None:
        for _ in rotate(self.path, copy=self.random.random() < 0.3):
            time.sleep(self.random.choice((0.0, 0.0, 0.0005)))
        self._next(self._backup(), now, seen)

    def _backup(self) -> Path:
        return self.path.with_name(f"{self.path.name}.1")

    def _remove(self, backup: Path) -> None:
        del backup
        for path in list(numbered(self.path).values())[-1]:
            path.unlink()

    def _pack(self, backup: Path) -> None:
        del backup
        paths = [path for paths in numbered(self.path).values() for path in paths]
        plain = [path for path in paths if path.suffix != ".gz"]
        for _ in pack_as_it_is(plain[-1]) if plain else ():
            pass


class Dated(Log):
    """Rotated by kubelet."""

    patterns = ("{}.log", "{}.log.*[0-9]")

    def _backup(self) -> Path:
        self._stamp = max(self._stamp + 1, int(time.time()))
        return self.path.with_name(f"{self.path.name}.{datetime.fromtimestamp(self._stamp, UTC):%Y%m%d-%H%M%S}")


class Small(Log):
    """Files of a few lines, which are shorter than what tells them apart might be."""

    sizes = (100, 6_000)


class Alike(Log):
    """Files that all begin with the same line."""

    def _begin(self) -> bytes:
        super()._begin()
        return HEADER


class Copied(Log):
    """copytruncate: the file stays, and its bytes go elsewhere."""

    def _rotate(self, now: float, seen: Seen) -> None:
        backup = self._backup()
        for _ in copy_and_truncate(self.path, backup):
            time.sleep(self.random.choice((0.0, 0.0, 0.02)))
        self._next(backup, now, seen)


class CutShort(Log):
    """Truncated, and nothing is kept."""

    def _rotate(self, now: float, seen: Seen) -> None:  # noqa: ARG002 - the base's signature
        if seen.may_harm(self._began, self._wrote):
            os.truncate(self.path, 0)
            self._harmed(self.file)
            self._number += 1
            self._size = 0


class Removed(Log):
    """Unlinked, and begun anew: often with the same inode."""

    def _rotate(self, now: float, seen: Seen) -> None:  # noqa: ARG002 - the base's signature
        if seen.may_harm(self._began, self._wrote):
            self.path.unlink()
            self._harmed(self.file)
            self._number += 1
            self._size = 0


class Scarce(Log):
    """Of whose backups the latest are kept, read or not."""

    sizes = (50_000, 150_000)
    kept = 3


class Few(Numbered):
    """Rotated by Docker, which keeps as few."""

    sizes = Scarce.sizes
    kept = Scarce.kept


def line(name: str, number: int, random: Random) -> bytes:
    padding = "x" * random.choice((10, 200, 200, 900, 5_000))
    # What differs comes last, as the time does in Tetragon's.
    return json.dumps({"node_name": name, "padding": padding, "number": number}).encode() + b"\n"
