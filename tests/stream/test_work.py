"""`tetrastash work` on a real Kafka and a real Elasticsearch: what users meet when something is missing or breaks."""

import asyncio
import json
import os
import re
import time
import urllib.request
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.local.elasticsearch import Elasticsearch
from app.local.kafka import Kafka
from app.settings import Settings
from tests.stream.conftest import Worker, documents, event, producer, records, send, until

pytestmark = pytest.mark.integration


def exec_ids(settings: Settings) -> list[str]:
    return [document["process"]["entity_id"] for document in documents(settings)]


async def test_every_line_becomes_a_document_once(ready: Settings, worker: Worker) -> None:
    lines = [event(number) for number in range(500)]
    await send(ready, [b"\n".join(lines[:300]), *lines[300:], lines[0], b"\n".join(lines[100:200])])
    worker.start()
    await until(lambda: len(documents(ready)) >= 500)
    assert sorted(exec_ids(ready)) == sorted(f"n1-{number}" for number in range(500))


async def test_the_group_offsets_stand_at_the_end_after_it_left(ready: Settings, worker: Worker) -> None:
    await send(ready, [event(number) for number in range(20)])
    worker.start()
    await until(lambda: len(documents(ready)) == 20)
    worker.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=ready.kafka, group_id=ready.enrich_group, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(ready.events_topic, number) for number in range(ready.partitions)]
        ends = await consumer.end_offsets(places)
        committed = {place: await consumer.committed(place) or 0 for place in places}
        assert committed == ends
    finally:
        await consumer.stop()


async def test_sigterm_finishes_the_checkpoint_and_the_next_worker_goes_on_with_its_memory(
    ready: Settings, worker: Worker
) -> None:
    parent = event(1)
    child = event(2, parent_exec_id="n1-1")
    worker.start()
    await send(ready, [parent])
    await until(lambda: exec_ids(ready) == ["n1-1"])
    began = time.monotonic()
    worker.stop()
    assert worker.status == 0
    assert time.monotonic() - began < 10
    await send(ready, [child])
    worker.start()
    await until(lambda: len(documents(ready)) == 2)
    found = next(each for each in documents(ready) if each["process"]["entity_id"] == "n1-2")
    assert found["process"]["parent"]["executable"] == "/bin/true"


async def test_kill_and_restart_lose_nothing_and_store_nothing_twice(ready: Settings, worker: Worker) -> None:
    lines = [event(number, node=f"n{number % 4}") for number in range(2000)]
    worker.start()
    for number in range(0, 2000, 500):
        for node in range(4):
            mine = [line for index, line in enumerate(lines[number : number + 500]) if index % 4 == node]
            await send(ready, [b"\n".join(mine)], key=b"n%d" % node)
        await until(lambda: len(documents(ready)) > 0)
        worker.kill()
        worker.start()
    await until(lambda: len(documents(ready)) >= 2000)
    assert sorted(exec_ids(ready)) == sorted(f"n{number % 4}-{number}" for number in range(2000))


async def test_what_is_no_event_becomes_a_dead_letter_with_its_bytes(ready: Settings, worker: Worker) -> None:
    garbage = [b"no json", b'"a string"', b"{}", b"\xff\xfe{}", b"[" * 100_000, b'{"process_exec":[1,2]}']
    await send(ready, [*garbage[:3], b"\n".join(garbage[3:]), event(1), b"", None, b"\n\n"])
    worker.start()
    await until(lambda: exec_ids(ready))
    worker.stop()
    letters = [json.loads(record.value) for record in await records(ready, ready.rejected_topic)]
    found = sorted(letter.get("original", "").encode() or b"base64" for letter in letters)
    kept = len(documents(ready)) + len(letters)
    assert kept == len(garbage) + 1
    assert {b"no json", b'"a string"', b"{}", b"[" * 100_000} <= set(found)
    assert all(letter["reason"] and letter["origin"]["topic"] == ready.events_topic for letter in letters)


