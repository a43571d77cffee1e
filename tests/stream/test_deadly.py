"""Lines that end the process, and lines of which too many are rejected, on a real Kafka and a real Elasticsearch."""

import json
from pathlib import Path

import pytest

from app.settings import Settings
from tests.stream.conftest import Worker, documents, event, producer, records, send, until

pytestmark = pytest.mark.integration

# What a crash in a library looks like from outside.
DEADLY = """
import os

from agents import Fields, agent


@agent(events=None, adds={"tetragon.deadly"})
def deadly(event, memory) -> Fields:
    if event.process is not None and event.process.binary == "/bin/deadly":
        os.abort()
    return {}
"""


@pytest.fixture
def environment(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "deadly.py").write_text(DEADLY, "utf-8")
    return environment | {"TETRASTASH_AGENTS": str(tmp_path / "agents")}


async def test_a_line_that_ends_the_process_becomes_a_dead_letter_and_no_other(
    ready: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    lines = [event(number) for number in range(200)]
    lines[130] = event(130, binary="/bin/deadly")
    blocks = [b"\n".join(lines[start : start + 20]) for start in range(0, 200, 20)]
    await send(ready, blocks)
    deaths = 0
    worker = Worker(environment, tmp_path)
    while True:
        worker.start()
        await until(lambda: not worker.is_running or len(documents(ready)) == 199, 60)
        if worker.is_running:
            break
        deaths += 1
        assert deaths < 10, worker.say()
    worker.stop()
    assert deaths in (7, 8)
    assert sorted(each["process"]["entity_id"] for each in documents(ready)) == sorted(
        f"n1-{number}" for number in range(200) if number != 130
    )
    letters = {record.key: json.loads(record.value) for record in await records(ready, ready.rejected_topic)}
    assert [letter["original"].encode() for letter in letters.values()] == [lines[130]]
    assert "the process ended 3 times" in worker.say()


async def test_too_many_rejections_stop_the_stage_and_it_says_so(ready: Settings, worker: Worker) -> None:
    garbage = b"\n".join(b"no event %d" % number for number in range(1000))
    await send(ready, [event(1), *[garbage] * 12, event(2)])
    worker.start()
    _, answer = await until(lambda: (found := worker.get("/readyz"))[0] == 503 and "rejections" in found[1] and found)
    assert "of the last 1" in json.loads(answer)["reasons"]["enrich rejections"]
    assert worker.get("/healthz")[0] == 200
    await until(lambda: [each["process"]["entity_id"] for each in documents(ready)] == ["n1-1"])
    worker.stop()
    assert worker.status == 0
    # What it has not taken is there for the next one, which was told to go on.
    after = Worker(worker._environment | {"TETRASTASH_REJECTED_SHARE": "1"}, worker.log.parent, "after")
    after.start()
    await until(lambda: len(documents(ready)) == 2)
    after.stop()


async def test_so_do_too_many_documents_that_elasticsearch_refuses(ready: Settings, worker: Worker) -> None:
    async with producer(ready) as kafka:
        for number in range(60):
            await kafka.send_and_wait(ready.documents_topic, _refused(number), partition=0, headers=[("format", b"1")])
    worker.start("--only", "index")
    await until(lambda: "index rejections" in worker.get("/readyz")[1])
    worker.stop()
    assert worker.status == 0
    kept = len({record.key for record in await records(ready, ready.rejected_topic)})
    assert 10_000 <= kept < 60_000


def _refused(number: int) -> bytes:
    """A thousand documents of which none fits the mapping."""
    lines = []
    for each in range(1000):
        lines += [
            {"create": {"_id": f"{number}-{each}"}},
            {"@timestamp": "2026-01-02T03:04:05Z", "user": "no object" * 40},
        ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
