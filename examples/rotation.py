"""A log as Tetragon keeps it: renamed when it is full, to a name that says when, and packed if it is told to."""

import gzip
from datetime import UTC, datetime
from pathlib import Path


class Log:
    """`tetragon.log` in a folder. No backup is ever deleted. `largest` in bytes."""

    def __init__(self, folder: Path, largest: int, packs: bool) -> None:
        self.path = folder / "tetragon.log"
        self._largest = largest
        self._packs = packs
        folder.mkdir(parents=True)
        self._file = self.path.open("xb", buffering=0)
        self._size = 0

    def write(self, line: bytes, time: int) -> None:
        """`time` in ns since 1970; a line is never torn between two files."""
        if self._size and self._size + len(line) + 1 > self._largest:
            self._rotate(time)
        self._file.write(line + b"\n")
        self._size += len(line) + 1

    def close(self) -> None:
        self._file.close()

    def _rotate(self, time: int) -> None:
        self._file.close()
        backup = backup_of(self.path, time)
        if backup.exists():
            raise FileExistsError(f"Backup {str(backup)!r} is there: the log filled up twice within a millisecond.")
        self.path.rename(backup)
        self._file = self.path.open("xb", buffering=0)
        self._size = 0
        if self._packs:
            pack(backup)
            backup.unlink()


def backup_of(log: Path, time: int) -> Path:
    """What the log is renamed to at that time."""
    seconds, fraction = divmod(time, 10**9)
    stamp = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H-%M-%S}.{fraction // 10**6:03}"
    return log.with_name(f"{log.stem}-{stamp}{log.suffix}")


def pack(backup: Path, level: int = 9) -> Path:
    """The plain backup is left where it is."""
    packed = backup.with_name(f"{backup.name}.gz")
    partial = packed.with_name(f"{packed.name}.tmp")
    # Without the time of packing, so that the same lines are the same bytes.
    partial.write_bytes(gzip.compress(backup.read_bytes(), level, mtime=0))
    return partial.rename(packed)