async def test_records_of_other_producers_need_neither_key_nor_headers(ready: Settings, worker: Worker) -> None:
    wrapped = json.dumps({"message": event(2).decode(), "agent": "other"}).encode()
    await send(ready, [event(1), wrapped], key=None)
    worker.start()
    await until(lambda: len(documents(ready)) == 2)
    assert sorted(exec_ids(ready)) == ["n1-1", "n1-2"]


async def test_a_line_of_five_megabytes_becomes_a_document(ready: Settings, worker: Worker) -> None:
    await send(ready, [event(1, arguments="x" * 5_000_000), event(2)])
    worker.start()
    await until(lambda: len(documents(ready)) == 2)


async def test_one_refused_document_becomes_a_dead_letter_and_its_neighbours_are_stored(
    ready: Settings, worker: Worker
) -> None:
    lines = []
    for number in range(1000):
        user = "no object" if number == 500 else {"id": "0"}
        document = {"@timestamp": "2026-01-02T03:04:05Z", "event": {"id": f"id-{number:04d}"}, "user": user}
        lines += [json.dumps({"create": {"_id": f"id-{number:04d}"}}), json.dumps(document)]
    async with producer(ready) as kafka:
        block = "\n".join(lines).encode() + b"\n"
        await kafka.send_and_wait(ready.documents_topic, block, headers=[("format", b"1"), ("documents", b"1000")])
    worker.start()
    await until(lambda: len(documents(ready)) == 999)
    worker.stop()
    letters = [json.loads(record.value) for record in await records(ready, ready.rejected_topic)]
    assert [(letter["id"], letter["stage"]) for letter in letters] == [("id-0500", "index")]
    assert json.loads(letters[0]["original"])["user"] == "no object"
    assert "user" in letters[0]["reason"]


