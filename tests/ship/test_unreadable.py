"""What cannot be read for a while is named, tried again, and no loss."""

import errno
import gzip
import os
import resource
from pathlib import Path

import pytest

from app.ship.scan import HELD_OPEN
from app.ship.sources import Plain
from schemas.log import Name, path_of
from tests.ship.disk import Reading, Writer, a_folder_without_root, a_read_log


def begun(folder: Path) -> tuple[Writer, Reading]:
    """A log with a backup, both read, by a reader that has just been started again."""
    folder.mkdir()
    writer = Writer(folder)
    writer.write(b"one\n")
    writer.rotate()
    writer.write(b"two\n")
    reading = Reading(writer.log)
    reading.run(1)
    reading.save()
    reading.restart()
    return writer, reading


def test_a_folder_that_cannot_be_listed_for_a_while_is_no_loss(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    writer, reading = begun(folder)
    folder.rename(tmp_path / "elsewhere")
    reading.run(60)
    assert list(reading.tail.problems) == [str(folder)]
    (tmp_path / "elsewhere").rename(folder)
    writer.write(b"three\n")
    reading.run(60)
    assert reading.lines() == [b"one", b"two", b"three"]
    assert reading.losses() == []
    assert reading.tail.problems == {}


def test_a_packed_backup_that_breaks_off_is_told_and_read_again_when_it_has_changed(tmp_path: Path) -> None:
    text = b"".join(b"line %d\n" % number for number in range(100_000))
    whole = gzip.compress(text)
    backup = tmp_path / "x-2026-01-02T15-04-05.000.log.gz"
    backup.write_bytes(whole[: len(whole) // 2])
    (tmp_path / "x.log").write_bytes(b"next\n")
    reading = Reading(tmp_path / "x.log")
    reading.run()
    assert "breaks off" in reading.tail.problems[str(backup)]
    assert reading.lines()[-1] == b"next"
    backup.write_bytes(whole)
    reading.run()
    assert reading.tail.problems == {}
    assert sorted(reading.lines()) == sorted([*text.splitlines(), b"next"])


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing/x.log", "'{0}/missing' cannot be read: No such file or directory"),
        ("file/x.log", "'{0}/file' cannot be read: Not a directory"),
        ("x.log", "'{0}/x.log' names no file"),
        ("folder.log", "'{0}/folder.log' cannot be read: it is a folder, or no regular file"),
    ],
)
def test_a_path_that_cannot_be_read_is_named_and_tried_again(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.log").mkdir()
    reading = Reading(tmp_path / path)
    reading.run(3)
    [sentence] = reading.tail.problems.values()
    assert reason.format(tmp_path) in sentence
    if (tmp_path / "file").exists():
        (tmp_path / "file").unlink()
    (tmp_path / "folder.log").rmdir()
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_bytes(b"one\n")
    reading.run(3)
    assert reading.lines() == [b"one"]
    assert reading.tail.problems == {}


def test_a_file_without_permission_is_named_and_tried_again() -> None:
    with a_folder_without_root() as folder:
        log = folder / "x.log"
        log.write_bytes(b"one\n")
        log.chmod(0)
        reading = Reading(log)
        reading.run(3)
        assert "Permission denied" in reading.tail.problems[str(log)]
        log.chmod(0o600)
        reading.run(3)
        assert reading.lines() == [b"one"]
        assert reading.tail.problems == {}


def test_a_backup_that_cannot_be_opened_for_a_while_is_read_later() -> None:
    with a_folder_without_root() as folder:
        writer = Writer(folder)
        for number in range(HELD_OPEN + 4):
            writer.write(b"%d\n" % number)
            writer.rotate()
        reading = Reading(writer.log)
        reading.step(most=0)
        backup = writer.backups()[HELD_OPEN + 2]
        backup.chmod(0)
        reading.run(3)
        assert list(reading.tail.problems) == [str(backup)]
        assert len(reading.lines()) == HELD_OPEN + 3
        backup.chmod(0o600)
        reading.run(3)
        assert sorted(map(int, reading.lines())) == list(range(HELD_OPEN + 4))
        assert reading.tail.problems == {}


def test_a_folder_without_permission_is_named_and_its_files_are_no_losses() -> None:
    with a_folder_without_root() as folder:
        _, reading = begun(folder / "logs")
        (folder / "logs").chmod(0)
        reading.run(60)
        assert "Permission denied" in reading.tail.problems[str(folder / "logs")]
        (folder / "logs").chmod(0o700)
        reading.run(60)
        assert reading.lines() == [b"one", b"two"]
        assert reading.losses() == []
        assert reading.tail.problems == {}


def test_a_short_packed_backup_with_something_behind_it_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    backup = tmp_path / "x-2026-01-02T15-04-05.000.log.gz"
    backup.write_bytes(gzip.compress(b"one\ntwo") + b"no member")
    (tmp_path / "x.log").write_bytes(b"next\n")
    reading = Reading(tmp_path / "x.log")
    reading.run()
    assert reading.lines() == [b"one", b"next"]
    assert "damaged" in reading.tail.problems[str(backup)]
    backup.write_bytes(gzip.compress(b"one\ntwo"))
    reading.run()
    assert reading.lines() == [b"one", b"next", b"two"]
    assert reading.tail.problems == {}


@pytest.mark.parametrize("content", [gzip.compress(b"one\ntwo\n", mtime=0)[:-12], b"no gzip"], ids=["cut", "no gzip"])
def test_a_backup_that_could_not_be_read_and_then_went_is_a_known_loss_and_no_problem_any_more(
    tmp_path: Path, content: bytes
) -> None:
    backup = tmp_path / "x-2026-01-02T15-04-05.000.log.gz"
    backup.write_bytes(content)
    (tmp_path / "x.log").write_bytes(b"next\n")
    reading = Reading(tmp_path / "x.log")
    reading.run()
    assert list(reading.tail.problems) == [str(backup)]
    assert reading.losses() == []
    backup.unlink()
    reading.run(30)
    assert reading.tail.problems == {}
    [(_, _, reason)] = reading.losses()
    assert "vanished before" in reason
    reading.save()
    reading.restart()
    reading.run(30)
    assert len(reading.losses()) == 1


def test_a_packed_backup_that_is_still_written_is_read_as_it_grows(tmp_path: Path) -> None:
    text = b"".join(b"line %d\n" % number for number in range(20_000))
    whole = gzip.compress(text)
    backup = tmp_path / "x-2026-01-02T15-04-05.000.log.gz"
    (tmp_path / "x.log").write_bytes(b"next\n")
    reading = Reading(tmp_path / "x.log")
    for part in range(8):  # between any two looks
        backup.write_bytes(whole[: len(whole) * part // 7])
        reading.run(0.7)
    reading.run(30)
    assert sorted(reading.lines()) == sorted([*text.splitlines(), b"next"])
    assert reading.losses() == []
    assert reading.tail.problems == {}


def test_a_member_that_comes_behind_a_packed_backup_is_read(tmp_path: Path) -> None:
    backup = tmp_path / "x-2026-01-02T15-04-05.000.log.gz"
    backup.write_bytes(gzip.compress(b"one\n"))
    reading = Reading(backup)
    reading.run(3)
    with backup.open("ab") as file:
        file.write(gzip.compress(b"two\n"))
    reading.run(30)
    assert reading.lines() == [b"one", b"two"]


def test_a_packed_backup_that_breaks_off_stays_told_and_when_it_goes_is_a_known_loss(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b"line %d\n" % number for number in range(100_000)))
    backup = tmp_path / "x-2026-01-02T15-04-05.000.log.gz"
    backup.write_bytes(whole[: len(whole) // 2])
    (tmp_path / "x.log").write_bytes(b"next\n")
    reading = Reading(tmp_path / "x.log")
    reading.run(60)
    assert list(reading.tail.problems) == [str(backup)]
    reading.save()
    reading.restart()
    reading.run(60)
    assert list(reading.tail.problems) == [str(backup)]
    backup.unlink()
    reading.run(30)
    assert reading.tail.problems == {}
    [(position, lost, reason)] = reading.losses()
    assert (position > 0, lost, reason) == (True, 0, "vanished before its end was read")


def test_a_damaged_file_is_no_reason_to_keep_quiet_about_others(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    writer.write(b"two\n")
    reading.look()
    reading.save()
    (tmp_path / "tetragon-2020-01-02T15-04-05.000.log.gz").write_bytes(b"no gzip")
    backup = writer.rotate()
    assert backup is not None
    backup.unlink()
    writer.write(b"three\n")
    reading.restart()
    reading.run(30)
    assert reading.losses() == [(4, 4, "vanished before its end was read")]
    assert reading.lines() == [b"one", b"three"]


class Stale(Plain):
    """As NFS answers when its file is no longer there."""

    def size(self) -> int:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    def read(self, position: int, into: memoryview) -> int:  # noqa: ARG002 - as the protocol has it
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


@pytest.mark.parametrize("rotated", [False, True])
def test_a_handle_that_has_become_stale_is_opened_again(tmp_path: Path, rotated: bool) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    for turn in range(2):
        writer.write(b"%d\n" % turn)
        if rotated != bool(turn):
            writer.rotate()
            reading.step(most=0)
        [log] = reading.tail.logs.values()
        for file in log.files:
            if file.source is not None:
                file.source.close()
                name = Name(log.path, file.stamp, packed=False)
                file.source = Stale(path_of(name))
        reading.run(3)
    reading.run(30)
    assert sorted(reading.lines()) == sorted([b"one", b"0", b"1"])
    assert reading.losses() == []
    assert reading.tail.problems == {}


def test_a_log_that_cannot_be_read_and_goes_is_no_problem_any_more() -> None:
    with a_folder_without_root() as folder:
        log = folder / "x.log"
        log.write_bytes(b"one\n")
        log.chmod(0)
        (folder / "y.log").touch()
        reading = Reading(folder / "*.log")
        reading.run(3)
        assert list(reading.tail.problems) == [str(log)]
        log.unlink()
        reading.run(3)
        assert reading.tail.problems == {}


def test_more_logs_than_may_be_open_at_once_are_read_in_turns_and_leave_room_for_kafka(tmp_path: Path) -> None:
    logs = 100
    for number in range(logs):
        (tmp_path / f"{number}.log").write_bytes(b"%d\n" % number)
    reading = Reading(tmp_path / "*.log")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptor = os.open("/dev/null", os.O_RDONLY)
    os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptor + 80, hard))
    try:
        reading.run(3)
        assert 0 < len(reading.lines()) < logs
        assert "Too many open files" in next(iter(reading.tail.problems.values()))
        for spare in [os.open("/dev/null", os.O_RDONLY) for _ in range(38)]:
            os.close(spare)
        reading.run(120)
        assert len(set(reading.lines())) == len(reading.lines()) == logs
        assert reading.losses() == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        reading.tail.close()


def test_a_known_backup_that_may_not_be_read_for_a_while_is_no_loss() -> None:
    with a_folder_without_root() as folder:
        writer = Writer(folder)
        writer.write(b"one\n")
        reading = Reading(writer.log)
        reading.run(1)
        writer.write(b"two\n")
        backup = writer.rotate()
        assert backup is not None
        reading.save()
        reading.restart()
        backup.chmod(0)
        writer.write(b"three\n")
        reading.run(60)
        assert reading.losses() == []
        backup.chmod(0o600)
        reading.run(10)
        assert sorted(reading.lines()) == [b"one", b"three", b"two"]
        assert reading.losses() == []
        assert reading.tail.problems == {}
