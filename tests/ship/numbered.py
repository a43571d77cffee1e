"""Rotation by numbers, as logrotate does it: at each step of these iterators somebody may look at the folder."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path


def numbered(log: Path) -> dict[int, list[Path]]:
    """Its backups, plain or packed or both, the latest first."""
    found: dict[int, list[Path]] = {}
    for path in log.parent.glob(f"{log.name}.*"):
        found.setdefault(int(path.name.removeprefix(f"{log.name}.").removesuffix(".gz")), []).append(path)
    return dict(sorted(found.items()))


def rotate(log: Path, *, copy: bool = False) -> Iterator[None]:
    for number, paths in reversed(numbered(log).items()):
        for path in paths:
            yield
            path.rename(_of(log, number + 1, packed=path.suffix == ".gz"))
    yield
    first = _of(log, 1, packed=False)
    if not copy:
        log.rename(first)
        return
    yield from copy_and_truncate(log, first)


def copy_and_truncate(log: Path, copy: Path) -> Iterator[None]:
    """Whoever copies a large file has it half for a while."""
    data = log.read_bytes()
    with copy.open("xb", buffering=0) as file:
        yield
        file.write(data[: len(data) // 2])
        yield
        file.write(data[len(data) // 2 :])
    yield
    os.truncate(log, 0)


def pack(backup: Path) -> Iterator[None]:
    """Without a name of its own for what is not whole yet."""
    packed = gzip.compress(backup.read_bytes(), 1)
    with backup.with_name(f"{backup.name}.gz").open("xb", buffering=0) as file:
        yield
        file.write(packed[: len(packed) // 2])
        yield
        file.write(packed[len(packed) // 2 :])
    yield
    backup.unlink()


def _of(log: Path, number: int, *, packed: bool) -> Path:
    return log.with_name(f"{log.name}.{number}{'.gz' if packed else ''}")
