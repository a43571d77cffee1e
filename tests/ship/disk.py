"""What Tetragon does to a folder of logs, and a tail that is driven without Kafka."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.ship.book import Book, decode_book, encode_book
from app.ship.choices import EVERYTHING, Choices
from app.ship.files import Block
from app.ship.journal import apply, lines_of, name_of_save
from app.ship.tail import Tail
from app.ship.watching import Unwatched, Watching
from examples.rotation import backup_of, pack

ROTATED_AT = 1_767_366_240 * 10**9  # ns since 1970


@contextmanager
def a_folder_without_root() -> Iterator[Path]:
    """Root may read and write anything: as root, the test goes on as somebody else."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            if root:
                os.seteuid(0)


class Writer:
    """Writes a log and rotates it as Tetragon does."""

    def __init__(self, folder: Path, name: str = "tetragon.log") -> None:
        self.log = folder / name
        self.written: list[bytes] = []  # lines, without their ends
        self._torn = b""
        self._rotations = 0

    def write(self, data: bytes) -> None:
        with self.log.open("ab") as file:
            file.write(data)
        *whole, self._torn = (self._torn + data).split(b"\n")
        self.written += whole

    def copy(self) -> Path:
        backup = self._next_backup()
        backup.write_bytes(self.log.read_bytes())
        return backup

    def copy_and_truncate(self) -> Path:
        backup = self.copy()
        os.truncate(self.log, 0)
        return backup

    def _next_backup(self) -> Path:
        self._rotations += 1
        return backup_of(self.log, ROTATED_AT + self._rotations * 10**9)

    def rotate(self) -> Path | None:
        if not self.log.exists():
            return None
        if self._torn:
            self.written.append(self._torn)
            self._torn = b""
        backup = self._next_backup()
        self.log.rename(backup)
        return backup

    def backups(self) -> list[Path]:
        return sorted(self.log.parent.glob(f"{self.log.stem}-*{self.log.suffix}"))

    @staticmethod
    def pack(backup: Path) -> None:
        """Leaves the plain backup in place."""
        pack(backup, level=1)


class Reading:
    """A tail with a clock that stands still, and what of it became durable, as (path, file, position, bytes)."""

    def __init__(
        self,
        *paths: os.PathLike[str] | str,
        once: bool = False,
        node: str | None = None,
        watch: Watching | None = None,
        choices: Choices = EVERYTHING,
        effort: Callable[[], float] = lambda: 0.0,
        wall: Callable[[], float] | None = None,
    ) -> None:
        self.effort = effort
        self.watch = watch or Unwatched()
        self.choices = choices
        self.paths = [os.fspath(path) for path in paths]
        self.once = once
        self.node = node
        self.now = 0.0
        self.wall = wall or (lambda: 1_700_000_000 + self.now)
        self.stopped = 0.0  # seconds, between when the time was asked for and what is done then
        self.takes = 0.0  # likewise, between one question for the time and the next
        self.saved, self.journal = encode_book(Book()), b""
        self.flying: list[tuple[Block, bytes]] = []
        self.durable: list[tuple[Block, bytes]] = []
        self._start()

    def _start(self) -> None:
        self.book = self.kept()
        self.tail = Tail(
            self.paths,
            self.book,
            node=self.node,
            host="host",
            once=self.once,
            wall=self.wall,
            watch=self.watch,
            choices=self.choices,
            clock=self._clock,
            effort=self.effort,
        )

    def _clock(self) -> float:
        self.stopped += self.takes
        return self.now + self.stopped

    def restart(self) -> None:
        """As after a kill: only what was saved is known."""
        self.tail.close()
        self.flying.clear()
        self._start()

    def save(self) -> None:
        self.tail.note()
        self.tail.take_changes()
        self.saved, self.journal = encode_book(self.book), b""

    def write_down(self) -> None:
        """What has changed since, and nothing more."""
        self.journal += lines_of(self.tail.take_changes(), name_of_save(self.book))

    def kept(self) -> Book:
        """As a kill would leave it."""
        book = decode_book(self.saved)
        apply(book, self.journal)
        return book

    def blocks(self) -> Iterator[Block]:
        for log in self.tail.awake():
            while (block := log.next_block(self.now)) is not None:
                yield block

    def step(self, seconds: float = 0.1, most: int = 1_000_000) -> None:
        self.look(seconds)
        self.read(most)

    def look(self, seconds: float = 0.1) -> None:
        self.now += seconds
        self.tail.heed(self.watch.changes(), self.now)
        self.tail.look(self.now)

    def read(self, most: int) -> None:
        for _, block in zip(range(most), self.blocks(), strict=False):
            self.flying.append((block, bytes(block.value)))

    def acknowledge(self, most: int = 1_000_000) -> None:
        for block, value in self.flying[:most]:
            self.tail.settle(block)
            self.durable.append((block, value))
        del self.flying[:most]

    def fail(self) -> None:
        self.flying.clear()
        self.tail.rewind()

    def run(self, seconds: float = 3.0) -> None:
        """Until nothing more can come."""
        for _ in range(round(seconds / 0.1)):
            self.step()
            self.acknowledge()

    def lines(self) -> list[bytes]:
        found = []
        for _, value in self.durable:
            lines = value.split(b"\n")
            found += lines if lines[-1] else lines[:-1]
        return found

    def losses(self) -> list[tuple[int, int, str]]:
        return [(loss.position, loss.bytes, loss.reason) for loss in self.book.losses]


def a_read_log(folder: Path, data: bytes) -> tuple[Writer, Reading]:
    """A log of which `data` was written, and read."""
    writer = Writer(folder)
    writer.write(data)
    reading = Reading(writer.log)
    reading.run(1)
    return writer, reading
