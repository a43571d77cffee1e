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
        backup = self.path.with_name(f"tetragon-{_stamp(time)}.log")
        if backup.exists():
            raise FileExistsError(f"Backup {str(backup)!r} is there: the log filled up twice within a millisecond.")
        self.path.rename(backup)
        self._file = self.path.open("xb", buffering=0)
        self._size = 0
        if self._packs:
            partial = backup.with_name(f"{backup.name}.gz.tmp")
            # Without the time of packing, so that the same lines are the same bytes.
            partial.write_bytes(gzip.compress(backup.read_bytes(), mtime=0))
            partial.rename(backup.with_name(f"{backup.name}.gz"))
            backup.unlink()


def _stamp(time: int) -> str:
    seconds, fraction = divmod(time, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H-%M-%S}.{fraction // 10**6:03}"
