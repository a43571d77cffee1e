import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from aiokafka.partitioner import DefaultPartitioner

from app.errors import Stop
from app.kafka.topics import EVENTS_LIMIT
from app.local.kafka import Kafka
from app.local.ports import free_ports
from app.settings import Settings
from app.ship.blocks import LINE_BYTES
from app.ship.positions import PositionFile
from app.ship.producer import UNDER_WAY_BYTES, partition
from app.ship.resting import REST_SECONDS
from app.ship.shipper import ship
from tests.ship.disk import Writer
from tests.ship.topic import lines_of, make_topic, shipped

pytestmark = pytest.mark.integration

COMMAND = (sys.executable, "-m", "app", "ship")


class Child:
    """`tetrastash ship` as a user starts it; what it says on stderr is kept."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.said += line.decode()

    async def says(self, text: str, seconds: float = 20) -> str:
        """The rest of the line."""
        async with asyncio.timeout(seconds):
            while text not in self.said:
                assert self.process.returncode is None, self.said
                await asyncio.sleep(0.02)
        return self.said.partition(text)[2].partition("\n")[0]

    async def ended(self) -> int:
        status = await self.process.wait()
        await self._reading
        return status


@asynccontextmanager
async def running(environment: dict[str, str], *arguments: object) -> AsyncIterator[Child]:
    child = Child(
        await asyncio.create_subprocess_exec(
            *COMMAND, *map(str, arguments), env=environment, stderr=asyncio.subprocess.PIPE
        )
    )
    try:
        yield child
    finally:
        if child.process.returncode is None:
            child.process.kill()
        await child.ended()


async def eventually(done: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def saved_lines(settings: Settings) -> int:
    book = PositionFile(settings.positions).load()
    return sum(totals.lines for log in book.logs.values() for totals in log.totals.values())


async def test_once_sends_backups_packed_ones_and_the_log_and_a_second_time_nothing(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    await make_topic(settings)
    writer = Writer(tmp_path)
    for number in range(4):
        writer.write(b"".join(b'{"node_name":"n1","n":%d}\n' % line for line in range(number * 10_000)))
        if number < 3 and (backup := writer.rotate()) and number % 2:
            writer.pack(backup)
            backup.unlink()
    writer.write(b"no line end")
    for _ in range(2):
        async with running(environment, "--once", writer.log) as child:
            assert await child.ended() == 0
    records = await shipped(settings)
    assert lines_of(records) == [*writer.written, b"no line end"]
    assert {(record.key, record.path) for record in records} == {(b"n1", str(writer.log))}
    assert len({record.partition for record in records}) == 1
    for file in {record.file for record in records}:
        position = line = 0
        for record in records:
            if record.file == file:
                assert (record.position, record.line) == (position, line)
                position += len(record.value)
                line += record.lines
    assert saved_lines(settings) == len(writer.written) + 1


async def test_once_fails_for_a_path_that_is_not_there_after_the_rest_was_sent(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    await make_topic(settings)
    (tmp_path / "x.log").write_bytes(b"one\n")
    async with running(environment, "--once", tmp_path / "missing.log", tmp_path / "x.log") as child:
        assert await child.ended() == 1
    assert "missing.log' names no file" in child.said
    assert lines_of(await shipped(settings)) == [b"one"]


def holds_open(pid: int, path: Path) -> bool:
    held = Path(f"/proc/{pid}/fd")
    return any(os.readlink(each) == str(path) for each in held.iterdir() if os.path.lexists(each))


async def test_a_rotation_is_noticed_within_a_tenth_of_a_second(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """By looking alone it would take an eighth on average. The middle of nine: the machine may be busy."""
    await make_topic(settings)
    writer = Writer(tmp_path)
    writer.write(b"0\n")
    waited = []
    async with running(environment, writer.log) as child:
        await eventually(lambda: saved_lines(settings) == 1)
        for number in range(1, 10):
            await asyncio.sleep(0.3 + 0.03 * number)  # at any time between two looks
            writer.rotate()
            writer.write(b"%d\n" % number)
            began = time.monotonic()
            while not holds_open(child.process.pid, writer.log):
                assert time.monotonic() - began < 5
                await asyncio.sleep(0.002)
            waited.append(time.monotonic() - began)
        await eventually(lambda: saved_lines(settings) == 10)
    assert sorted(waited)[4] <= 0.1, waited
    assert lines_of(await shipped(settings)) == writer.written


async def test_a_log_that_has_rested_is_followed_on(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    await make_topic(settings)
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    async with running(environment, tmp_path / "*.log") as child:
        await eventually(lambda: saved_lines(settings) == 1)
        await asyncio.sleep(REST_SECONDS + 1)
        writer.write(b"two\n")
        await eventually(lambda: saved_lines(settings) == 2)
        await asyncio.sleep(REST_SECONDS + 1)
        writer.write(b"three\n")
        writer.rotate()
        writer.write(b"four\n")
        await eventually(lambda: saved_lines(settings) == 4)
        child.process.terminate()
        assert await child.ended() == 0
    assert lines_of(await shipped(settings)) == writer.written


async def test_a_line_of_5_mb_arrives_whole(settings: Settings, tmp_path: Path) -> None:
    await make_topic(settings)
    # Random hexadecimals pack to half their size: the topic's limit is tried, not only the producer's.
    lines = [os.urandom(length // 2).hex().encode() for length in (5_000_000, 2, LINE_BYTES - 2, 300_000)]
    (tmp_path / "x.log").write_bytes(b"".join(line + b"\n" for line in lines))
    assert await ship(settings, [str(tmp_path / "x.log")], once=True) == 0
    assert lines_of(await shipped(settings)) == lines
    assert LINE_BYTES + 10_000 < EVENTS_LIMIT


async def test_a_topic_that_takes_too_little_is_named_with_what_to_do(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await make_topic(settings, **{"max.message.bytes": "1000"})
    (tmp_path / "x.log").write_bytes(os.urandom(2000).hex().encode() + b"\n")
    assert await ship(settings, [str(tmp_path / "x.log")], once=True, patience=2) == 1
    assert f"Topic '{settings.events_topic}' refuses a block as too large" in caplog.text
    assert f"max.message.bytes to be {EVENTS_LIMIT} or more" in caplog.text
    assert saved_lines(settings) == 0


async def test_each_key_goes_where_java_would_send_it(settings: Settings, tmp_path: Path) -> None:
    await make_topic(settings)
    for number in range(20):
        (tmp_path / f"{number}.log").write_bytes(b'{"node_name":"n%d"}\n' % number)
    assert await ship(settings, [str(tmp_path / "*.log")], once=True) == 0
    records = await shipped(settings)
    assert len(records) == 20
    for record in records:
        assert record.partition == DefaultPartitioner()(record.key, [0, 1, 2, 3], [0, 1, 2, 3])
        assert record.partition == partition(4, record.key)


class Load(threading.Thread):
    """Tetragon at work: numbered lines, a rotation every now and then, backups packed a little later."""

    def __init__(self, folder: Path, lines: int, seconds: float) -> None:
        super().__init__()
        self.writer = Writer(folder)
        self._lines = lines
        self._pause = seconds / (lines / 500)

    def run(self) -> None:
        for number in range(0, self._lines, 500):
            lines = (
                b'{"node_name":"n1","n":%d,"x":"%b","end":%d}\n' % (n, b"x" * (n % 700), n)
                for n in range(number, number + 500)
            )
            self.writer.write(b"".join(lines))
            if number % 5000 == 4500:
                self.writer.rotate()
            if number % 10_000 == 9500:
                for backup in self.writer.backups()[:-1]:
                    self.writer.pack(backup)
                    backup.unlink()
            time.sleep(self._pause)


async def test_kills_while_logs_rotate_repeat_a_little_and_lose_nothing(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    await make_topic(settings)
    load = Load(tmp_path, 60_000, seconds=10)
    load.start()
    kills = 0
    while load.is_alive():
        async with running(environment, tmp_path / "*.log") as child:
            await child.says("Kafka is reached")
            await asyncio.sleep(0.3 + 0.4 * kills)
        kills += 1
    load.join()
    async with running(environment, "--once", tmp_path / "*.log") as child:
        assert await child.ended() == 0
    sent = lines_of(await shipped(settings))
    assert list(dict.fromkeys(sent)) == load.writer.written
    assert kills >= 3
    assert sum(map(len, sent)) - sum(map(len, load.writer.written)) < kills * UNDER_WAY_BYTES
    assert saved_lines(settings) == len(load.writer.written)
    assert PositionFile(settings.positions).load().losses == []


async def test_a_kafka_that_is_killed_and_comes_back_gets_every_line_once_and_in_order(
    settings: Settings, environment: dict[str, str], kafka: Kafka, tmp_path: Path
) -> None:
    await make_topic(settings)
    load = Load(tmp_path, 60_000, seconds=12)
    async with running(environment, tmp_path / "*.log") as child:
        await child.says("Kafka is reached")
        load.start()
        await asyncio.sleep(2)
        await asyncio.to_thread(kafka.kill)
        await asyncio.sleep(4)
        await asyncio.to_thread(kafka.start)
        await asyncio.to_thread(load.join)
        await eventually(lambda: saved_lines(settings) == len(load.writer.written), 60)
        child.process.send_signal(signal.SIGTERM)
        assert await child.ended() == 0
    assert lines_of(await shipped(settings)) == load.writer.written
    assert len(child.said) < 20_000


async def test_a_shipper_waits_for_its_topic_and_says_what_to_do(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "x.log").write_bytes(b"one\n")
    async with running(environment, tmp_path / "x.log") as child:
        await child.says(f"Topic '{settings.events_topic}' does not exist. Run `tetrastash setup`")
        await make_topic(settings)
        await eventually(lambda: saved_lines(settings) == 1)
        began = time.monotonic()
        child.process.send_signal(signal.SIGTERM)
        assert await child.ended() == 0
        assert time.monotonic() - began < 5


async def test_a_second_shipper_on_the_same_position_file_is_refused(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    await make_topic(settings)
    async with running(environment, tmp_path / "x.log") as first:
        await first.says("Kafka is reached")
        async with running(environment, tmp_path / "x.log") as second:
            assert await second.ended() == 1
        assert "in use by another `tetrastash ship`" in second.said


async def test_a_shipper_tells_its_health_and_its_counts(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    async def ask(path: str) -> tuple[int, str]:
        def get() -> tuple[int, str]:
            try:
                with urlopen(url + path, timeout=5) as answer:
                    return answer.status, answer.read().decode()
            except HTTPError as answer:
                with answer:
                    return answer.code, answer.read().decode()

        return await asyncio.to_thread(get)

    (tmp_path / "x.log").write_bytes(b"one\ntwo\n")
    async with running(environment, tmp_path / "x.log") as child:
        url = (await child.says("Status is served url=")).strip()
        await child.says("does not exist")
        assert await ask("/healthz") == (200, '{"ok": true}')
        status, answer = await ask("/readyz")
        assert status == 503
        assert "Run `tetrastash setup`" in json.loads(answer)["reasons"]["kafka"]
        await make_topic(settings)
        await eventually(lambda: saved_lines(settings) == 2)
        assert await ask("/readyz") == (200, '{"ok": true}')
        assert "\ntetrastash_shipped_lines_total 2.0\n" in (await ask("/metrics"))[1]
        (tmp_path / "x.log").unlink()
        await child.says("names no file", 60)
        status, answer = await ask("/readyz")
        assert status == 503
        assert "names no file" in json.loads(answer)["reasons"]["paths"]
        assert (await ask("/else"))[0] == 404


async def test_positions_that_cannot_be_saved_are_told_and_nothing_stops(settings: Settings, tmp_path: Path) -> None:
    await make_topic(settings)
    (tmp_path / "x.log").write_bytes(b"one\n")
    positions = tmp_path / "gone" / "positions.json"
    elsewhere = settings.model_copy(update={"positions": positions})
    shipping = asyncio.create_task(ship(elsewhere, [str(tmp_path / "x.log")], once=False))
    await eventually(lambda: positions.exists() and b'"position": 4' in positions.read_bytes())
    (tmp_path / "gone").rename(tmp_path / "elsewhere")
    with (tmp_path / "x.log").open("ab") as file:
        file.write(b"two\n")
    await asyncio.sleep(2)
    (tmp_path / "elsewhere").rename(tmp_path / "gone")
    await eventually(lambda: b'"position": 8' in positions.read_bytes())
    os.kill(os.getpid(), signal.SIGTERM)
    assert await shipping == 0


async def test_a_kafka_that_is_not_there_is_named_and_once_gives_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [port] = free_ports(1)
    away = Settings(kafka=f"127.0.0.1:{port}", positions=tmp_path / "positions.json")
    (tmp_path / "x.log").write_bytes(b"one\n")
    assert await ship(away, [str(tmp_path / "x.log")], once=True, patience=1) == 1
    assert f"Kafka cannot be reached at '127.0.0.1:{port}'" in caplog.text
    assert "Giving up" in caplog.text


async def test_a_shipper_leaves_in_time_while_kafka_is_away(tmp_path: Path) -> None:
    [port] = free_ports(1)
    environment = dict(os.environ) | {
        "TETRASTASH_KAFKA": f"127.0.0.1:{port}",
        "TETRASTASH_POSITIONS": str(tmp_path / "positions.json"),
    }
    async with running(environment, tmp_path / "x.log") as child:
        await child.says("Kafka cannot be reached")
        began = time.monotonic()
        child.process.send_signal(signal.SIGTERM)
        assert await child.ended() == 0
        assert time.monotonic() - began < 5


async def test_an_address_in_use_is_told_in_a_sentence(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    taken = Settings(listen=f"127.0.0.1:{port}", positions=tmp_path / "positions.json")
    with pytest.raises(Stop, match=r"TETRASTASH_LISTEN has value .* where nothing can listen"):
        await ship(taken, [str(tmp_path / "x.log")], once=False)
    server.close()
    await server.wait_closed()
