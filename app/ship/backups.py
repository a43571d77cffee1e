"""The files beside a log, under the names that they have at the moment."""

import os
from contextlib import suppress
from typing import Final

from app.ship.files import SEAM_BYTES, File
from app.ship.sources import Gzip, Plain, Source, SourceError, signature_of
from schemas.log import LIVE, Name, first_line, name_of, path_of

Members = dict[str, list[Name]]  # by stamp, the plain name first: a backup and its packed form are one file
NO_MEMBERS: Final[Members] = {}
WRITING_SECONDS: Final = 10.0  # after which a copy that has not grown is thought to be whole
NO_SIGNATURES: Final[dict[str, tuple[int, int, int] | None]] = {}  # by stamp


def shut(file: File) -> None:
    if file.source is not None:
        file.source.close()
        file.source = None


def open_any(names: list[Name]) -> Source:
    """Raises FileNotFoundError if there is none of them: the packed one is there before the plain one goes."""
    name = names[0]
    with suppress(FileNotFoundError):
        if not name.packed:
            return Plain(path_of(name))
    return Gzip(path_of(name._replace(packed=True)))


def is_same(file: File, names: list[Name]) -> bool:
    """Whether a backup is the file that is held open: by its inode, or packed already, by first line and size."""
    name = names[0]
    with suppress(OSError):
        if not name.packed:
            status = os.stat(path_of(name))
            return (status.st_dev, status.st_ino) == file.inode
    try:
        source = Gzip(path_of(name._replace(packed=True)))
    except (OSError, SourceError):
        return False
    try:
        return is_packed(file, source)
    finally:
        source.close()


def is_packed(file: File, source: Source) -> bool:
    """Whether the source has all of the file, by first line and size."""
    if file.place is None or file.size is None or not isinstance(source, Gzip):
        return False
    try:
        line = first_line(File(file.path, file.stamp, source, source.inode).head(), final=True)
        return line is not None and file.place.begins(line) and source.states(file.size)
    except (OSError, SourceError):
        return False


def goes_on(file: File, names: list[Name], now: float) -> bool:
    """Whether a backup holds what was read of the file; then the file is that one from now on."""
    try:
        source = open_any(names)
    except (OSError, SourceError):
        return False
    if not is_copy(file, source):
        source.close()
        return False
    file.source, file.inode, file.size = source, source.inode, source.size()
    file.stamp, file.away = names[0].stamp, now
    return True


def is_copy(file: File, source: Source) -> bool:
    """Whether it begins as the file did, and has what was read last at the same place."""
    if file.place is None:
        return False
    try:
        line = first_line(File(file.path, file.stamp, source, source.inode).head(), final=True)
        return line is not None and file.place.begins(line) and file.holds_seam(source)
    except (OSError, SourceError):
        return False


def may_become_copy(file: File, source: Source, wall: float) -> bool:
    """Whether it has what the file has, as far as it goes by now, and is still being written."""
    try:
        size = source.size()
        _, _, written = source.signature()
        is_written = abs(wall - written / 1e9) < WRITING_SECONDS
        if not is_written or size is None or size > (file.size or 0) or file.source is None:
            return False
        copied, original = (bytearray(min(SEAM_BYTES, size)) for _ in range(2))
        source.read(size - len(copied), memoryview(copied))
        file.source.read(size - len(original), memoryview(original))
        return copied == original
    except (OSError, SourceError):
        return False


def target_of(path: str) -> str | None:
    """Of a log that is a link to one."""
    if not os.path.islink(path):
        return None
    name = name_of(os.path.realpath(path))
    return name.log if name is not None and name.stamp == LIVE else None


def size_of(name: Name) -> int:
    try:
        return os.stat(path_of(name)).st_size
    except OSError:
        return 0


def signature(names: list[Name]) -> tuple[tuple[int, int, int], ...]:
    """Another one if a file may have other bytes than before; empty if none is there."""
    found = []
    for name in names:
        with suppress(OSError):
            found.append(signature_of(os.stat(path_of(name))))
    return tuple(found)
