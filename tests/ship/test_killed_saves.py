"""After a kill at any instruction there is what was kept before or what was to be, and the next save works."""

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from itertools import groupby
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.ship.book import Book, LogBook, encode_book
from app.ship.positions import locked
from tests.ship.killed import CHANGE, NAME, NEW, OLD

NEXT = Book(id="next")
HALF = 5000  # bytes
LACKING = 20  # likewise
CHANGED = replace(OLD, logs=OLD.logs | {CHANGE.path: LogBook(files=list(CHANGE.files.values()))})
SAVED_AGAIN = replace(NEW, saved=1)


def nothing(folder: Path) -> None:
    folder.mkdir()


def a_book(folder: Path) -> None:
    folder.mkdir()
    with locked(folder / NAME) as positions:
        positions.save(deepcopy(OLD))


def a_book_and_half_a_new_one(folder: Path) -> None:
    a_book(folder)
    (folder / f"{NAME}.new").write_bytes(encode_book(NEW)[:HALF])


def a_book_and_its_journal(folder: Path) -> None:
    a_book(folder)
    with locked(folder / NAME) as positions:
        positions.load()
        positions.append([CHANGE])


def a_book_and_half_a_line(folder: Path) -> None:
    a_book_and_its_journal(folder)
    journal = folder / f"{NAME}.journal"
    journal.write_bytes(journal.read_bytes()[:-LACKING])


def left(folder: Path) -> tuple[bytes | None, ...]:
    """What is in the file, in the one that was to replace it, and in the journal."""
    paths = (folder / NAME, folder / f"{NAME}.new", folder / f"{NAME}.journal")
    return tuple(path.read_bytes() if path.exists() else None for path in paths)


def size_of(text: bytes | None) -> int | None:
    return None if text is None else len(text)


def killed(folder: Path, act: str) -> list[tuple[Book, int | None, int | None]]:
    """One after another: which book there is, and how many bytes beside it, of a new one and of the journal."""
    program = [sys.executable, "-m", "tests.ship.killed", str(folder), act]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    folders = sorted((path for path in folder.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
    assert len(folders) > 100
    found = []
    for (_, new, journal), kills in groupby(folders, left):
        own = next(kills)
        with locked(own / NAME) as positions:
            found.append(
                (positions.load(), None if new is None else len(new), None if journal is None else len(journal))
            )
            positions.save(deepcopy(NEXT))
            assert replace(positions.load(), saved=0) == NEXT
        assert sorted(path.name for path in own.iterdir()) == [NAME, f"{NAME}.lock"]
    return found


@pytest.mark.parametrize(
    ("before", "old", "saved"),
    [
        (nothing, Book(), NEW),
        (a_book, OLD, NEW),
        (a_book_and_half_a_new_one, OLD, NEW),
        (a_book_and_its_journal, CHANGED, SAVED_AGAIN),
        (a_book_and_half_a_line, OLD, SAVED_AGAIN),
    ],
)
def test_a_kill_during_a_save_leaves_the_old_book_or_the_new(
    before: Callable[[Path], None], old: Book, saved: Book, tmp_path: Path
) -> None:
    before(tmp_path / "before")
    *_, journal = left(tmp_path / "before")
    beside = size_of(journal)
    found = killed(tmp_path, "save")
    # What was there, nothing beside it, a file that grows, which takes its place, and the journal goes.
    if before is a_book_and_half_a_new_one:
        assert found.pop(0) == (old, HALF, None)
    if beside is not None:
        assert found.pop() == (saved, None, None)
    first, *growing, last = found
    assert first == (old, None, beside)
    assert last == (saved, None, beside)
    assert all((book, journal) == (old, beside) for book, _, journal in growing)
    sizes = [size or 0 for _, size, _ in growing]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (0, len(encode_book(saved)))


def test_a_kill_while_something_is_appended_leaves_it_out_or_in(tmp_path: Path) -> None:
    a_book(tmp_path / "before")
    (without, *_), (empty, *_), (whole, _, size) = killed(tmp_path, "append")
    assert (without, empty, whole) == (OLD, OLD, CHANGED)
    assert size
