"""What has become durable is written down at once, and after a refusal as soon as the disk takes it."""

import asyncio
import time
from pathlib import Path

from app.console.health import Board
from app.ship.keeping import AGAIN_SECONDS, Keeping
from app.ship.positions import PositionFile
from tests.ship.disk import Reading, Writer


def positions_in(path: Path) -> list[int]:
    return [place.position for log in PositionFile(path).load().logs.values() for place in log.files]


def keeping(reading: Reading, path: Path, alive: Board) -> Keeping:
    positions = PositionFile(path)
    positions.save(reading.book)
    return Keeping(positions, reading.book, reading.tail, alive)


async def test_what_was_acknowledged_is_written_down_in_the_next_turn_of_the_loop(tmp_path: Path) -> None:
    writer, path, alive = Writer(tmp_path), tmp_path / "positions.json", Board()
    reading = Reading(writer.log)
    kept = keeping(reading, path, alive)
    before = path.read_bytes()
    for number in range(1, 4):
        writer.write(b"one\n")
        reading.run(0.2)
        kept.soon()
        assert positions_in(path) == [4 * (number - 1)] * (number > 1)
        await asyncio.sleep(0)
        assert positions_in(path) == [4 * number]
    assert path.read_bytes() == before, "all of it is in the journal"
    assert alive.ok


async def test_what_the_disk_refuses_is_told_and_written_down_when_it_takes_it(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    writer, path, alive = Writer(tmp_path), tmp_path / "kept" / "positions.json", Board()
    reading = Reading(writer.log)
    kept = keeping(reading, path, alive)
    path.parent.rename(tmp_path / "elsewhere")
    writer.write(b"one\n")
    reading.run(0.2)
    kept.append()
    assert not alive.ok
    (tmp_path / "elsewhere").rename(path.parent)
    writer.write(b"two\n")
    reading.run(0.2)
    kept.append()
    assert positions_in(path) == [], "not before it is time to try again"
    time.sleep(AGAIN_SECONDS)  # noqa: ASYNC251 - nothing else runs in this loop
    kept.append()
    assert positions_in(path) == [8]
    assert alive.ok
