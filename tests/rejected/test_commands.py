"""A dead letter's whole life, on a real Kafka and a real Elasticsearch."""

import asyncio
import json

import pytest

from app.settings import Settings
from tests.read.conftest import Run, Running
from tests.stream.conftest import Worker, documents, event, producer, records, send, until

pytestmark = pytest.mark.integration


async def said(running: Running, status: int = 0) -> bytes:
    printed = await asyncio.to_thread(running.stdout.read)
    assert await asyncio.to_thread(running.status) == status, running.say()
    return printed


async def letters(run: Run, *arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (await said(run("rejected", "list", "--json", *arguments))).splitlines()]


async def processed(settings: Settings) -> None:
    """What was sent until now: a document sent behind it is stored."""
    number = len(documents(settings)) + 1000
    marker = event(number)
    await send(settings, [marker], partition=0)
    await until(lambda: any(found["event"].get("original") == marker.decode() for found in documents(settings)))


async def test_a_line_that_stays_bad_is_one_letter_however_often_it_is_sent_back(
    ready: Settings, worker: Worker, run: Run
) -> None:
    await send(ready, [b"no json \x1b[2J\xff"], partition=0)
    worker.start()
    await processed(ready)
    [letter] = await letters(run)
    id_ = str(letter["id"])
    listed = (await said(run("rejected", "list"))).decode()
    assert id_ in listed
    assert "\x1b" not in listed
    assert await said(run("rejected", "show", id_, "--raw")) == b"no json \x1b[2J\xff"
    assert b"original_base64" in await said(run("rejected", "show", id_))
    for number in range(3):
        await said(run("rejected", "replay", id_, "--yes"))
        await processed(ready)
        [again] = await letters(run)
        assert again["id"] == id_, number
        assert "replays" not in again  # the worker has spoken since
    assert await letters(run, "--replayed") == []


async def test_a_document_whose_fault_is_mended_is_stored_once_and_its_letter_dropped(
    ready: Settings, worker: Worker, run: Run
) -> None:
    bad = {"@timestamp": "2026-01-02T03:04:05Z", "event": {"id": "id-1"}, "user": "no object"}
    block = b'{"create":{"_id":"id-1"}}\n' + json.dumps(bad).encode() + b"\n"
    async with producer(ready) as kafka:
        await kafka.send_and_wait(
            ready.documents_topic, block, partition=0, headers=[("format", b"1"), ("documents", b"1")]
        )
    worker.start()
    await processed(ready)
    [letter] = await letters(run, "--stage", "index")
    assert letter["id"] == "id-1"
    # As by a version that mends it: the letter's original is a document now.
    mended = dict(letter, original=json.dumps(bad | {"user": {"id": "0"}}))
    async with producer(ready) as kafka:
        await kafka.send_and_wait(ready.rejected_topic, json.dumps(mended).encode(), b"id-1", partition=0)
    for _ in range(2):
        await said(run("rejected", "replay", "--all", "--reason", "USER", "--yes"))
    await until(lambda: any(found["_id"] == "id-1" for found in documents(ready)))
    await processed(ready)
    assert sum(found["_id"] == "id-1" for found in documents(ready)) == 1
    [sent] = await letters(run, "--replayed")
    assert sent["replays"] == 2
    await said(run("rejected", "drop", "--replayed", "--yes"))
    assert await letters(run) == []
    assert (await records(ready, ready.rejected_topic))[-1].value is None


async def test_what_is_not_meant_stays(ready: Settings, worker: Worker, run: Run) -> None:
    await send(ready, [b"garbage one", b"garbage two"], key=b"n1", partition=0)
    await send(ready, [b"garbage three"], key=b"n2", partition=0)
    worker.start()
    await processed(ready)
    assert len(await letters(run)) == 3
    assert len(await letters(run, "--key", "n1")) == 2
    await said(run("rejected", "drop", "--key", "n2", "--yes"))
    assert len(await letters(run)) == 2
    await said(run("rejected", "drop", "nobody", "--yes"), status=1)
    await said(run("rejected", "drop", "--yes"), status=2)
    await said(run("rejected", "drop", "--all"), status=1)  # nobody is there to be asked
    assert len(await letters(run)) == 2


async def test_without_a_topic_and_without_kafka_a_sentence_is_told(
    settings: Settings, run: Run, environment: dict[str, str]
) -> None:
    missing = run("rejected", "list")
    await said(missing, status=1)
    assert f"Topic '{settings.rejected_topic}' is missing. Run `tetrastash setup`" in missing.say()
    environment["TETRASTASH_KAFKA"] = "127.0.0.1:1"
    away = run("rejected", "list")
    await said(away, status=1)
    assert "Kafka cannot be reached at '127.0.0.1:1'" in away.say()
    assert "Traceback" not in away.say()
