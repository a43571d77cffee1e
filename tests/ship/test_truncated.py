"""A log that is truncated: by copytruncate, which keeps what it held, or by somebody who does not care."""

import os
import time
from pathlib import Path

import pytest

from app.ship.choices import Choices
from tests.ship.disk import Reading, Writer, a_read_log


def test_a_log_that_is_truncated_begins_again_as_another_file(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b"one\ntwo\n")
    os.truncate(writer.log, 0)
    reading.step()
    writer.write(b"one\n")
    reading.run(30)
    assert [(block.position, block.line, value) for block, value in reading.durable] == [
        (0, 0, b"one\ntwo\n"),
        (0, 0, b"one\n"),
    ]
    assert reading.losses() == []


def test_a_log_that_is_truncated_and_outgrows_its_position_unseen_begins_again_too(tmp_path: Path) -> None:
    for stopped in (False, True):
        writer = Writer(tmp_path, f"{stopped}.log")
        writer.write(b"one\ntwo\n")
        reading = Reading(writer.log)
        reading.run(1)
        reading.save()
        writer.log.write_bytes(b"one\nother line\n")
        if stopped:
            reading.restart()
        reading.run(30)
        assert reading.lines() == [b"one", b"two", b"one", b"other line"]


def test_what_was_unread_when_a_log_was_truncated_is_a_known_loss(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    writer.write(b"two\n")
    reading.step(most=0)
    os.truncate(writer.log, 0)
    reading.step()
    writer.write(b"three\n")
    reading.run(30)
    assert reading.lines() == [b"one", b"three"]
    assert reading.losses() == [(4, 4, "truncated before it was read to its end")]


def test_a_copy_that_is_seen_before_its_log_is_truncated_is_not_read_as_another_file(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    writer.write(b"two\n")
    copy = writer.copy()
    reading.run(3)
    os.truncate(writer.log, 0)
    writer.write(b"three\n")
    reading.run(30)
    assert reading.lines() == [b"one", b"two", b"three"]
    assert reading.losses() == []
    assert copy.exists()


@pytest.mark.parametrize("copied", [0, 2, 4, 9, 13, 14])
def test_a_copy_that_is_being_made_is_not_read_as_another_file(tmp_path: Path, copied: int) -> None:
    """As of a large file, which takes a while."""
    writer = Writer(tmp_path)
    writer.write(b"one\ntwo\nthree\n")
    reading = Reading(writer.log, wall=time.time)
    reading.run(1)
    copy = Path(f"{writer.log}.1")
    copy.write_bytes(writer.log.read_bytes()[:copied])
    reading.run(3)
    copy.write_bytes(writer.log.read_bytes())
    os.truncate(writer.log, 0)
    writer.write(b"four\n")
    reading.run(30)
    assert reading.lines() == writer.written
    assert reading.losses() == []


@pytest.mark.parametrize("held", [b"", b"one\n"])
def test_a_backup_that_is_not_written_any_more_is_no_copy_in_the_making(tmp_path: Path, held: bytes) -> None:
    writer, reading = a_read_log(tmp_path, b"one\ntwo\n")
    backup = Path(f"{writer.log}.1")
    backup.write_bytes(held)
    os.utime(backup, (reading.wall() - 11, reading.wall() - 11))
    reading.run(3)
    assert reading.lines() == [b"one", b"two", *held.splitlines()]
    assert reading.tail.logs[str(writer.log)].complete


def test_a_log_that_is_truncated_while_nobody_looks_may_have_grown(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    writer.write(b"two\n")
    os.truncate(writer.log, 0)
    reading.step(30)
    reading.run(30)
    assert reading.losses() == [(4, 0, "truncated after 30 s in which it may have grown, and nobody looked")]


def test_a_log_that_is_truncated_while_the_shipper_was_stopped_in_the_middle_of_a_look_may_have_grown(
    tmp_path: Path,
) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    os.truncate(writer.log, 0)
    reading.stopped = 3.0
    reading.step()
    reading.step()  # a copy is looked for twice
    assert reading.losses() == [(4, 0, "truncated after 3 s in which it may have grown, and nobody looked")]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("outgrown", [False, True])
@pytest.mark.parametrize("happens", ["running", "stopped", "refused by Kafka"])
def test_a_log_that_is_copied_and_truncated_goes_on_in_the_copy(
    tmp_path: Path, packed: bool, outgrown: bool, happens: str
) -> None:
    writer = Writer(tmp_path)
    reading = Reading(writer.log)
    for first in range(0, 9, 3):
        writer.write(b"%d\n%d\n" % (first, first + 1))
        reading.run(0.2)
        reading.save()
        writer.write(b"%d\n" % (first + 2))
        reading.step(most=int(happens == "refused by Kafka"))  # what is new is seen, and read at most
        backup = writer.copy_and_truncate()
        if packed:
            writer.pack(backup)
            backup.unlink()
        if outgrown:
            writer.write(b"x" * 40 + b"%d\n" % first)
        if happens == "stopped":
            reading.restart()
        elif happens == "refused by Kafka":
            reading.fail()
        reading.run(2)
        if not outgrown:
            writer.write(b"y%d\n" % first)
    reading.run(30)
    assert reading.losses() == []
    assert reading.lines() == writer.written


@pytest.mark.parametrize("looks", [1, 2, 10])
@pytest.mark.parametrize("packed", [False, True])
def test_a_copy_that_a_listing_of_its_folder_misses_is_read_on_all_the_same(
    tmp_path: Path, packed: bool, looks: int
) -> None:
    """A name that is given, and another that is taken away, while a folder is read may both be missed."""
    writer, reading = a_read_log(tmp_path, b"one\n")
    writer.write(b"two\n")
    backup = writer.copy_and_truncate()
    if packed:
        writer.pack(backup)
        backup.unlink()
        backup = backup.with_name(f"{backup.name}.gz")
    missed = backup.rename(f"{backup}.tmp")
    for _ in range(looks):
        reading.step()
        reading.acknowledge()
    missed.rename(backup)
    writer.write(b"three\n")
    reading.run(30)

    assert sorted(reading.lines()) == sorted(writer.written)
    assert reading.losses() == []


@pytest.mark.parametrize("outgrown", [False, True])
@pytest.mark.parametrize("followed", [False, True])
def test_a_log_that_is_copied_and_truncated_and_then_renamed_between_two_looks_is_three_files(
    tmp_path: Path, outgrown: bool, followed: bool
) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    writer.write(b"two\n")
    writer.copy_and_truncate()
    writer.write(b"three\n" * (5 if outgrown else 1))
    writer.rotate()
    if followed:
        writer.write(b"four\n")
    reading.run(30)
    assert sorted(reading.lines()) == sorted(writer.written)
    assert reading.losses() == []


def test_what_was_under_way_when_its_log_was_truncated_and_kafka_failed_is_a_known_loss(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    reading = Reading(writer.log)
    reading.step()
    os.truncate(writer.log, 0)
    reading.step()
    reading.step()  # a copy is looked for twice
    reading.fail()
    writer.write(b"two\n")
    reading.run(30)
    assert reading.lines() == [b"two"]
    assert reading.losses() == [(0, 4, "truncated while Kafka had not yet acknowledged it")]


@pytest.mark.parametrize(
    ("held", "after"), [(b"one\ntwo\n", b"longer than before\n"), (b"torn", b"x\n"), (b"torn", b"")]
)
def test_what_a_log_held_that_was_truncated_before_any_of_it_was_read_is_a_known_loss(
    tmp_path: Path, held: bytes, after: bytes
) -> None:
    writer = Writer(tmp_path)
    writer.write(held)
    reading = Reading(writer.log)
    for _ in range(2):
        reading.step(most=0)  # Kafka is away
    writer.log.write_bytes(after)
    for _ in range(3):
        reading.look()
    reading.run(30)
    assert reading.lines() == after.splitlines()
    assert reading.losses() == [(0, len(held), "truncated before it was read to its end")]


@pytest.mark.parametrize("held", [b"one\ntwo\n", b"torn"])
def test_a_copy_of_a_log_of_which_nothing_was_read_is_read(tmp_path: Path, held: bytes) -> None:
    writer = Writer(tmp_path)
    writer.write(held)
    reading = Reading(writer.log)
    for _ in range(2):
        reading.look()
    writer.copy_and_truncate()
    for _ in range(3):
        reading.look()
    reading.run(30)
    assert reading.lines() == held.splitlines()
    assert reading.losses() == []


def test_what_was_left_out_of_a_log_is_not_lost_when_it_is_truncated(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    reading = Reading(writer.log, choices=Choices(at_end=True))
    reading.look()
    os.truncate(writer.log, 0)
    for _ in range(3):
        reading.look()
    writer.write(b"two\n")
    reading.run(30)
    assert reading.lines() == [b"two"]
    assert reading.losses() == []


def test_a_log_that_is_written_anew_and_is_longer_than_was_read_loses_all_that_it_had(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"".join(b"%06d\n" % number for number in range(100_000)))
    reading = Reading(writer.log)
    reading.step(most=1)
    reading.acknowledge()
    [(block, _)] = reading.durable
    writer.log.write_bytes(b"new line\n" * 50_000)
    reading.run(30)
    assert reading.losses() == [(block.length, 700_000 - block.length, "truncated before it was read to its end")]
    assert len(reading.lines()) == block.lines + 50_000


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("held", [b"one\ntwo\n", b"torn"])
def test_a_log_and_its_copy_that_are_first_seen_together_are_one_file(
    tmp_path: Path, held: bytes, packed: bool
) -> None:
    writer = Writer(tmp_path)
    writer.write(held)
    copy = writer.copy()
    if packed:
        writer.pack(copy)
        copy.unlink()
    reading = Reading(writer.log)
    for _ in range(3):
        reading.look()
    os.truncate(writer.log, 0)
    for _ in range(3):
        reading.look()
    writer.log.write_bytes(b"next\n")
    reading.run(30)
    assert reading.lines() == [*held.splitlines(), b"next"]
    assert reading.losses() == []


def test_a_backup_that_begins_as_the_log_does_is_no_copy_though_kafka_is_away(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"same\none\n")
    writer.rotate()
    writer.write(b"same\nother\n")
    reading = Reading(writer.log)
    for _ in range(3):
        reading.look()
    [backup] = writer.backups()
    backup.unlink()
    for _ in range(3):
        reading.look()
    reading.run(30)
    assert sorted(reading.lines()) == [b"one", b"other", b"same", b"same"]
    assert reading.losses() == []


@pytest.mark.parametrize("first", [b"one\n", b"other\n"])
def test_a_log_that_is_copied_and_truncated_between_its_first_look_and_its_first_reading_loses_nothing(
    tmp_path: Path, first: bytes
) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n" + b"more\n" * 5)
    reading = Reading(writer.log)
    reading.look()
    writer.copy_and_truncate()
    writer.write(first + b"new\n")
    reading.read(1)
    reading.run(30)
    assert sorted(reading.lines()) == sorted(writer.written)
    assert reading.losses() == []


def test_a_log_that_was_cut_behind_its_position_while_the_shipper_was_stopped_has_lost_what_it_held(
    tmp_path: Path,
) -> None:
    writer, reading = a_read_log(tmp_path, b"one\ntwo\n")
    writer.write(b"three\n")
    reading.look()
    reading.save()
    os.truncate(writer.log, 8)
    reading.restart()
    writer.write(b"four\n")
    reading.run(30)
    assert reading.losses() == [(8, 6, "vanished before its end was read")]
    assert reading.lines()[-1] == b"four"
