"""`tetrastash tap` on a real Kafka."""

import asyncio
import json
import signal
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from app.local.kafka import Kafka
from app.settings import Settings
from tests.read.conftest import Run, Running
from tests.stream.conftest import Worker, event, send, until

pytestmark = pytest.mark.integration


async def lines(running: Running, count: int) -> list[bytes]:
    return [await asyncio.wait_for(asyncio.to_thread(running.stdout.readline), 30) for _ in range(count)]


async def taps(running: Running) -> None:
    await until(lambda: "tapping" in running.say())


async def ends(running: Running, status: int = 0) -> bytes:
    """What it printed beyond what was read."""
    rest = await asyncio.wait_for(asyncio.to_thread(running.stdout.read), 30)
    assert await asyncio.to_thread(running.status) == status, running.say()
    return rest


async def test_what_a_topic_holds_is_shown_from_its_beginning_up_to_the_limit(ready: Settings, run: Run) -> None:
    await send(ready, [b"\n".join(event(number) for number in range(5)), event(5), event(6)])
    tap = run("tap", "events", "--from", "beginning", "--limit", "6")

    assert await ends(tap) == b"".join(event(number) + b"\n" for number in range(6))


async def test_only_what_comes_from_now_on_is_shown_without_a_group(ready: Settings, run: Run) -> None:
    await send(ready, [event(1)], partition=2)
    tap = run("tap", "events", "-o", "compact", "--limit", "2")
    await taps(tap)
    await send(ready, [b"garbage\x1b[2J", event(2)], partition=2)

    assert await lines(tap, 2) == [
        (
            '💀 decode  n1 "not JSON: JSON is malformed: invalid character (byte 0)" '
            f'{ready.events_topic}[2]@1:0 "garbage\\x1b[2J"\n'
        ).encode(),
        "🚀 process n1 /bin/true\n".encode(),
    ]
    assert await ends(tap) == b""
    assert await groups(ready) == []


async def groups(settings: Settings) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        return [name for name, *_ in await admin.list_consumer_groups() if name.startswith(settings.topic_prefix)]
    finally:
        await admin.close()


async def test_documents_and_dead_letters_of_a_worker_are_shown(
    ready: Settings, run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    worker = Worker(environment, tmp_path).start("--only", "enrich")
    try:
        await send(ready, [event(1), b"garbage", event(2)], key=b"c/n1")
        await send(ready, [event(3, node="n2")], key=b"c/n2")
        documents = run("tap", "documents", "--from", "beginning", "--limit", "2", "--key", "n1")
        other = run("tap", "documents", "--from", "beginning", "--where", "host.name=n2", "--limit", "1")
        letters = run("tap", "rejected", "--from", "beginning", "--where", "origin.offset=1", "--limit", "1")

        shown = [json.loads(line) for line in (await ends(documents)).splitlines()]
        assert [each["process"]["entity_id"] for each in shown] == ["n1-1", "n1-2"]
        assert json.loads(await ends(other))["process"]["entity_id"] == "n2-3"
        assert json.loads(await ends(letters))["original"] == "garbage"
    finally:
        worker.kill()


async def test_conditions_choose_among_events(ready: Settings, run: Run) -> None:
    chosen = event(7, binary="/tmp/x", arguments="a b")
    await send(ready, [event(1), chosen, event(2, binary="/tmp/y")])
    where = ("--where", "process.executable=/tmp/*", "--where", "process.args=b")
    tap = run("tap", "events", "--from", "beginning", *where, "--limit", "1")

    assert await ends(tap) == chosen + b"\n"


async def test_a_reader_that_has_enough_ends_it_quietly(ready: Settings, run: Run) -> None:
    await send(ready, [b"\n".join(event(number) for number in range(5000))])
    tap = run("tap", "events", "--from", "beginning")
    await lines(tap, 1)
    tap.stdout.close()

    assert await asyncio.to_thread(tap.status) == 0
    assert len(tap.say().splitlines()) == 1


@pytest.mark.usefixtures("ready")
async def test_a_reader_that_goes_while_nothing_comes_ends_it_too(run: Run) -> None:
    tap = run("tap", "events")
    await taps(tap)
    tap.stdout.close()

    assert await asyncio.to_thread(tap.status) == 0


@pytest.mark.usefixtures("ready")
async def test_ctrl_c_ends_it_quietly(run: Run) -> None:
    tap = run("tap", "events")
    await taps(tap)
    tap.process.send_signal(signal.SIGINT)

    assert await ends(tap, status=130) == b""
    assert len(tap.say().splitlines()) == 1


async def test_a_topic_that_is_missing_is_told_with_what_to_do(settings: Settings, run: Run) -> None:
    tap = run("tap", "rejected")

    assert await ends(tap, status=1) == b""
    assert f"Topic '{settings.rejected_topic}' is missing. Run `tetrastash setup`" in tap.say()
    assert "Traceback" not in tap.say()


async def test_it_waits_for_kafka_and_goes_on_where_it_was(ready: Settings, run: Run, kafka: Kafka) -> None:
    await send(ready, [event(1)])
    kafka.stop()
    tap = run("tap", "events", "--from", "beginning", "--limit", "3")
    await until(lambda: "waiting for Kafka reason=Kafka cannot be reached" in tap.say())
    kafka.start()
    first = await lines(tap, 1)
    said = tap.say()
    kafka.kill()
    await until(lambda: "waiting for Kafka" in tap.say().removeprefix(said))
    kafka.start()
    await send(ready, [event(2), event(3)])

    assert first + await lines(tap, 2) == [event(number) + b"\n" for number in (1, 2, 3)]
    assert await ends(tap) == b""
    assert "Traceback" not in tap.say()
