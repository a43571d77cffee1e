"""The sweep on a real Elasticsearch: what a rollover has doubled is stored once again, and only that."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch

from app import elastic
from app.index.asker import Asker
from app.index.install import install
from app.index.sweep import Sweep
from app.local.elasticsearch import FIRST_COMPILER, Elasticsearch
from app.settings import Settings
from tests.conftest import running
from tests.index.flawed import Trusting
from tests.opensearch.engine import OpenSearch

pytestmark = pytest.mark.integration


class Stream:
    def __init__(self, engine: Elasticsearch, client: AsyncElasticsearch, asked: AsyncElasticsearch, name: str) -> None:
        self.engine = engine
        self.client = client
        self.asker = Asker(asked, name)
        self.name = name
        self.sweep = Sweep(page=50)

    async def put(self, ids: Iterable[str], at: float | None = None, index: str | None = None) -> None:
        """`at` in seconds; now, unless told. `index`: as a late request does, by the only way that is open."""
        milliseconds = int((time.time() if at is None else at) * 1000)
        lines: list[dict[str, Any]] = []
        for id_ in ids:
            document: dict[str, Any] = {"@timestamp": milliseconds}
            if index is None:
                lines += [{"create": {"_id": id_}}, document]
            else:
                lines += [{"update": {"_index": index, "_id": id_}}, {"doc": document, "doc_as_upsert": True}]
        path = f"/{self.name}/_bulk" if index is None else "/_bulk"
        headers = {"accept": "application/json", "content-type": "application/x-ndjson"}
        answer = await self.client.perform_request("POST", path, headers=headers, body=lines)
        assert not answer.body["errors"], json.dumps(answer.body)[:2000]

    async def roll(self) -> str:
        """The index that was written to until now."""
        return str((await self.client.indices.rollover(alias=self.name))["old_index"])

    async def rounds(self, count: int = 2) -> Asker:
        for _ in range(count):
            await self.asker.ask(self.sweep.round())
        return self.asker

    async def stored(self) -> dict[str, list[str]]:
        """The indices of each id."""
        await self.client.indices.refresh(index=self.name)
        answer = await self.client.search(index=self.name, size=10_000, source=False)
        found: dict[str, list[str]] = {}
        for hit in answer["hits"]["hits"]:
            found.setdefault(hit["_id"], []).append(hit["_index"])
        return found


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearch]:
    with running(OpenSearch(tmp_path_factory.mktemp("opensearch"), options=FIRST_COMPILER)) as engine:
        yield engine


@pytest.fixture(params=["elasticsearch", "opensearch"])
async def stream(request: pytest.FixtureRequest) -> AsyncIterator[Stream]:
    """In both, the same questions have the same answers."""
    engine: Elasticsearch = request.getfixturevalue(request.param)
    name = f"logs-{uuid.uuid4().hex}.log-default"
    if isinstance(engine, OpenSearch):
        async with engine.client() as client, engine.bulk_client() as asked:
            mappings = {"properties": {"@timestamp": {"type": "date"}}}
            await client.indices.put_index_template(
                name=name, index_patterns=[name], data_stream={}, template={"mappings": mappings}
            )
            yield Stream(engine, client, asked, name)
    else:
        settings = Settings(elasticsearch=engine.url)
        async with elastic.client(settings) as client, elastic.bulk_client(settings) as asked:
            await install(client, name)
            yield Stream(engine, client, asked, name)


def ids(*ranges: range) -> list[str]:
    return [f"id-{number:05d}" for each in ranges for number in each]


async def test_what_was_stored_again_after_a_rollover_goes_and_nothing_else(stream: Stream) -> None:
    await stream.put(ids(range(300)))
    first = await stream.roll()
    await stream.put(ids(range(200, 500)))
    await stream.roll()
    await stream.put(ids(range(250, 350), range(500, 600)))
    assert sum(map(len, (await stream.stored()).values())) == 800

    asker = await stream.rounds()

    assert asker.trouble is None
    found = await stream.stored()
    assert set(found) == set(ids(range(600)))
    assert all(len(places) == 1 for places in found.values())
    assert {found[id_][0] for id_ in ids(range(300))} == {first}
    assert stream.sweep.counters.removed == 200


async def test_a_request_that_ends_late_in_the_old_index_is_found_as_well(stream: Stream) -> None:
    await stream.put(ids(range(10)))
    first = await stream.roll()
    await stream.put(ids(range(100, 400)))
    await stream.rounds()
    positions = {uuid: list(each) for uuid, each in stream.sweep.positions.items()}

    await stream.put(ids(range(100, 400)), index=first)
    await stream.rounds()

    assert positions != stream.sweep.positions
    found = await stream.stored()
    assert all(places == [first] for places in found.values())
    assert len(found) == 310


async def test_without_a_rollover_nothing_is_asked(stream: Stream) -> None:
    await stream.put(ids(range(500)))
    await stream.rounds()
    assert stream.sweep.counters.compared == 0
    [positions] = stream.sweep.positions.values()
    assert positions == [499]


async def test_events_from_after_a_rollover_are_not_compared(stream: Stream) -> None:
    stream.sweep = Sweep(allowance=100)
    await stream.put(ids(range(10)))
    await stream.roll()
    await stream.put(ids(range(100, 400)), at=time.time() + 1)
    await stream.put(ids(range(5)), at=time.time() - 60)
    await stream.rounds()
    assert stream.sweep.counters.compared == 5
    assert all(len(places) == 1 for places in (await stream.stored()).values())


async def test_events_of_a_clock_that_is_ahead_are_counted_once(stream: Stream) -> None:
    await stream.put(ids(range(10)))
    await stream.put(ids(range(10, 15)), at=time.time() + 45)
    await stream.put(ids(range(15, 20)), at=time.time() + 15)
    await stream.rounds()
    assert stream.sweep.counters.ahead == 5


async def test_an_index_that_cannot_be_asked_is_told_and_waited_for(stream: Stream) -> None:
    await stream.put(ids(range(10)))
    first = await stream.roll()
    await stream.put(ids(range(10)))
    await stream.client.indices.close(index=first)
    asker = await stream.rounds()
    assert asker.trouble is not None
    assert asker.trouble.startswith(f"{first!r}: 400 index_closed_exception: ")
    assert stream.sweep.counters.removed == 0

    await stream.client.indices.open(index=first)
    asker = await stream.rounds(4)
    assert asker.trouble is None
    assert all(places == [first] for places in (await stream.stored()).values())


async def test_an_index_that_lets_nothing_go_is_told_and_waited_for(stream: Stream) -> None:
    await stream.put(ids(range(10)))
    first = await stream.roll()
    await stream.put(ids(range(10)))
    second = await stream.roll()
    await stream.client.indices.put_settings(index=second, settings={"index.blocks.write": True})
    asker = await stream.rounds()
    assert asker.trouble is not None
    assert asker.trouble.startswith(f"{second!r} does not let a copy go: ")

    await stream.client.indices.put_settings(index=second, settings={"index.blocks.write": False})
    asker = await stream.rounds()
    assert asker.trouble is None
    assert all(places == [first] for places in (await stream.stored()).values())


async def test_an_index_that_is_deleted_is_forgotten(stream: Stream) -> None:
    await stream.put(ids(range(10)))
    first = await stream.roll()
    await stream.put(ids(range(10)))
    await stream.rounds()
    await stream.put(ids(range(20, 30)))
    await stream.client.indices.delete(index=first)
    asker = await stream.rounds()
    assert asker.trouble is None
    assert set(await stream.stored()) == set(ids(range(20, 30)))
    assert len(stream.sweep.positions) == 1


async def test_a_stream_that_is_not_there_yet_has_nothing_to_sweep(settings: Settings) -> None:
    async with elastic.bulk_client(settings) as client:
        asker = Asker(client, settings.data_stream)
        await asker.ask(Sweep().round())
    assert asker.trouble is None


async def test_an_elasticsearch_that_is_away_is_told(settings: Settings) -> None:
    away: dict[str, Any] = {"elasticsearch": "http://127.0.0.1:1"}
    async with elastic.bulk_client(settings.model_copy(update=away)) as client:
        asker = Asker(client, settings.data_stream)
        await asker.ask(Sweep().round())
    assert asker.trouble is not None
    assert asker.trouble.startswith("ConnectionError: ")


@pytest.mark.parametrize(("sweep", "is_lost"), [(Sweep, False), (Trusting, True)])
async def test_a_copy_that_a_node_could_still_lose_is_not_trusted(
    stream: Stream, sweep: type[Sweep], is_lost: bool
) -> None:
    stream.sweep = sweep(page=50)
    await stream.put(ids(range(10)))
    unwritten = {"index.translog.durability": "async", "index.translog.sync_interval": "1h"}
    first = await stream.roll()
    await stream.client.indices.put_settings(index=first, settings=unwritten)
    await stream.put(ids(range(100, 200)))
    await stream.put(ids(range(100, 200)), index=first)
    asker = await stream.rounds()
    assert stream.sweep.counters.removed == (100 if is_lost else 0)
    assert asker.trouble is None

    await asyncio.to_thread(stream.engine.kill)
    await asyncio.to_thread(stream.engine.start)
    await until_green(stream)

    assert (set(ids(range(100, 200))) - set(await stream.stored()) != set()) == is_lost
    await stream.rounds()
    assert all(len(places) == 1 for places in (await stream.stored()).values())


async def until_green(stream: Stream) -> None:
    """Until the shards are there again."""
    await stream.client.cluster.health(index=stream.name, wait_for_status="yellow", timeout="30s")
