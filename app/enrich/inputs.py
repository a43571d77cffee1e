"""What the filter reads, as the records that the shipper would make of it."""

import gzip
import io
import os
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import IO, Final

from app.errors import Stop
from app.settings import Settings, host_name
from schemas.identity import fingerprint
from schemas.log import HEAD_BYTES, first_line, key_in, name_of
from schemas.record import FILE, PATH, POSITION, Record

BLOCK: Final = 256 * 1024  # bytes, of uncompressed lines

_GZIP: Final = b"\x1f\x8b"


def records(files: Sequence[str], settings: Settings) -> Iterator[Record]:
    """Of all `files` in their order; of stdin if there is none, or `-` alone. Raises Stop before the first if one of
    them cannot be opened."""
    with ExitStack() as opened:
        if list(files) in ([], ["-"]):
            yield from _records(sys.stdin.buffer, None, time.time(), settings)
            return
        readers = [(opened.enter_context(_open(file)), file) for file in files]
        for reader, file in readers:
            modified = os.fstat(reader.fileno()).st_mtime
            try:
                yield from _records(reader, file, modified, settings)
            except (EOFError, OSError, zlib.error) as error:
                raise Stop(f"File {file!r} cannot be read: {error}. Expected Tetragon's log, plain or .gz.") from error


def _open(file: str) -> io.BufferedReader:
    try:
        return open(file, "rb")
    except OSError as error:
        raise Stop(
            f"File {file!r} cannot be opened: {error.strerror}. Expected Tetragon's log, plain or .gz, which this user "
            "may read."
        ) from error


def _records(reader: IO[bytes], file: str | None, timestamp: float, settings: Settings) -> Iterator[Record]:
    headers: dict[str, bytes] = {}
    if file is not None:
        path = os.path.abspath(file)
        name = name_of(path)
        headers[PATH] = (name.log if name is not None else path).encode("utf-8", "surrogateescape")
    key = b""
    position = 0
    for number, block in enumerate(_blocks(reader)):
        if not number:
            headers[FILE] = fingerprint(first_line(block[:HEAD_BYTES], final=True) or b"").encode()
            key = settings.node.encode() if settings.node else key_in(block) or host_name().encode()
        here = {**headers, POSITION: b"%d" % position}
        yield Record(settings.events_topic, 0, number, int(timestamp * 1000), key, block, here)
        position += len(block)


def _blocks(reader: IO[bytes]) -> Iterator[bytes]:
    """Whole lines; what a pipe has brought is not kept waiting for more."""
    assert isinstance(reader, io.BufferedReader)
    source = gzip.GzipFile(fileobj=reader) if reader.peek(len(_GZIP)).startswith(_GZIP) else reader
    rest: list[bytes] = []
    while data := source.read1(BLOCK):
        end = data.rfind(b"\n") + 1
        if end:
            yield b"".join([*rest, data[:end]])
            rest = []
        if end < len(data):
            rest.append(data[end:])
    if rest:
        yield b"".join(rest)