async def test_an_agent_that_raises_costs_its_own_fields_only(
    ready: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    agents = tmp_path / "agents"
    agents.mkdir()
    (agents / "brittle.py").write_text(
        '"""Raises on one event."""\n'
        "from agents import Fields, agent\n"
        "from schemas.tetragon import Event\n\n\n"
        '@agent(events={"process_exec"}, adds={"labels.brittle"})\n'
        "def brittle(event: Event) -> Fields:\n"
        "    if event.process and event.process.pid == 1001:\n"
        '        raise ValueError("odd")\n'
        '    return {"labels.brittle": "fine"}\n'
    )
    worker = Worker(environment | {"TETRASTASH_AGENTS": str(agents)}, tmp_path).start()
    try:
        await send(ready, [event(1), event(2)])
        await until(lambda: len(documents(ready)) == 2)
        failed, fine = documents(ready)
        assert failed["event"]["kind"] == "pipeline_error"
        assert "brittle" in json.dumps(failed["error"])
        assert fine["labels"]["brittle"] == "fine"
        assert "an agent raised" in worker.say()
    finally:
        worker.kill()


async def test_it_waits_for_kafka_and_says_so(ready: Settings, worker: Worker, kafka: Kafka) -> None:
    await send(ready, [event(1)])
    kafka.stop()
    worker.start()
    await until(lambda: "waiting for Kafka" in worker.say())
    assert worker.get("/readyz")[0] == 503
    kafka.start()
    await until(lambda: exec_ids(ready) == ["n1-1"])
    assert worker.get("/readyz")[0] == 200


async def test_it_survives_a_broker_that_is_killed_and_comes_back(
    ready: Settings, worker: Worker, kafka: Kafka
) -> None:
    worker.start()
    await send(ready, [event(1)])
    await until(lambda: exec_ids(ready) == ["n1-1"])
    kafka.kill()
    await asyncio.sleep(3)
    kafka.start()
    await send(ready, [event(2)])
    await until(lambda: len(documents(ready)) == 2)
    assert worker.is_running


async def test_sigterm_is_obeyed_within_ten_seconds_while_kafka_is_away(
    ready: Settings, worker: Worker, kafka: Kafka
) -> None:
    worker.start()
    await send(ready, [event(1)])
    await until(lambda: exec_ids(ready) == ["n1-1"])
    kafka.kill()
    await asyncio.sleep(1)
    began = time.monotonic()
    os.kill(worker.pid, 15)
    await until(lambda: not worker.is_running, 15)
    assert time.monotonic() - began < 10


async def test_documents_wait_in_kafka_while_elasticsearch_is_down(
    ready: Settings, worker: Worker, elasticsearch: Elasticsearch
) -> None:
    elasticsearch.stop()
    worker.start()
    await send(ready, [event(1)])
    await until(lambda: "Elasticsearch" in worker.say())
    status, body = worker.get("/readyz")
    assert status == 503
    assert "elasticsearch" in body
    assert worker.get("/healthz")[0] == 200
    elasticsearch.start()
    await until(lambda: exec_ids(ready) == ["n1-1"])
    await until(lambda: worker.get("/readyz")[0] == 200)


async def test_topics_that_are_missing_stop_it_with_a_sentence(worker: Worker) -> None:
    assert worker.run_to_the_end() == 1
    assert "tetrastash setup" in worker.say()
    assert "Traceback" not in worker.say()


async def test_a_topic_with_another_partition_count_stops_it_with_a_sentence(
    settings: Settings, worker: Worker
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        await admin.create_topics(
            [
                NewTopic(settings.events_topic, 2, 1),
                NewTopic(settings.documents_topic, 3, 1),
                NewTopic(settings.checkpoints_topic, 2, 1, topic_configs={"cleanup.policy": "compact"}),
                NewTopic(settings.rejected_topic, 2, 1),
            ]
        )
    finally:
        await admin.close()
    assert worker.run_to_the_end() == 1
    assert settings.documents_topic in worker.say()
    assert "Traceback" not in worker.say()


async def test_an_agents_folder_with_two_functions_in_a_file_stops_it_with_a_sentence(
    environment: dict[str, str], tmp_path: Path
) -> None:
    agents = tmp_path / "agents"
    agents.mkdir()
    (agents / "two.py").write_text(
        "from agents import agent\n\n\n"
        '@agent(events={"process_exec"}, adds={"labels.a"})\ndef a(event): return {}\n\n\n'
        '@agent(events={"process_exec"}, adds={"labels.b"})\ndef b(event): return {}\n'
    )
    worker = Worker(environment | {"TETRASTASH_AGENTS": str(agents)}, tmp_path)
    assert worker.run_to_the_end() == 1
    assert "two.py" in worker.say()
    assert "Traceback" not in worker.say()


async def test_a_setting_with_a_typo_stops_it_with_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    worker = Worker(environment | {"TETRASTASH_PARTITION": "3"}, tmp_path)
    assert worker.run_to_the_end() == 1
    assert "Did you mean TETRASTASH_PARTITIONS?" in worker.say()


async def test_what_a_rollover_has_let_in_twice_is_stored_once_in_the_end(ready: Settings, worker: Worker) -> None:
    lines = [event(number) for number in range(200)]
    await send(ready, [b"\n".join(lines)])
    worker.start()
    await until(lambda: len(documents(ready)) == 200)
    post(f"{ready.elasticsearch}/{ready.data_stream}/_rollover")
    blocks = await records(ready, ready.documents_topic)
    async with producer(ready) as kafka:
        for block in blocks:  # as a worker does that died before it committed
            await kafka.send_and_wait(ready.documents_topic, block.value, headers=list(block.headers))
    await until(lambda: metric(worker, "tetrastash_indexed_documents_total") == 400)
    await until(lambda: metric(worker, "tetrastash_swept_copies_total") == 200)
    assert sorted(exec_ids(ready)) == sorted(f"n1-{number}" for number in range(200))
    worker.stop()
    kept = [record for record in await records(ready, ready.checkpoints_topic) if record.key == b"sweep"]
    assert len(json.loads(kept[-1].value)["positions"]) == 2


def metric(worker: Worker, name: str) -> float:
    """Summed over stages."""
    values = re.findall(rf"^{name}{{[^}}]*}} (\S+)$", worker.get("/metrics")[1], re.MULTILINE)
    return sum(map(float, values))


def post(url: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=20) as answer:
        assert answer.status == 200
