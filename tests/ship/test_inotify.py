"""Against the system's own inotify: what wakes, what does not, and what is told when it was too much."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ship.inotify import Inotify
from app.ship.watching import Changes
from tests.ship.disk import Writer


@pytest.fixture
def watch() -> Iterator[Inotify]:
    inotify = Inotify()
    yield inotify
    inotify.close()


async def test_a_rotation_is_told_at_once(watch: Inotify, tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    assert watch.folder(str(tmp_path))
    waiting = asyncio.create_task(watch.told(10))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    backup = writer.rotate()
    assert await waiting
    assert time.monotonic() - began < 1
    assert watch.changes() == Changes(entries=frozenset({str(writer.log), str(backup)}))
    assert not await watch.told(0.01)


async def test_writing_to_a_log_in_a_watched_folder_wakes_nobody(watch: Inotify, tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    watch.folder(str(tmp_path))
    for _ in range(1000):
        writer.write(b"more\n")
    assert not await watch.told(0.05)
    assert watch.changes() == Changes()


async def test_a_file_that_is_written_to_is_told_once_and_does_not_wake(watch: Inotify, tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    assert watch.file(str(writer.log))
    for _ in range(1000):
        writer.write(b"more\n")
    assert not await watch.told(0.05)
    assert watch.changes() == Changes(files=frozenset({str(writer.log)}))
    writer.write(b"more\n")
    assert watch.changes() == Changes()
    assert watch.file(str(writer.log))
    writer.write(b"more\n")
    assert watch.changes().files == {str(writer.log)}


@pytest.mark.parametrize("harm", ["truncate", "rename", "unlink", "unlink while it is held open"])
def test_whatever_happens_to_a_watched_file_is_told(watch: Inotify, tmp_path: Path, harm: str) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"one\n")
    watch.file(str(path))
    with path.open("rb") as held:
        if harm != "unlink while it is held open":
            held.close()
        if harm == "truncate":
            os.truncate(path, 0)
        elif harm == "rename":
            path.rename(tmp_path / "y.log")
        else:
            path.unlink()
        assert watch.changes().files == {str(path)}


def test_a_file_that_is_left_is_not_told_of(watch: Inotify, tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.touch()
    watch.file(str(path))
    path.write_bytes(b"one\n")
    watch.leave(str(path))
    path.write_bytes(b"two\n")
    assert watch.changes() == Changes()
    watch.leave(str(path))


def test_another_name_of_a_watched_file_cannot_be_watched_too(watch: Inotify, tmp_path: Path) -> None:
    path, other = tmp_path / "x.log", tmp_path / "y.log"
    path.touch()
    other.hardlink_to(path)
    assert watch.file(str(path))
    assert not watch.file(str(other))
    path.write_bytes(b"one\n")
    assert watch.changes().files == {str(path)}


def test_what_is_not_there_cannot_be_watched(watch: Inotify, tmp_path: Path) -> None:
    (tmp_path / "x.log").touch()
    assert not watch.folder(str(tmp_path / "missing"))
    assert not watch.folder(str(tmp_path / "x.log"))
    assert not watch.file(str(tmp_path / "missing"))


def test_a_folder_that_goes_is_told_and_another_of_its_name_can_be_watched(watch: Inotify, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    assert watch.folder(str(folder))
    folder.rename(tmp_path / "old")
    assert watch.changes() == Changes(folders=frozenset({str(folder)}))
    (tmp_path / "old" / "x.log").touch()
    assert watch.changes() == Changes()
    folder.mkdir()
    assert watch.folder(str(folder))
    (folder / "x.log").touch()
    (folder / "deeper").mkdir()
    assert watch.changes() == Changes(
        entries=frozenset({str(folder / "x.log")}), folders=frozenset({str(folder / "deeper")})
    )


def test_a_folder_is_told_of_by_each_of_its_names(watch: Inotify, tmp_path: Path) -> None:
    folder, link = tmp_path / "logs", tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder)
    assert watch.folder(str(folder))
    assert watch.folder(str(link))
    (folder / "x.log").touch()
    assert watch.changes().entries == {str(folder / "x.log"), str(link / "x.log")}


def test_more_changes_than_the_system_keeps_are_told_to_be_missed(watch: Inotify, tmp_path: Path) -> None:
    kept = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if kept > 100_000:
        pytest.skip(f"this system keeps {kept:,} changes, which is too many to make")
    watch.folder(str(tmp_path))
    for number in range(kept // 2 + 1):
        path = tmp_path / f"{number % 100}.log"
        path.touch()
        path.unlink()
    assert watch.changes().missed
    assert watch.changes() == Changes()
