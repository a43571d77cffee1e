"""Logs that rest: nothing of them is lost, whoever tells of a change, or nobody does."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ship.inotify import Inotify
from app.ship.resting import ASKED, ASKING_SHARE
from app.ship.watching import Changes, Unwatched, Watching
from tests.ship.disk import Reading, Writer


class Deaf(Inotify):
    """As on a network's file system: everything can be watched, and nothing is told."""

    def changes(self) -> Changes:
        super().changes()
        return Changes()


class Flooded(Inotify):
    """Has always missed something, and forgets what else there was."""

    def changes(self) -> Changes:
        super().changes()
        return Changes(missed=True)


@pytest.fixture(params=[Inotify, Unwatched, Deaf, Flooded])
def watch(request: pytest.FixtureRequest) -> Iterator[Watching]:
    watching: Watching = request.param()
    yield watching
    watching.close()


def at_rest(*paths: Path, watch: Watching) -> Reading:
    reading = Reading(*paths, watch=watch)
    reading.run(13)
    assert reading.tail.awake() == []
    reading.step(3600)
    return reading


def test_a_log_that_grows_is_read_on(tmp_path: Path, watch: Watching) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\ntorn")
    reading = at_rest(writer.log, watch=watch)
    for _ in range(3):
        writer.write(b" line\nnew\n")
        reading.run(1)
        assert reading.lines() == writer.written
        reading.run(13)
        assert reading.tail.awake() == []


def test_a_log_that_is_empty_rests_and_is_read_when_it_has_lines(tmp_path: Path, watch: Watching) -> None:
    writer = Writer(tmp_path)
    writer.log.touch()
    reading = at_rest(writer.log, watch=watch)
    writer.write(b"one\n")
    reading.run(1)
    assert reading.lines() == writer.written


def test_a_log_that_is_not_there_rests_and_is_read_when_it_is(tmp_path: Path, watch: Watching) -> None:
    writer = Writer(tmp_path)
    reading = at_rest(writer.log, watch=watch)
    writer.write(b"one\n")
    writer.rotate()
    writer.write(b"two\n")
    reading.run(3)
    assert reading.lines() == writer.written
    assert reading.tail.problems == {}


def test_what_is_written_before_and_after_a_rotation_is_read(tmp_path: Path, watch: Watching) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    reading = at_rest(writer.log, watch=watch)
    for number in range(3):
        writer.write(b"before %d\n" % number)
        backup = writer.rotate()
        writer.write(b"after %d\n" % number)
        reading.step()
        reading.step()
        assert backup is not None
        writer.pack(backup)
        backup.unlink()
        reading.run(15)
        assert reading.lines() == writer.written
        assert reading.tail.awake() == []
    assert reading.book.losses == []


def test_a_log_that_is_removed_unread_was_held_open(tmp_path: Path, watch: Watching) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    reading = at_rest(writer.log, watch=watch)
    writer.write(b"two\n")
    writer.log.unlink()
    reading.run(15)
    writer.write(b"three\n")
    reading.run(15)
    assert reading.lines() == [b"one", b"two", b"three"]
    assert reading.tail.awake() == []


def test_a_log_that_is_copied_and_truncated_is_read_on_in_its_copy(tmp_path: Path, watch: Watching) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    reading = at_rest(writer.log, watch=watch)
    writer.write(b"two\n")
    writer.copy_and_truncate()
    writer.write(b"three\n")
    reading.run(15)
    assert reading.lines() == [b"one", b"two", b"three"]
    assert reading.book.losses == []


def test_a_backup_that_grows_after_all_is_read_on(tmp_path: Path, watch: Watching) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    backup = writer.rotate()
    assert backup is not None
    writer.write(b"two\n")
    reading = at_rest(writer.log, watch=watch)
    with backup.open("ab") as held:
        held.write(b"late\n")
    reading.run(15)
    assert sorted(reading.lines()) == [b"late", b"one", b"two"]
    assert reading.tail.awake() == []


@pytest.mark.parametrize(
    ("system", "told"),
    [
        (Inotify, []),
        (Unwatched, ["truncated after 30 s in which it may have grown, and nobody looked"]),
        (Deaf, ["truncated after 30 s in which it may have grown, and nobody looked"]),
    ],
)
def test_that_nobody_looked_for_long_is_told_of_a_truncation_unless_the_system_watched(
    tmp_path: Path, system: type[Watching], told: list[str]
) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    watch = system()
    reading = at_rest(writer.log, watch=watch)
    reading.step()
    if system is Inotify:
        reading.tail.heed(watch.changes(), reading.now + 29.9)
    os.truncate(writer.log, 0)
    writer.write(b"two\n")
    reading.look(30)
    reading.run(3)
    assert reading.lines() == [b"one", b"two"]
    assert [loss.reason for loss in reading.book.losses] == told
    watch.close()


def test_a_failure_of_kafka_leaves_what_rests_where_it_is(tmp_path: Path, watch: Watching) -> None:
    idle, busy = Writer(tmp_path, "idle.log"), Writer(tmp_path, "busy.log")
    idle.write(b"one\n")
    busy.write(b"two\n")
    reading = at_rest(idle.log, busy.log, watch=watch)
    busy.write(b"three\n")
    reading.step()
    reading.step()
    reading.fail()
    reading.run(1)
    assert reading.lines() == [b"one", b"two", b"three"]


