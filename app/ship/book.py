"""What a shipper keeps: how far each file is durable in Kafka, and what was counted on the way there. Pure.

Positions and counters are of one moment wherever they are written down: after a kill they still belong together.
"""

import os
from collections.abc import Iterator
from typing import Annotated, Final, TypeAlias

import msgspec

from schemas.identity import fingerprint

VERSION: Final = 1
LOSSES_KEPT: Final = 1000  # the counters know of all of them
GONE_KEPT: Final = 1000  # logs of which no file is left; what was counted of others is kept all together
TOGETHER: Final = ""  # as the path of a log: those others


Offset: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]  # a person may have changed it


class Place(msgspec.Struct):
    """How far one file of a log is durable. All sizes and positions are of uncompressed bytes."""

    file: str  # its fingerprint; with .1, .2 … where several files of the log begin alike
    key: str = ""
    position: Offset = 0
    line: Offset = 0  # ordinal of the line that begins at position
    seam: str = ""  # fingerprint of the last bytes before position: it tells a file from another that begins alike
    size: Offset = 0  # when last seen
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
    saved: int = 0  # how often; a journal goes with one of them
    counted: Counted = msgspec.field(default_factory=Counted)
    logs: dict[str, LogBook] = {}
    losses: list[Loss] = []


def told_path(path: str) -> str:
    """As the book and statements, which are JSON, have it: a name may have bytes that are no UTF-8."""
    told = os.fsencode(path).decode("utf-8", "backslashreplace")
    return path if told == path else told  # ten thousand of them would be another megabyte


class _Version(msgspec.Struct):
    version: int


def decode_book(text: bytes) -> Book:
    """Raises ValueError for anything but a book of this version."""
    version = msgspec.json.decode(text, type=_Version).version
    if version != VERSION:
        raise ValueError(f"version is {version}, expected {VERSION}")
    return msgspec.json.decode(text, type=Book)


def encode_book(book: Book) -> bytes:
    return b"".join(pieces_of(book))


def pieces_of(book: Book) -> Iterator[bytes]:
    """Its text, a log at a time: that of ten thousand is megabytes, which need not be in memory."""
    before, _, after = _text(Book(book.version, book.id, book.saved, book.counted, {}, book.losses)).partition(
        b'"logs": {}'
    )
    yield before + b'"logs": {'
    behind = b""
    for path, entry in book.logs.items():
        yield behind + _text({path: entry})[1:-2].replace(b"\n", b"\n ")  # a line feed within a string is escaped
        behind = b","
    yield (b"\n }" if behind else b"}") + after + b"\n"


def _text(what: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(what), indent=1)
