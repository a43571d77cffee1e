"""`tetrastash work` as a child process, and what a test asks of the engines around it."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from app.local.child import Child, spawn
from app.local.ports import free_ports
from app.settings import Settings
from app.setup import setup

TETRASTASH = Path(".venv/bin/tetrastash").absolute()


class Worker(Child):
    """`say` reads all that it logged."""

    def __init__(self, environment: dict[str, str], folder: Path, name: str = "work") -> None:
        super().__init__("tetrastash work", folder / f"{name}.log")
        self.port = free_ports(1)[0]
        self._environment = environment | {"TETRASTASH_LISTEN": f"127.0.0.1:{self.port}"}

    def start(self, *arguments: str) -> "Worker":
        self.launch([TETRASTASH, "work", *arguments], self._answers, environment=self._environment)
        return self

    def run_to_the_end(self, *arguments: str) -> int:
        """The exit status of one that is expected to end by itself."""
        with self.log.open("ab") as log:
            process = spawn([TETRASTASH, "work", *arguments], environment=self._environment, stdout=log, stderr=log)
        return process.wait(30)

    def say(self) -> str:
        return self.log.read_text("utf-8")

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def _answers(self) -> bool:
        try:
            return self.get("/healthz")[0] == 200
        except OSError:
            return False


@pytest.fixture
def worker(environment: dict[str, str], tmp_path: Path) -> Iterator[Worker]:
    """Not started yet; ended with the test."""
    child = Worker(environment, tmp_path)
    yield child
    if child.is_running:
        child.kill()
    if child.log.exists():
        print(child.say())  # noqa: T201 - pytest shows it when the test failed


@pytest.fixture
async def ready(settings: Settings) -> Settings:
    """Topics and template are made."""
    assert await setup(settings) == 0
    return settings


def event(number: int, node: str = "n1", **process: Any) -> bytes:
    """A whole event whose exec_id tells its number."""
    body = {"exec_id": f"{node}-{number}", "pid": 1000 + number, "binary": "/bin/true", "flags": "execve clone"}
    time_text = f"2026-01-02T03:04:{number // 1000 % 60:02d}.{number % 1000:03d}000001Z"
    return json.dumps({"process_exec": {"process": body | process}, "node_name": node, "time": time_text}).encode()


@asynccontextmanager
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    made = AIOKafkaProducer(bootstrap_servers=settings.kafka, max_request_size=16 * 2**20)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def send(settings: Settings, values: Sequence[bytes | None], key: bytes | None = b"n1", **more: Any) -> None:
    """Each value as a record of the events topic."""
    async with producer(settings) as kafka:
        for value in values:
            await kafka.send_and_wait(settings.events_topic, value, key=key, **more)


def documents(settings: Settings) -> list[dict[str, Any]]:
    """All that Elasticsearch holds, in order of their ids."""
    stream = f"{settings.elasticsearch}/{settings.data_stream}"
    try:
        _call(f"{stream}/_refresh", None)
        found = _call(f"{stream}/_search", {"size": 10_000, "sort": [{"event.id": "asc"}]})
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404:
                return []
            raise
    return [hit["_source"] | {"_id": hit["_id"]} for hit in found["hits"]["hits"]]


async def records(settings: Settings, topic: str) -> list[Any]:
    """Every record of a topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, enable_auto_commit=False, auto_offset_reset="none")
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(settings.partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        await consumer.seek_to_beginning(*places)
        found: list[Any] = []
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
        return found
    finally:
        await consumer.stop()


async def until(condition: Callable[[], Any], seconds: float = 45.0) -> Any:
    """What `condition` gives, once it is true. Fails the test when that takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        found = await asyncio.to_thread(condition)
        if found:
            return found
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.2)


def _call(url: str, body: Any) -> Any:
    request = urllib.request.Request(
        url, b"" if body is None else json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)
