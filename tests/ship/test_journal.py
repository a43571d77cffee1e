"""What is appended between two saves outlives a kill, and nothing that was left of a line is taken for one."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import pytest

from app.ship.book import LOSSES_KEPT, Book, LogBook, Loss, Place, Totals
from app.ship.journal import Change, apply, lines_of, name_of_save
from app.ship.positions import PositionFile, locked

BEFORE = Book(id="id", logs={"/a.log": LogBook(files=[Place("a"), Place("b")], totals={"n": Totals(lines=1)})})
LOSS = Loss("at", "/a.log", "a", "n", 0, 7, "why")
CHANGES = [
    Change("/a.log", files={"b": Place("b", position=5, line=1)}, totals={"n": Totals(lines=2, bytes=5)}),
    Change("/a.log", gone=["a"], files={"c": Place("c")}, losses=[LOSS]),
    Change("/new.log", files={"d": Place("d", position=9)}, totals={"m": Totals(lines=3)}),
    Change("/a.log", gone=["c"], files={"c": Place("c", position=1)}, totals={"n": Totals(lines=3, bytes=6)}),
]
AFTER = Book(
    id="id",
    logs={
        "/a.log": LogBook(
            files=[Place("b", position=5, line=1), Place("c", position=1)], totals={"n": Totals(lines=3, bytes=6)}
        ),
        "/new.log": LogBook(files=[Place("d", position=9)], totals={"m": Totals(lines=3)}),
    },
    losses=[LOSS],
)


def brought_up(journal: bytes) -> Book:
    book = deepcopy(BEFORE)
    apply(book, journal)
    return book


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "positions.json"


@pytest.fixture
def journal(path: Path) -> Path:
    return path.with_name("positions.json.journal")


def test_what_was_appended_comes_back_with_the_book(path: Path) -> None:
    with locked(path) as positions:
        positions.save(BEFORE)
        for change in CHANGES:
            positions.append([change])
    assert PositionFile(path).load() == AFTER


def test_whatever_is_left_of_the_last_lines_the_ones_before_it_count() -> None:
    lines = [lines_of([change], name_of_save(BEFORE)) for change in CHANGES]
    journal = b"".join(lines)
    states = [brought_up(b"".join(lines[:count])) for count in range(len(lines) + 1)]
    assert states[-1] == AFTER
    for cut in range(len(journal) + 1):
        whole = journal[:cut].count(b"\n")
        assert brought_up(journal[:cut]) == states[whole]
        assert brought_up(journal[:cut] + bytes(len(journal) - cut)) == states[whole], "as a file system may leave it"
        assert brought_up(journal[:cut] + b"?\n" + journal) == states[whole]


def test_a_journal_counts_for_the_save_that_it_goes_with_and_no_other(path: Path, journal: Path) -> None:
    book = deepcopy(BEFORE)
    with locked(path) as positions:
        positions.save(book)
        positions.append(CHANGES)
        old = journal.read_bytes()
        apply(book, old)
        positions.save(book)
        assert not journal.exists()
        journal.write_bytes(old)  # as a kill leaves it just before that
        assert positions.load() == book
        later = positions.load()
        later.logs["/a.log"].files[0].position = 77
        positions.save(later)
        assert positions.load() == later
    path.unlink()
    journal.write_bytes(old)
    assert PositionFile(path).load() == Book(), "whoever moves the file away sends everything again"


def test_a_file_that_says_everything_is_not_written_again(path: Path) -> None:
    with locked(path) as positions:
        positions.save(BEFORE)
        before = path.stat().st_ino
        positions.save(BEFORE)
        assert path.stat().st_ino == before
        assert not positions.has_changes


def test_a_journal_that_was_read_is_not_appended_to_before_the_next_save(path: Path) -> None:
    with locked(path) as positions:
        positions.save(deepcopy(BEFORE))
        positions.append(CHANGES[:3])
    with locked(path) as positions:
        book = positions.load()
        assert not positions.takes_changes
        positions.save(book)
        assert positions.takes_changes
        positions.append(CHANGES[3:])
        found = positions.load()
    assert found == Book(id=AFTER.id, saved=1, logs=AFTER.logs, losses=AFTER.losses)


def test_one_that_has_grown_longer_than_what_it_goes_with_takes_no_more(path: Path) -> None:
    with locked(path) as positions:
        positions.save(BEFORE)
        while positions.takes_changes:
            positions.append(CHANGES * 100)
        assert 1_000_000 < positions.path.with_name("positions.json.journal").stat().st_size < 1_500_000


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 10])
def test_what_finds_no_room_leaves_what_was_there_and_is_saved_later(path: Path, journal: Path, room: int) -> None:
    book = deepcopy(BEFORE)
    with locked(path) as positions:
        positions.save(book)
        positions.append(CHANGES[:1])
        with files_of_at_most(journal.stat().st_size + room), pytest.raises(OSError, match=r"too large|No space left"):
            positions.append(CHANGES[1:])
        assert not positions.takes_changes
        assert positions.load() == brought_up(lines_of(CHANGES[:1], name_of_save(BEFORE)))
        apply(book, lines_of(CHANGES, name_of_save(book)))
        positions.save(book)
        assert positions.takes_changes
        assert positions.load() == book
        assert not journal.exists()


def test_it_can_be_synchronized_whatever_has_become_of_it_meanwhile(path: Path) -> None:
    with locked(path) as positions:
        positions.synchronizing()()
        positions.save(deepcopy(BEFORE))
        positions.append(CHANGES[:1])
        first = positions.synchronizing()
        positions.save(deepcopy(AFTER))
        positions.append(CHANGES[:1])
        second = positions.synchronizing()
    first()
    second()


def test_only_the_latest_losses_are_kept() -> None:
    book = Book(id="id")
    changes = [Change("/a.log", losses=[Loss("at", "/a.log", str(number), "", 0, 0, "")]) for number in range(1200)]
    apply(book, lines_of(changes, name_of_save(book)))
    assert [loss.file for loss in book.losses] == [str(number) for number in range(1200 - LOSSES_KEPT, 1200)]


@pytest.mark.parametrize("junk", [b"\0" * 100, b'{"path":"\xff\xfe"}', b'{"path":"x","later":' + b"[" * 100_000])
def test_what_a_loss_of_power_left_in_place_of_a_line_ends_the_journal(junk: bytes) -> None:
    whole = lines_of(CHANGES, name_of_save(BEFORE))
    assert brought_up(whole + junk + b"\n" + whole) == AFTER


def test_no_descriptor_is_left_however_often_it_is_synchronized(path: Path) -> None:
    with locked(path) as positions:
        positions.save(deepcopy(BEFORE))
        positions.append(CHANGES[:1])
        positions.synchronizing()()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            positions.synchronizing()()
        assert len(os.listdir("/proc/self/fd")) == before
