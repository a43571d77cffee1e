"""What is left out is what was chosen, and not a line more."""

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ship.bucket import Bucket
from app.ship.choices import Choices
from app.ship.inotify import Inotify
from app.ship.watching import Unwatched
from tests.ship.disk import Reading, Writer

WALL = 1_700_000_000


def history(folder: Path) -> Writer:
    """A packed backup, a plain one, and a log whose last line is torn."""
    writer = Writer(folder)
    writer.write(b"packed 1\npacked 2\n")
    backup = writer.rotate()
    assert backup is not None
    writer.pack(backup)
    backup.unlink()
    writer.write(b"plain 1\nplain 2")
    writer.rotate()
    writer.write(b"live 1\nlive 2\nto")
    return writer


def test_from_the_end_on_a_torn_line_is_read_whole(tmp_path: Path) -> None:
    writer = history(tmp_path)
    reading = Reading(writer.log, choices=Choices(at_end=True))
    reading.run(1)
    writer.write(b"rn\nnew\n")
    reading.run(13)
    assert reading.lines() == [b"torn", b"new"]
    assert [block.line for block, _ in reading.durable] == [2]
    assert reading.book.losses == []
    writer.rotate()
    writer.write(b"after\n")
    reading.save()
    reading.restart()
    reading.run(13)
    assert reading.lines() == [b"torn", b"new", b"after"]


@given(before=st.binary(max_size=300_000).map(lambda data: data.replace(b"\r", b"\n")), after=st.binary(max_size=100))
def test_from_the_end_on_nothing_that_is_written_later_is_left_out(
    tmp_path_factory: pytest.TempPathFactory, before: bytes, after: bytes
) -> None:
    writer = Writer(tmp_path_factory.mktemp("end"))
    writer.write(before)
    reading = Reading(writer.log, choices=Choices(at_end=True))
    reading.step()
    writer.write(after + b"\n")
    reading.run(1)
    whole = before + after + b"\n"
    begin = before.rfind(b"\n") + 1
    assert b"".join(value for _, value in reading.durable) == whole[begin:]


def test_a_log_that_comes_later_or_is_known_is_read_from_where_it_is_due(tmp_path: Path) -> None:
    first, second = Writer(tmp_path, "a.log"), Writer(tmp_path, "b.log")
    first.write(b"old\n")
    reading = Reading(tmp_path / "*.log", choices=Choices(at_end=True))
    reading.run(1)
    second.write(b"of a new node\n")
    reading.run(2)
    reading.save()
    first.write(b"while it was down\n")
    reading.restart()
    reading.run(2)
    assert sorted(reading.lines()) == [b"of a new node", b"while it was down"]


def test_what_is_old_is_left_out_unless_it_was_begun(tmp_path: Path) -> None:
    writer = history(tmp_path)
    plain, packed = sorted(path for path in tmp_path.iterdir() if path != writer.log)[::-1]
    os.utime(packed, (WALL - 100, WALL - 100))
    os.utime(plain, (WALL - 5, WALL - 5))
    reading = Reading(writer.log, choices=Choices(ignore_older=60))
    reading.run(13)
    assert reading.lines() == [b"plain 1", b"plain 2", b"live 1", b"live 2"]
    reading.save()
    for path in (plain, writer.log):
        os.utime(path, (WALL - 1000, WALL - 1000))
    writer.write(b"rn\n")
    reading.restart()
    reading.run(13)
    assert reading.lines()[4:] == [b"torn"]
    assert reading.book.losses == []


def test_what_is_excluded_is_not_there(tmp_path: Path) -> None:
    for name in ("a.log", "audit.log", "a.log.gz"):
        data = name.encode() + b"\n"
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    reading = Reading(tmp_path / "*", choices=Choices(exclude=("*.gz", f"{tmp_path}/audit*")))
    reading.run(2)
    assert reading.lines() == [b"a.log"]
    assert reading.tail.problems == {}


@pytest.mark.parametrize("watching", [Inotify, Unwatched])
def test_a_log_that_does_not_grow_is_closed_and_read_on(tmp_path: Path, watching: type[Inotify | Unwatched]) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    watch = watching()
    try:
        reading = Reading(writer.log, watch=watch, choices=Choices(close_inactive=60))
        reading.run(13)
        assert reading.tail.open_files() == 1
        for _ in range(3):
            reading.step(61)
        assert reading.tail.open_files() == 0
        writer.write(b"two\n")
        reading.run(20)
        assert reading.lines() == writer.written
        for _ in range(3):
            reading.step(61)
        assert reading.tail.open_files() == 0
        writer.write(b"three\n")
        writer.rotate()
        writer.write(b"four\n")
        reading.run(30)
        assert reading.lines() == writer.written
        assert reading.book.losses == []
        for _ in range(3):
            reading.step(61)
        os.truncate(writer.log, 0)
        writer.write(b"5\n")
        reading.run(30)
        assert reading.lines()[4:] == [b"5"]
    finally:
        watch.close()


def test_the_backlog_alone_is_slow(tmp_path: Path) -> None:
    writer = history(tmp_path)
    reading = Reading(tmp_path / "*.log", choices=Choices(backfill=1.0))
    reading.look()
    [log] = reading.tail.logs.values()
    assert log.backfills()
    reading.run(3)
    assert [block.position < block.file.backlog for block, _ in reading.durable] == [True] * len(reading.durable)
    assert len(reading.lines()) == 6
    writer.write(b"rn\nnew\n")
    reading.step()
    assert not log.backfills()
    later = Writer(tmp_path, "later.log")
    later.write(b"x\n")
    reading.look(2)
    assert not any(each.backfills() for each in reading.tail.logs.values())


def test_a_bucket_fills_as_time_passes() -> None:
    bucket = Bucket(100)
    assert bucket.is_open(0)
    bucket.take(350)
    assert [now for now in range(6) if bucket.is_open(now)] == [3, 4, 5]
    assert bucket.is_open(1000)
    bucket.take(101)
    assert not bucket.is_open(1000)
    assert Bucket(None).is_open(0)


def test_with_a_log_its_backups_are_excluded(tmp_path: Path) -> None:
    for name in ("audit.log", "tetragon.log"):
        writer = Writer(tmp_path, name)
        writer.write(b"one of %b\n" % name.encode())
        writer.rotate()
        writer.write(b"two of %b\n" % name.encode())
    reading = Reading(tmp_path / "*.log", choices=Choices(exclude=("audit.log",)))
    reading.run(1)
    assert reading.lines() == [b"one of tetragon.log", b"two of tetragon.log"]
