"""Reading a file at a position of its uncompressed bytes, whether it is packed or not."""

import errno
import os
import resource
import zlib
from stat import S_ISREG
from typing import Final, Protocol

_PACKED_BYTES: Final = 64 * 1024  # read at a time
_SPARED: Final = 64  # descriptors, for Kafka, the position file and whoever asks for the status
_UNPACKED_BYTES: Final = 256 * 1024  # kept at a time, so that a bomb cannot fill the memory


class SourceError(Exception):
    """The file's bytes do not make sense; its text says how."""


class Source(Protocol):
    """Held open: a rename or an unlink changes nothing."""

    inode: tuple[int, int]
    damage: SourceError | None  # why what was read last is not followed by more, if not because the file ends there

    def size(self) -> int | None:
        """Of the uncompressed bytes; None if only reading on will tell."""

    def read(self, position: int, into: memoryview) -> int:
        """How many bytes it put at the start of `into`; fewer than fit only at the end of the file, or at damage."""

    def signature(self) -> tuple[int, int, int]:
        """Another one if it may have other bytes than before. Raises OSError."""

    def close(self) -> None: ...


class Plain:
    __slots__ = ("_descriptor", "damage", "inode")

    def __init__(self, path: str) -> None:
        self._descriptor, self.inode = _open(path)
        self.damage: SourceError | None = None

    def size(self) -> int | None:
        return os.fstat(self._descriptor).st_size

    def read(self, position: int, into: memoryview) -> int:
        return os.preadv(self._descriptor, [into], position)

    def signature(self) -> tuple[int, int, int]:
        return signature_of(os.fstat(self._descriptor))

    def close(self) -> None:
        os.close(self._descriptor)


class Gzip:
    """Going back means to unpack from the start again: only the bytes since the last position asked for are kept."""

    def __init__(self, path: str) -> None:
        self._descriptor, self.inode = _open(path)
        self.seen = self.signature()
        self._restart()

    def _restart(self) -> None:
        self.damage: SourceError | None = None
        self._packed_at = 0
        self._unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        self._fed = False  # whether the current member has begun
        self._any = False  # whether a member has
        self._kept = bytearray()
        self._kept_at = 0

    def size(self) -> int | None:
        return None

    def has_changed(self) -> bool:
        """Since it was opened, or this was asked: another member may have come. Raises OSError."""
        before, self.seen = self.seen, self.signature()
        return self.seen != before

    def signature(self) -> tuple[int, int, int]:
        return signature_of(os.fstat(self._descriptor))

    def states(self, size: int) -> bool:
        """Whether `size` is that of the uncompressed bytes, modulo 2**32, as the last member's trailer has it."""
        packed = os.fstat(self._descriptor).st_size
        return int.from_bytes(os.pread(self._descriptor, 4, max(packed - 4, 0)), "little") == size % 2**32

    def read(self, position: int, into: memoryview) -> int:
        if position < self._kept_at:
            self._restart()
        more = True
        while more and self._kept_at + len(self._kept) < position + len(into):
            surplus = min(position - self._kept_at, len(self._kept))
            if surplus > 0:
                del self._kept[:surplus]
                self._kept_at += surplus
            try:
                more = self.damage is None and self._unpack_more()
            except SourceError as damage:
                self.damage = damage  # what came before it is as good as ever
                more = False
        start = position - self._kept_at
        got = max(0, min(len(into), len(self._kept) - start))
        into[:got] = memoryview(self._kept)[start : start + got]
        return got

    def _unpack_more(self) -> bool:
        """Whether there was more."""
        data = self._unpack.unconsumed_tail
        if not data and self._unpack.eof:
            data = self._unpack.unused_data.lstrip(b"\0")  # members may be padded
            self._unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            self._fed = False
        if not data:
            data = os.pread(self._descriptor, _PACKED_BYTES, self._packed_at)
            self._packed_at += len(data)
            if not data and not self._fed:
                if not self._any:  # nothing packs to no bytes: whoever writes it has not begun
                    raise self._broken_off()
                return False
            if not self._fed:
                data = data.lstrip(b"\0")
                if not data:
                    return True  # nothing but padding
        try:
            unpacked = self._unpack.decompress(data, _UNPACKED_BYTES)
        except zlib.error as error:
            raise SourceError(f"the packed data is damaged before byte {self._packed_at}: {error}") from None
        # Without new data the last of the old may still come out, or the end be recognised.
        if not (data or unpacked or self._unpack.eof):
            raise self._broken_off()
        self._kept += unpacked
        self._fed = self._fed or bool(data)
        self._any = self._any or self._fed
        return True

    def _broken_off(self) -> SourceError:
        return SourceError(f"the packed data breaks off after {self._packed_at} bytes")

    def close(self) -> None:
        os.close(self._descriptor)


def signature_of(status: os.stat_result) -> tuple[int, int, int]:
    """Another one if the file may have other bytes than before."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def _open(path: str) -> tuple[int, tuple[int, int]]:
    # Without O_NONBLOCK the opening of a named pipe would wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptor >= limit - min(_SPARED, limit // 2):  # they are given out from 0 on
        os.close(descriptor)
        raise OSError(errno.EMFILE, f"{os.strerror(errno.EMFILE)}, of which this process may have {limit}")
    status = os.fstat(descriptor)
    if not S_ISREG(status.st_mode):
        os.close(descriptor)
        raise SourceError("it is a folder, or no regular file")
    return descriptor, (status.st_dev, status.st_ino)
