"""What has changed in the book since it was saved as a whole: lines that are appended to a file beside it.

A line is a few hundred bytes, and costs as little in a book of ten thousand logs: so it is written at once.
"""

import errno
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import Final

import msgspec

from app.ship.book import LOSSES_KEPT, Book, LogBook, Loss, Place, Totals

_encode: Final = msgspec.json.Encoder().encode


class Change(msgspec.Struct, omit_defaults=True):
    """Of one log. What it holds is as it stands when it is written, so that nothing can be counted twice."""

    path: str
    after: str = ""  # which book it goes with
    gone: list[str] = []
    forgotten: list[str] = []  # paths of logs whose totals are among these
    files: dict[str, Place] = {}  # by Place.file
    totals: dict[str, Totals] = {}
    losses: list[Loss] = []

    def keep(self, place: Place) -> None:
        self.files[place.file] = place

    def strike(self, place: Place) -> None:
        self.files.pop(place.file, None)
        self.gone.append(place.file)


def name_of_save(book: Book) -> str:
    return f"{book.id}.{book.saved}"


def lines_of(changes: Iterable[Change], after: str) -> bytes:
    lines: list[bytes] = []
    for change in changes:
        change.after = after
        lines += (_encode(change), b"\n")
    return b"".join(lines)


def apply(book: Book, journal: bytes) -> None:
    """Brings the book up to date. The journal of another one changes nothing.

    What a kill, a full disk or a loss of power has left of the last lines is no line, and neither is what follows it.
    """
    after, places = name_of_save(book), _Places(book)
    *lines, _ = journal.split(b"\n")
    for line in lines:
        try:
            change = msgspec.json.decode(line, type=Change)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            break
        if change.after != after:
            break
        for path in change.forgotten:
            places.forget(path)
        of_log = places.of(change.path)
        for name in change.gone:
            of_log.pop(name, None)
        of_log.update(change.files)
        book.logs[change.path].totals.update(change.totals)
        book.losses += change.losses
    del book.losses[:-LOSSES_KEPT]
    places.put_back()


class _Places:
    """Those of a book by name, while there are many changes."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._by_log: dict[str, dict[str, Place]] = {}

    def of(self, path: str) -> dict[str, Place]:
        if path not in self._by_log:
            entry = self._book.logs.setdefault(path, LogBook())
            self._by_log[path] = {place.file: place for place in entry.files}
        return self._by_log[path]

    def forget(self, path: str) -> None:
        self._by_log.pop(path, None)
        self._book.logs.pop(path, None)

    def put_back(self) -> None:
        for path, places in self._by_log.items():
            self._book.logs[path].files = list(places.values())


class Journal:
    """Begins anew with each save. What is appended outlives a kill, and once it is synchronized a loss of power."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._synchronized = False  # in part, so that its name is
        self.is_open = True  # for more lines
        self.bytes = 0

    def read(self) -> bytes:
        """Raises OSError."""
        try:
            text = read_file(self._path)
        except FileNotFoundError:
            return b""
        self.bytes, self.is_open = len(text), not text
        return text

    def append(self, changes: Iterable[Change], after: str) -> None:
        """Raises OSError, upon which it has a gap. To be called while it is open; it is again after the next save."""
        assert self.is_open
        text = lines_of(changes, after)
        self.is_open = False
        if self._descriptor is None:
            # O_EXCL and O_NOFOLLOW: nobody's link is written through.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._path.unlink(missing_ok=True)
            self._descriptor = os.open(self._path, flags, 0o600)
            self._synchronized = False
        self.bytes += len(text)
        if os.write(self._descriptor, text) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.is_open = True

    def synchronizing(self) -> Callable[[], None]:
        """To be called in any thread, whatever becomes of the journal meanwhile. Raises OSError."""
        if self._descriptor is None:
            return lambda: None
        folder = None if self._synchronized else self._path.parent
        self._synchronized = True
        return partial(_synchronize, os.dup(self._descriptor), folder)

    def drop(self) -> None:
        """Raises OSError. To be called once a save has made it void."""
        self.close()
        self._path.unlink(missing_ok=True)
        self.is_open, self.bytes = True, 0

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def read_file(path: Path) -> bytes:
    """Raises OSError."""
    # Without O_NONBLOCK the opening of a named pipe would wait for its writer.
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        if not S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return file.read()


def synchronize_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _synchronize(descriptor: int, folder: Path | None) -> None:
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    if folder is not None:
        synchronize_folder(folder)
