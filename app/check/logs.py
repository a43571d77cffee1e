"""Which files `ship` would read, and the newest part of each: what it would find at its start, and nothing changed."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from app.check.finding import Finding, failed, ok, refused
from app.ship.book import Book
from app.ship.files import File
from app.ship.sources import Gzip, SourceError
from app.ship.tail import Tail
from schemas.log import LIVE

DEFAULT: Final = "/var/log/tetragon/tetragon.log"
PART: Final = 2 * 2**20  # bytes of a file that are looked at
WHOLE: Final = 24 * 2**20  # of all files together
_DENIED: Final = os.strerror(errno.EACCES)


class Sample(NamedTuple):
    """`data` is whole lines, but for a cut first one; of a packed file its beginning, for its end costs all of it."""

    data: bytes
    cut: bool


@contextmanager
def looking(paths: Sequence[str]) -> Iterator[Tail]:
    """The files as they are now, held open."""
    tail = Tail(paths, Book(), node=None, host="", once=True, wall=lambda: 0.0)
    try:
        tail.look(0.0)
        yield tail
    finally:
        tail.close()


def log_findings(tail: Tail) -> Iterator[Finding]:
    for path, log in tail.logs.items():
        live = any(file.stamp == LIVE for file in log.files)
        backups = [file for file in log.files if file.stamp != LIVE]
        if live or backups:
            yield ok("log", f"{path!r} {_told(backups, live=live)}")
    for sentence in tail.problems.values():
        finding = refused("log", sentence)
        if _DENIED in sentence:
            yield finding._replace(
                todo="Run as root, or set Tetragon's export-file-perm to 640 (Helm: tetragon.exportFilePerm) and run "
                "as a user of the file's group; the folder must let that user in, too."
            )
        elif "names no file" in sentence:
            yield finding._replace(todo="Expected the log that Tetragon writes: see its flag --export-filename.")
        else:
            yield failed("log", finding.text, "Expected a file or folder that this user may read.")


def samples(tail: Tail) -> Iterator[Sample]:
    """The newest files first."""
    left = WHOLE
    for log in tail.logs.values():
        for file in reversed(log.files):
            sample = _sample(file, min(PART, left)) if left else None
            if sample is not None:
                left -= len(sample.data)
                yield sample


def _told(backups: Sequence[File], *, live: bool) -> str:
    if not backups:
        return "can be read; it has no backups"
    packed = sum(isinstance(file.source, Gzip) for file in backups)
    told = "1 backup" if len(backups) == 1 else f"{len(backups):,} backups"
    if packed:
        told += f", {packed:,} of them packed"
    if size := sum(file.size or 0 for file in backups):
        told += f", {size / 2**20:,.1f} MiB unpacked"
    oldest = min(file.stamp for file in backups)
    if oldest[:1].isdigit():
        told += f", since {oldest}"
    return f"can be read, and {told}" if live else f"is not there; its {told} can be read"


def _sample(file: File, most: int) -> Sample | None:
    source = file.source
    if source is None:
        return None
    size = None if isinstance(source, Gzip) else source.size()
    start = max((size or 0) - most, 0)
    data = bytearray(most)
    try:
        got = source.read(start, memoryview(data))
    except (OSError, SourceError):
        return None
    begin = data.find(b"\n", 0, got) + 1 if start else 0
    return Sample(bytes(data[begin : data.rfind(b"\n", 0, got) + 1]), cut=start > 0 or got == most)