def test_what_is_not_durable_does_not_rest(tmp_path: Path, watch: Watching) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    reading = Reading(writer.log, watch=watch)
    for _ in range(200):
        reading.step()
    assert len(reading.tail.awake()) == 1
    reading.acknowledge()
    reading.look()
    assert reading.tail.awake() == []


def test_what_was_noted_before_it_rested_is_saved(tmp_path: Path, watch: Watching) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    reading = at_rest(writer.log, watch=watch)
    reading.save()
    reading.restart()
    reading.run(3)
    assert reading.lines() == [b"one"]


def write_to(logs: list[Path]) -> None:
    for log in logs:
        with log.open("ab") as file:
            file.write(b"two\n")


def woken_at_each_look(reading: Reading, looks: int) -> list[int]:
    woken = []
    for _ in range(looks):
        before = len(reading.tail.awake())
        reading.look()
        woken.append(len(reading.tail.awake()) - before)
    return woken


@pytest.mark.parametrize("microseconds", [1, 10, 1000])
def test_of_many_every_one_has_its_turn_to_be_asked_for(tmp_path: Path, microseconds: int) -> None:
    """Where nothing is told: for a share of the time, and at least so many of them a look."""
    logs = [tmp_path / f"{number}.log" for number in range(4 * ASKED)]
    for log in logs:
        log.write_bytes(b"one\n")
    reading = at_rest(*logs, watch=Unwatched())
    write_to(logs)
    reading.takes = microseconds / 1e6
    within = ASKED + round(ASKING_SHARE * 0.1 / reading.takes)
    most = min(within, len(logs))
    looks = woken_at_each_look(reading, len(logs) // most)
    assert all(ASKED <= woken <= most + 2 for woken in looks)
    assert abs(looks[0] - most) <= 2
    reading.takes = 0.0
    reading.run(1)
    assert sorted(reading.lines()) == sorted([b"one", b"two"] * len(logs))


def test_where_one_change_was_not_told_the_others_are_asked_for_as_if_nobody_watched(tmp_path: Path) -> None:
    logs = [tmp_path / "deaf" / f"{number}.log" for number in range(4 * ASKED)]
    logs[0].parent.mkdir()
    for log in logs:
        log.write_bytes(b"one\n")
    watch = Deaf()
    reading = at_rest(*logs, watch=watch)
    write_to(logs)
    assert woken_at_each_look(reading, 3) == [0, len(logs), 0]
    reading.run(13)
    assert reading.tail.awake() == []
    write_to(logs)
    assert woken_at_each_look(reading, 1) == [len(logs)]
    reading.run(1)
    assert sorted(reading.lines()) == sorted([b"one", b"two", b"two"] * len(logs))
    watch.close()


def test_of_many_the_one_that_is_told_of_is_read_at_the_next_look(tmp_path: Path) -> None:
    logs = [tmp_path / f"{number}.log" for number in range(3 * ASKED)]
    for log in logs:
        log.write_bytes(b"one\n")
    watch = Inotify()
    reading = at_rest(*logs, watch=watch)
    for log in (logs[0], logs[-1]):
        with log.open("ab") as file:
            file.write(b"two\n")
        reading.look()
        assert [tailed.path for tailed in reading.tail.awake()] == [str(log)]
        reading.run(13)
        assert reading.tail.awake() == []
    watch.close()


def test_only_what_concerns_a_log_hastens_the_next_look(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    watch = Inotify()
    reading = Reading(tmp_path / "*.log", watch=watch)
    reading.run(1)
    hastened = []
    for change in (
        (tmp_path / "notes.txt").touch,
        (tmp_path / "tetragon.log.gz.tmp").touch,
        (tmp_path / "folder").mkdir,
        (tmp_path / "other.log").touch,
        writer.rotate,
    ):
        change()
        hastened.append(reading.tail.heed(watch.changes(), reading.now))
        reading.look()
    assert hastened == [False, False, False, True, True]
    watch.close()


def test_a_folder_that_comes_under_a_glob_is_found_at_once(tmp_path: Path) -> None:
    watch = Inotify()
    reading = Reading(tmp_path / "*" / "*.log", watch=watch)
    reading.run(1)
    (tmp_path / "pod").mkdir()
    reading.step(0.01)
    Writer(tmp_path / "pod").write(b"one\n")
    reading.step(0.01)
    reading.acknowledge()
    assert reading.lines() == [b"one"]
    watch.close()


def test_a_loss_is_told_in_time_however_dear_a_reading_of_the_folder_is(tmp_path: Path) -> None:
    used = itertools.count()
    reading = Reading(tmp_path / "tetragon.log", effort=lambda: next(used) * 0.02)  # so that it is read every 20 s
    writer = Writer(tmp_path)
    writer.write(b"one\ntwo\n")
    reading.step()
    reading.acknowledge()
    writer.write(b"three\n")
    reading.look()
    reading.save()
    writer.log.unlink()
    writer.write(b"other\n")
    reading.restart()
    reading.run(12)
    assert [loss.reason for loss in reading.book.losses] == ["vanished before its end was read"]
