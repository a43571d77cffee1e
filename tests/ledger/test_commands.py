"""The books on a real Kafka and a real Elasticsearch: they balance, and every injected loss appears, to the line."""

import asyncio
import json
import os
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.settings import Settings
from app.setup import setup
from app.ship.blocks import LINE_BYTES
from schemas.ledger import Statement
from schemas.record import SHIPPER, STATEMENT
from tests.read.conftest import Run
from tests.ship.topic import shipped
from tests.stream.conftest import Worker, documents, event, producer, send, until

pytestmark = pytest.mark.integration


async def asked(run: Run, *arguments: str) -> tuple[int, str]:
    """The exit status, and what was printed."""
    running = run("ledger", "--since", "all", *arguments)
    printed = await asyncio.to_thread(running.stdout.read)
    status = await asyncio.to_thread(running.status)
    assert printed, running.say()
    return status, printed.decode()


async def books(run: Run, status: int | None = None) -> dict[str, Any]:
    """With `status` it must be the exit status."""
    ended, printed = await asked(run, "--json")
    assert status in (None, ended), printed
    found: dict[str, Any] = json.loads(printed)
    return found


async def said(run: Run, status: int) -> str:
    ended, printed = await asked(run)
    assert ended == status, printed
    return printed


async def settled(run: Run, lines: int) -> dict[str, Any]:
    """Once a checkpoint has so many lines, and nothing is on the way."""
    for _ in range(60):
        found = await books(run)
        totals = totals_of(found)
        if totals["lines"] >= lines and not found["unread_lines"] and not totals["in_flight"]:
            return found
        await asyncio.sleep(0.5)
    raise AssertionError(found)


def totals_of(found: dict[str, Any]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for period in found["periods"]:
        totals.update({name: number for name, number in period.items() if isinstance(number, int)})
    return totals


def call(settings: Settings, method: str, path: str) -> Any:
    request = urllib.request.Request(f"{settings.elasticsearch}/{path}", method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def delete(settings: Settings, identity: str) -> None:
    found = call(settings, "GET", f"{settings.data_stream}/_search?q=_id:%22{identity}%22")
    [hit] = found["hits"]["hits"]
    assert call(settings, "DELETE", f"{hit['_index']}/_doc/{identity}")["result"] == "deleted"


async def ship(run: Run, *paths: Path) -> None:
    running = run("ship", "--once", *map(str, paths))
    assert await asyncio.to_thread(running.status) == 0, running.say()


async def test_what_is_shipped_balances_and_what_is_deleted_is_missing_by_name(
    ready: Settings, worker: Worker, run: Run, tmp_path: Path
) -> None:
    log = tmp_path / "tetragon.log"
    lines = [event(number) for number in range(3000)]
    log.write_bytes(b"\n".join([*lines[:2000], b"no json", b"", *lines[2000:], b""]))
    await ship(run, log)
    worker.start()
    found = await settled(run, 3001)
    assert found["balanced"], found
    totals = totals_of(found)
    assert [totals[name] for name in ("lines", "documents", "stored", "rejected", "off")] == [3001, 3000, 3000, 1, 0]
    [node] = found["nodes"]
    assert (node["node"], node["sent"], node["taken"], node["missing"]) == ("n1", 3002, 3002, 0)

    gone = documents(ready)[7]
    delete(ready, gone["_id"])
    found = await books(run, status=1)
    [wrong] = [period for period in found["periods"] if period["off"]]
    assert (wrong["off"], wrong["missing"]) == (1, [gone["_id"]])
    assert f"not stored: {gone['_id']}" in await said(run, 1)


async def test_lines_that_come_twice_are_repeats(ready: Settings, worker: Worker, run: Run, tmp_path: Path) -> None:
    log = tmp_path / "tetragon.log"
    log.write_bytes(b"".join(event(number) + b"\n" for number in range(500)))
    await ship(run, log)
    os.unlink(ready.positions)  # whoever loses it sends all once more
    await ship(run, log)
    worker.start()
    found = await settled(run, 1000)
    totals = totals_of(found)
    assert [totals[name] for name in ("lines", "documents", "stored", "repeated", "off")] == [1000, 1000, 500, 500, 0]
    assert found["balanced"], found


async def test_what_a_shipper_lost_is_told_and_what_vanished_behind_it_does_not_balance(
    ready: Settings, worker: Worker, run: Run, tmp_path: Path
) -> None:
    log = tmp_path / "tetragon.log"
    log.write_bytes(event(1) + b"\n" + b"x" * (LINE_BYTES + 1) + b"\n" + event(2) + b"\n")
    await ship(run, log)
    worker.start()
    found = await settled(run, 2)
    assert found["balanced"], "a known loss is in the books"
    [node] = found["nodes"]
    assert (node["lost_lines"], node["lost_bytes"]) == (1, LINE_BYTES + 2)
    assert node["losses"][0][1:] == [str(log), LINE_BYTES + 2, "the line is longer than can be sent"]
    assert "known losses: 1 lines" in await said(run, 0)

    headers = [(SHIPPER, node["shipper"].encode()), (STATEMENT, msgspec.json.encode(Statement(9, 0, 1)))]
    async with producer(ready) as kafka:
        partition = (await shipped(ready))[0].partition
        await kafka.send_and_wait(ready.events_topic, b"", b"n1", partition, headers=headers)
    for _ in range(40):
        if not (found := await books(run))["balanced"]:
            break
        await asyncio.sleep(0.5)
    [node] = found["nodes"]
    assert (node["sent"], node["taken"], node["missing"]) == (9, 2, 7)
    assert "7 lines of 9 that its shipper sent never came" in await said(run, 1)


async def test_dead_letters_of_elasticsearch_are_accounted_for(ready: Settings, worker: Worker, run: Run) -> None:
    await send(ready, [event(1)], partition=0)
    worker.start()
    await until(lambda: len(documents(ready)) == 1)
    too_many = {f"k{number}": number for number in range(3)}
    line = {"process_kprobe": {"process": {"exec_id": "x"}, "function_name": "f"}, "node_name": "n1", "time": "bad"}
    await send(ready, [json.dumps(line | too_many).encode()], partition=0)
    found = await settled(run, 2)
    assert found["balanced"], found


async def test_without_topics_and_without_elasticsearch_a_sentence_is_told(
    settings: Settings, run: Run, environment: dict[str, str]
) -> None:
    missing = run("ledger")
    assert await asyncio.to_thread(missing.status) == 1
    assert f"Topic '{settings.checkpoints_topic}' is missing. Run `tetrastash setup`" in missing.say()
    assert await setup(settings) == 0
    environment["TETRASTASH_ELASTICSEARCH"] = "http://127.0.0.1:1"
    away = run("ledger")
    assert await asyncio.to_thread(away.status) == 1
    assert "Elasticsearch" in away.say()
    assert "Traceback" not in away.say() + missing.say()
