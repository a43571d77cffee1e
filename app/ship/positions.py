"""The position file: how far each file is durable in Kafka, and what was counted on the way there.

Positions and counters are one file, replaced as a whole: after a kill both stand where they stood together.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from app.errors import SettingsError, Stop
from schemas.identity import fingerprint

VERSION: Final = 1
LOSSES_KEPT: Final = 1000  # the counters know of all of them


class Place(msgspec.Struct):
    """How far one file of a log is durable. All sizes and positions are of uncompressed bytes."""

    file: str  # its fingerprint; with .1, .2 … where several files of the log begin alike
    key: str = ""
    position: int = 0
    line: int = 0  # ordinal of the line that begins at position
    seam: str = ""  # fingerprint of the last bytes before position: it tells a file from another that begins alike
    size: int = 0  # when last seen
    ended: bool = False  # rotated away, and durable to its end

    def begins(self, line: bytes) -> bool:
        """Whether it is the first line of this file, or of one that begins alike."""
        return fingerprint(line) == self.file.partition(".")[0]


class Totals(msgspec.Struct):
    """Of one record key of a log, since the position file was made."""

    lines: int = 0
    bytes: int = 0
    blocks: int = 0
    lost_lines: int = 0  # too long to be sent
    lost_files: int = 0  # vanished before they were read to their end
    lost_bytes: int = 0  # of both

    def add(self, other: "Totals") -> None:
        self.lines += other.lines
        self.bytes += other.bytes
        self.blocks += other.blocks
        self.lost_lines += other.lost_lines
        self.lost_files += other.lost_files
        self.lost_bytes += other.lost_bytes


class LogBook(msgspec.Struct):
    files: list[Place] = []
    totals: dict[str, Totals] = {}


class Loss(msgspec.Struct):
    """`bytes` are those known to be lost: a file may have grown after it was last seen."""

    at: str  # when it was noticed
    path: str
    file: str
    key: str
    position: int
    bytes: int
    reason: str


class Counted(msgspec.Struct):
    """To which topic statements are sent, and how many lines of each record key were sent before the first of them."""

    topic: str = ""
    base: dict[str, int] = {}


class Book(msgspec.Struct):
    """`id` goes with every block: what is sent again by this book is told from what another book sends."""

    version: int = VERSION
    id: str = ""
    counted: Counted = msgspec.field(default_factory=Counted)
    logs: dict[str, LogBook] = {}
    losses: list[Loss] = []


class _Version(msgspec.Struct):
    version: int


def decode_book(text: bytes) -> Book:
    """Raises ValueError for anything but a book of this version."""
    version = msgspec.json.decode(text, type=_Version).version
    if version != VERSION:
        raise ValueError(f"version is {version}, expected {VERSION}")
    return msgspec.json.decode(text, type=Book)


def encode_book(book: Book) -> bytes:
    return b"".join(_pieces(book))


def _pieces(book: Book) -> Iterator[bytes]:
    """Its text, a log at a time: that of ten thousand is megabytes, which need not be in memory."""
    before, _, after = _text(Book(book.version, book.id, book.counted, {}, book.losses)).partition(b'"logs": {}')
    yield before + b'"logs": {'
    behind = b""
    for path, entry in book.logs.items():
        yield behind + _text({path: entry})[1:-2].replace(b"\n", b"\n ")  # a line feed within a string is escaped
        behind = b","
    yield (b"\n }" if behind else b"}") + after + b"\n"


def _text(what: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(what), indent=1)


class PositionFile:
    """Replaces the file by renaming a new one over it: a reader, or a kill at any moment, finds the old or the new."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(path.name + ".new")
        self._saved = b""  # its digest

    def load(self) -> Book:
        """Raises Stop where going on would forget what is already sent."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return Book()
        except OSError as error:
            raise unusable(self._path, error) from error
        self._saved = blake2b(text).digest()
        try:
            return decode_book(text)
        except (ValueError, msgspec.MsgspecError) as error:
            raise Stop(
                f"Position file {str(self._path)!r} cannot be understood: {error}. Expected what tetrastash of this "
                "version wrote. Move it away to send every file from its beginning; nothing will be stored twice."
            ) from error

    def save(self, book: Book) -> None:
        """Raises OSError; the old file then still stands."""
        digest = blake2b()
        # What a kill left behind is in the way; O_EXCL and O_NOFOLLOW: nobody's link is written through.
        self._new.unlink(missing_ok=True)
        descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            for piece in _pieces(book):
                file.write(piece)
                digest.update(piece)
            if digest.digest() == self._saved:
                self._new.unlink()
                return
            file.flush()
            os.fsync(descriptor)
        self._new.rename(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._saved = digest.digest()


@contextmanager
def locked(path: Path) -> Iterator[PositionFile]:
    """Raises Stop while another process holds it, and SettingsError where it cannot be made."""
    try:
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
        yield PositionFile(path)
    finally:
        os.close(lock)


def unusable(path: Path, error: OSError) -> SettingsError:
    reason = "its folder is a file" if isinstance(error, FileExistsError) else error.strerror
    return SettingsError(
        f"Setting TETRASTASH_POSITIONS has value {str(path)!r}, where no file can be kept: {reason}. "
        "Expected a path in a folder that this user may write to."
    )
