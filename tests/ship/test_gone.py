"""Logs that a glob has found, and that go for good, as those of containers do: nothing is lost untold, or kept."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from app.ship.book import GONE_KEPT, TOGETHER, Book, LogBook, Totals, encode_book
from app.ship.choices import Choices
from app.ship.statements import statements
from tests.ship.disk import Reading


def test_a_log_that_went_while_the_shipper_was_stopped_is_missed(tmp_path: Path) -> None:
    gone = tmp_path / "a" / "x.log"
    gone.parent.mkdir()
    gone.write_bytes(b"one\n")
    (tmp_path / "x.log").write_bytes(b"other\n")
    reading = Reading(tmp_path / "**" / "*.log")
    reading.run(1)
    with gone.open("ab") as file:
        file.write(b"two\n")
    reading.look()
    reading.save()
    shutil.rmtree(gone.parent)
    for _ in range(2):
        reading.restart()
        reading.run(30)
        reading.save()
    assert reading.losses() == [(4, 4, "vanished before its end was read")]
    assert reading.tail.problems == {}


@pytest.mark.parametrize("choices", [Choices(exclude=("x.log",)), Choices()])
def test_a_log_that_is_named_no_more_is_not_missed(tmp_path: Path, choices: Choices) -> None:
    (tmp_path / "x.log").write_bytes(b"one\n")
    reading = Reading(tmp_path / "*.log")
    reading.run(1)
    reading.save()
    (tmp_path / "x.log").unlink()
    reading.choices = choices
    if not choices.exclude:
        reading.paths = [os.fspath(tmp_path / "*.txt")]
    reading.restart()
    reading.run(30)
    assert reading.losses() == []
    assert len(reading.book.logs[str(tmp_path / "x.log")].files) == 1


def test_a_folder_that_goes_with_its_logs_is_read_to_their_ends_and_let_go(tmp_path: Path) -> None:
    for pod in ("a", "b"):
        (tmp_path / pod).mkdir()
        (tmp_path / pod / "x.log").write_bytes(f"{pod}\n".encode())
    reading = Reading(tmp_path / "*" / "x.log")
    reading.run(1)
    with (tmp_path / "a" / "x.log").open("ab") as file:
        file.write(b"last\n")
    shutil.rmtree(tmp_path / "a")
    reading.run(40)
    assert sorted(reading.lines()) == [b"a", b"b", b"last"]
    assert reading.losses() == []
    assert reading.tail.problems == {}
    assert reading.tail.open_files() == 1
    assert reading.book.logs[str(tmp_path / "a" / "x.log")].files == []


def test_a_glob_passes_over_what_is_no_file_until_it_is_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "device.log").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(tmp_path / "socket.log"))
    (tmp_path / "x.log").write_bytes(b"one\n")
    reading = Reading(tmp_path / "*.log")
    reading.run(3)
    assert reading.tail.problems == {}
    (tmp_path / "pipe.log").unlink()
    (tmp_path / "pipe.log").write_bytes(b"two\n")
    reading.run(3)
    assert reading.lines() == [b"one", b"two"]


def counted(book: Book) -> dict[str, int]:
    return {key: statement.lines for key, statement in statements(book, ()).items()}


def test_of_logs_that_are_gone_for_long_only_what_was_counted_is_kept(tmp_path: Path) -> None:
    folder = os.fspath(tmp_path)
    gone = {
        f"{folder}/{number}.log": LogBook([], {f"n{number % 3}": Totals(number)}) for number in range(GONE_KEPT + 50)
    }
    (tmp_path / "x.log").write_bytes(b"one\n")
    reading = Reading(tmp_path / "*.log")
    reading.saved = encode_book(Book(id="id", logs=gone))
    reading.restart()
    before = counted(reading.book)
    reading.run(3)
    assert len(reading.book.logs) == GONE_KEPT + 2  # x.log, and the others together
    assert counted(reading.book) == before | {"host": 1}
    reading.write_down()
    assert reading.kept().logs == reading.book.logs


def test_a_log_that_was_forgotten_and_comes_again_is_counted_on(tmp_path: Path) -> None:
    reading = Reading(tmp_path / "*.log", node="n")
    for number in range(GONE_KEPT + 1):
        reading.book.logs[f"{tmp_path}/gone/{number}.log"] = LogBook()
    reading.save()
    reading.restart()
    for turn in range(3):
        log = tmp_path / "x.log"
        log.write_bytes(b"%d\n" % turn)
        reading.run(3)
        log.unlink()
        reading.run(30)
        assert str(log) in reading.book.logs
        for number in range(GONE_KEPT + 1):  # so many others go after it
            reading.book.logs[f"{tmp_path}/{turn}/{number}.log"] = LogBook()
        reading.run(3)
        assert str(log) not in reading.book.logs
        assert str(log) not in reading.tail.logs
        reading.write_down()
        assert counted(reading.kept()) == counted(reading.book) == {"n": turn + 1}
        if turn == 1:
            reading.restart()
    assert reading.lines() == [b"0", b"1", b"2"]
    assert reading.book.logs[TOGETHER].files == []
