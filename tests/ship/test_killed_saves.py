"""After a kill at any instruction of a save there is the old book or the new one, and the next save works."""

import subprocess
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from app.ship.positions import Book, encode_book, locked
from tests.ship.killed import NAME, NEW, OLD

NEXT = Book(id="next")
HALF = 5000  # bytes


def nothing(folder: Path) -> None:
    folder.mkdir()


def a_book(folder: Path) -> None:
    folder.mkdir()
    with locked(folder / NAME) as positions:
        positions.save(OLD)


def a_book_and_half_a_new_one(folder: Path) -> None:
    a_book(folder)
    (folder / f"{NAME}.new").write_bytes(encode_book(NEW)[:HALF])


def left(folder: Path) -> tuple[bytes | None, bytes | None]:
    """What is in the file, and in the one that was to replace it."""
    paths = (folder / NAME, folder / f"{NAME}.new")
    book, new = (path.read_bytes() if path.exists() else None for path in paths)
    return book, new


@pytest.mark.parametrize(("before", "old"), [(nothing, Book()), (a_book, OLD), (a_book_and_half_a_new_one, OLD)])
def test_a_kill_leaves_the_old_book_or_the_new(before: Callable[[Path], None], old: Book, tmp_path: Path) -> None:
    before(tmp_path / "before")
    program = [sys.executable, "-m", "tests.ship.killed", str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    folders = sorted((path for path in tmp_path.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
    assert len(folders) > 100
    found = []
    for (_, new), kills in groupby(folders, left):
        folder = next(kills)
        with locked(folder / NAME) as positions:
            found.append((positions.load(), None if new is None else len(new)))
            positions.save(NEXT)
            assert positions.load() == NEXT
        assert sorted(path.name for path in folder.iterdir()) == [NAME, f"{NAME}.lock"]
    # One after another: what was there, nothing beside it, a file that grows, which takes its place.
    if before is a_book_and_half_a_new_one:
        assert found.pop(0) == (old, HALF)
    (first, beside), *growing, last = found
    assert (first, beside, last) == (old, None, (NEW, None))
    assert all(book == old for book, _ in growing)
    sizes = [size or 0 for _, size in growing]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (0, len(encode_book(NEW)))
