"""Backups by other names than Tetragon's: a number, which is another file's after each rotation, or a date."""

import gzip
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.ship.inotify import Inotify
from app.ship.scan import open_live, scan
from app.ship.watching import Unwatched
from schemas.log import name_of
from tests.ship.disk import Reading, Writer, a_folder_without_root, a_read_log
from tests.ship.numbered import numbered, pack, rotate

STEPS = st.tuples(
    st.sampled_from(
        ["write", "write", "rotate", "rotate", "copy", "pack", "look", "rest", "read", "read", "settle", "restart"]
    ),
    st.sampled_from(["nobody", "look", "read", "settle", "restart"]),  # what is done between two renames
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=30), st.sampled_from([Inotify, Unwatched]), st.booleans())
def test_every_line_is_read_once_whenever_backups_get_other_numbers(
    steps: list[tuple[str, str]], system: type[Inotify | Unwatched], named_by_glob: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(system()) as watch:
        log = Path(folder, "tetragon.log")
        writer = Writer(Path(folder))
        reading = Reading(f"{log}*" if named_by_glob else log, watch=watch, wall=time.time)

        def act(step: str) -> None:
            match step:
                case "look":
                    reading.look()
                case "rest":
                    reading.run(12)
                case "read":
                    reading.step(most=1)
                case "settle":
                    reading.acknowledge()
                case "restart":
                    reading.acknowledge()  # else it is read again
                    reading.write_down()
                    reading.restart()

        for number, (step, between) in enumerate(steps):
            passing: Iterator[None] = iter(())
            match step:
                case "write":
                    writer.write(b"".join(b"%d.%d\n" % (number, part) for part in range(1 + number % 3)))
                case "rotate" | "copy" if log.exists() and log.stat().st_size:
                    passing = rotate(log, copy=step == "copy")
                case "pack":
                    backups = [path for paths in numbered(log).values() for path in paths]
                    plain = [path for path in backups if path.suffix != ".gz"]
                    passing = pack(plain[-1]) if plain else passing
                case _:
                    act(step)
            for _ in passing:
                act(between)
        writer.write(b"last\n")
        reading.run(30)
        assert sorted(reading.lines()) == sorted(writer.written)
        assert reading.book.losses == []
        reading.tail.close()


def rotated(writer: Writer, *, copy: bool = False) -> None:
    for _ in rotate(writer.log, copy=copy):
        pass


def packed(backup: Path) -> None:
    for _ in pack(backup):
        pass


@pytest.mark.parametrize("copy", [False, True])
def test_what_was_rotated_several_times_while_the_shipper_was_stopped_is_read_the_oldest_first(
    tmp_path: Path, copy: bool
) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    reading.save()
    for number in range(12):
        writer.write(b"%d\n" % number)
        rotated(writer, copy=copy)
        if number % 2:
            packed(Path(f"{writer.log}.1"))
    writer.write(b"last\n")
    reading.restart()
    reading.run(12)
    assert reading.lines() == writer.written
    assert reading.losses() == []


def test_a_backup_that_went_unread_is_missed_whatever_its_number_holds_now(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    writer.write(b"two\n")
    reading.look()
    reading.save()
    rotated(writer)
    Path(f"{writer.log}.1").unlink()
    writer.write(b"three\n")
    rotated(writer)
    reading.restart()
    reading.run(12)
    assert reading.lines() == [b"one", b"three"]
    assert reading.losses() == [(4, 4, "vanished before its end was read")]


@pytest.mark.parametrize("backups", [20, 40])
def test_more_backups_than_are_held_open_may_get_other_numbers_while_they_wait(tmp_path: Path, backups: int) -> None:
    writer = Writer(tmp_path)
    for number in range(backups):
        writer.write(b"all begin alike\n%d\n" % number)
        rotated(writer)
        if number % 3 == 0:
            packed(Path(f"{writer.log}.1"))
    reading = Reading(writer.log)
    for number in range(backups):
        reading.step(2.0, most=1)
        writer.write(b"all begin alike\n-%d\n" % number)
        rotated(writer)
    reading.run(30)
    assert sorted(reading.lines()) == sorted(writer.written)
    assert reading.losses() == []


def test_an_inode_that_is_used_again_is_another_file(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    rotated(writer, copy=True)
    reading.run(20)
    writer.write(b"two\n")
    Path(f"{writer.log}.1").write_bytes(b"two\n")  # of the one backup that is kept, and is thrown away for this one
    os.truncate(writer.log, 0)
    reading.run(20)
    assert reading.lines() == [b"one", b"two"]
    assert reading.losses() == []


def test_a_number_that_has_gone_since_the_folder_was_read_leaves_open_what_is_missing(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    log = reading.tail.logs[str(writer.log)]
    gone = name_of(f"{writer.log}.1")
    assert gone is not None
    scan(log, reading.now, {gone.stamp: [gone]})
    assert not log.complete
    scan(log, reading.now, {})
    assert log.complete


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("written", [0, 20, 1000])
def test_what_has_come_to_a_number_and_is_being_packed_since_the_folder_was_read_is_read_once(
    tmp_path: Path, written: int, copy: bool
) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    rotated(writer, copy=copy)
    writer.write(b"two\n" * 1000 + b"three\n")
    reading.run(20)
    log = reading.tail.logs[str(writer.log)]
    before = name_of(f"{writer.log}.1.gz")
    assert before is not None
    Path(f"{writer.log}.1").rename(f"{writer.log}.2")
    backup = Path(f"{writer.log}.1")
    if copy:
        backup.write_bytes(writer.log.read_bytes())
    else:
        writer.log.rename(backup)
    whole = gzip.compress(backup.read_bytes())
    Path(f"{backup}.gz").write_bytes(whole[:written])
    scan(log, reading.now, {before.stamp: [before]})
    reading.read(most=10)
    reading.acknowledge()
    if copy:
        os.truncate(writer.log, 0)
    reading.run(2)
    Path(f"{backup}.gz").write_bytes(whole)
    backup.unlink()
    reading.run(20)
    assert reading.lines() == writer.written
    assert reading.losses() == []


def test_a_copy_that_gets_other_numbers_while_it_is_sought_is_found_in_the_end(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    writer.write(b"two\n")
    reading.look()
    log = reading.tail.logs[str(writer.log)]
    rotated(writer, copy=True)
    for _ in range(3):  # the folder was read, and then each backup got its next number
        found = name_of(f"{writer.log}.{max(numbered(writer.log))}")
        assert found is not None
        writer.write(b"%d\n" % len(writer.written))
        rotated(writer)
        log.look(reading.now)
        open_live(log, reading.now)
        scan(log, reading.now, {found.stamp: [found]})
    reading.run(20)
    assert sorted(reading.lines()) == sorted(writer.written)
    assert reading.losses() == []


def test_a_backup_that_may_not_be_opened_is_read_once_it_may_whatever_number_it_has_then() -> None:
    with a_folder_without_root() as folder:
        writer = Writer(folder)
        writer.write(b"one\n")
        writer.log.chmod(0)
        rotated(writer)
        reading = Reading(writer.log)
        reading.run(12)
        Path(f"{writer.log}.1").rename(f"{writer.log}.2")
        reading.run(12)
        assert list(reading.tail.problems) == [f"{writer.log}.2"]
        Path(f"{writer.log}.2").chmod(0o600)
        reading.run(12)
        assert reading.lines() == [b"one"]
        assert reading.losses() == []


def test_a_backup_that_is_damaged_is_no_loss_whatever_number_it_gets(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    rotated(writer)
    Path(f"{writer.log}.1").rename(f"{writer.log}.1.gz")
    reading = Reading(writer.log)
    for number in range(3):
        writer.write(b"%d\n" % number)
        reading.run(12)
        rotated(writer)
    reading.run(12)
    assert reading.lines() == [b"0", b"1", b"2"]
    assert list(reading.tail.problems) == [f"{writer.log}.4.gz"]
    assert reading.losses() == []


@pytest.mark.parametrize(
    "suffix", [".20260102-150405", "-20260102", "-2026010215", "-20260102-1767366245", "-2026-01-02"]
)
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_backup_with_a_date_is_read_on(tmp_path: Path, suffix: str, is_packed: bool) -> None:
    """As kubelet and logrotate call them."""
    writer, reading = a_read_log(tmp_path, b"one\n")
    reading.save()
    writer.write(b"two\n")
    backup = writer.log.rename(f"{writer.log}{suffix}")
    if is_packed:
        packed(backup)
    writer.write(b"three\n")
    reading.restart()
    reading.run(12)
    assert reading.lines() == [b"one", b"two", b"three"]
    assert reading.losses() == []


def test_a_glob_that_fits_all_backups_reads_each_once(tmp_path: Path) -> None:
    writer = Writer(tmp_path, "0.log")
    reading = Reading(f"{tmp_path}/*")
    for number in range(6):
        writer.write(b"%d\n" % number)
        rotated(writer)
        reading.run(12)
        packed(Path(f"{writer.log}.1"))
        reading.run(12)
    assert reading.lines() == writer.written
    assert [*reading.book.logs] == [str(writer.log)]


def test_a_number_that_is_named_is_read_alone(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for line in (b"one\n", b"two\n", b"three\n"):
        writer.write(line)
        rotated(writer)
    reading = Reading(f"{writer.log}.2", once=True)
    reading.run()
    assert reading.lines() == [b"two"]


@pytest.mark.parametrize("name", ["node.1", "10.0.0.1", "events-20260102"])
def test_a_number_behind_no_other_extension_is_a_part_of_the_name(tmp_path: Path, name: str) -> None:
    log = tmp_path / name
    log.write_bytes(b"one\ntor")
    reading = Reading(log)
    reading.run(12)
    assert reading.lines() == [b"one"]
