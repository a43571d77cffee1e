"""The position file: the book as a whole, and beside it the journal of what has changed since.

The whole is megabytes where there are thousands of logs, and is written now and then; the journal is written at once.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from app.errors import SettingsError, Stop
from app.ship.book import Book, decode_book, pieces_of
from app.ship.journal import Change, Journal, apply, name_of_save, read_file, synchronize_folder

_JOURNAL_BYTES: Final = 1024 * 1024  # at the least, before all is saved as a whole


class PositionFile:
    """Replaces the file by renaming a new one over it: a reader, or a kill at any moment, finds the old or the new.

    A journal names the save that it goes with: one that a kill has left beside a later save counts for nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new = path.with_name(path.name + ".new")
        self._journal = Journal(path.with_name(path.name + ".journal"))
        self._saved = b""  # its digest
        self._bytes = 0
        self._after = ""

    def load(self) -> Book:
        """Raises Stop where going on would forget what is already sent."""
        try:
            text = read_file(self.path)
        except FileNotFoundError:
            return Book()
        except OSError as error:
            raise unusable(self.path, error) from error
        try:
            book = decode_book(text)
        except (ValueError, msgspec.MsgspecError, RecursionError) as error:
            raise Stop(
                f"Position file {str(self.path)!r} cannot be understood: {error}. Expected what tetrastash of this "
                "version wrote. Move it away to send every file from its beginning; nothing will be stored twice."
            ) from error
        self._saved, self._bytes, self._after = blake2b(text).digest(), len(text), name_of_save(book)
        try:
            apply(book, self._journal.read())
        except OSError as error:
            raise unusable(self.path, error) from error
        return book

    def save(self, book: Book) -> None:
        """Raises OSError; the old file and its journal then still stand."""
        if self._journal.bytes:
            book.saved += 1
        digest, size = blake2b(), 0
        # What a kill left behind is in the way; O_EXCL and O_NOFOLLOW: nobody's link is written through.
        self._new.unlink(missing_ok=True)
        descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            for piece in pieces_of(book):
                size += file.write(piece)
                digest.update(piece)
            if digest.digest() == self._saved and self._journal.is_open:
                self._new.unlink()
                return
            file.flush()
            os.fsync(descriptor)
        self._new.rename(self.path)
        self._saved, self._bytes, self._after = digest.digest(), size, name_of_save(book)
        self._journal.drop()
        synchronize_folder(self.path.parent)

    @property
    def takes_changes(self) -> bool:
        """Whether the journal lacks nothing so far, and is not too long to be read again."""
        return bool(self._saved) and self._journal.is_open and self._journal.bytes < max(_JOURNAL_BYTES, self._bytes)

    @property
    def has_changes(self) -> bool:
        """Whether there is anything that the file itself does not say."""
        return self._journal.bytes > 0

    def append(self, changes: Iterable[Change]) -> None:
        """They outlive a kill, but no loss of power. To be called while it takes changes. Raises OSError."""
        self._journal.append(changes, self._after)

    def synchronizing(self) -> Callable[[], None]:
        """To be called in any thread, upon which what was appended so far outlives a loss of power. Raises OSError."""
        return self._journal.synchronizing()

    def close(self) -> None:
        self._journal.close()


@contextmanager
def locked(path: Path) -> Iterator[PositionFile]:
    """Raises Stop while another process holds it, and SettingsError where it cannot be made."""
    try:
        if not path.name:  # "" and "/"
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(
            path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
    except OSError as error:
        raise unusable(path, error) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Stop(
                f"Position file {str(path)!r} is in use by another `tetrastash ship`. "
                "Stop that one, or give this one its own by TETRASTASH_POSITIONS."
            ) from None
        positions = PositionFile(path)
        try:
            yield positions
        finally:
            positions.close()
    finally:
        os.close(lock)


def unusable(path: Path, error: OSError) -> SettingsError:
    reason = "its folder is a file" if isinstance(error, FileExistsError) else error.strerror
    return SettingsError(
        f"Setting TETRASTASH_POSITIONS has value {str(path)!r}, where no file can be kept: {reason}. "
        "Expected a path in a folder that this user may write to."
    )
