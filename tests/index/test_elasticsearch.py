"""What the real one answers, and that it is understood."""

import asyncio
import json

import pytest

from app.elastic import bulk_client, client
from app.index.bulk import FILTER, Block, Items, read_answer
from app.index.conflicts import Looked
from app.index.delivery import Delivery, Step
from app.index.indexer import Indexed, Indexer
from app.index.install import install
from app.local.elasticsearch import Elasticsearch
from app.settings import Settings

DOCUMENTS = Block(b"".join(b'{"create":{"_id":"%d"}}\n{"@timestamp":"2026-01-01"}\n' % n for n in range(100)), 100)


async def test_a_write_block_stops_intake_and_its_end_is_noticed(settings: Settings) -> None:
    told: asyncio.Queue[tuple[bool, str]] = asyncio.Queue()
    async with client(settings) as admin, bulk_client(settings) as bulk:
        await install(admin, settings.data_stream)
        await admin.create(index=settings.data_stream, id="first", document={"@timestamp": "2026-01-01"})
        (index,) = (await admin.indices.get_settings(index=settings.data_stream)).body
        await admin.indices.put_settings(index=index, settings={"index.blocks.write": True})
        indexer = Indexer(
            bulk,
            settings.data_stream,
            health=lambda _, ok, reason: told.put_nowait((ok, reason)),
            sleep=lambda _: asyncio.sleep(0.05),
        )
        task = asyncio.ensure_future(indexer.index([DOCUMENTS]))
        ok, reason = await told.get()
        assert not ok
        assert reason.startswith("403 cluster_block_exception")
        await admin.indices.put_settings(index=index, settings={"index.blocks.write": False})
        assert await task == Indexed(100, 0, [])
        assert await told.get() == (True, "")


async def test_the_usual_answer_is_the_one_that_is_known_by_its_bytes(settings: Settings) -> None:
    async with client(settings) as admin, bulk_client(settings) as bulk:
        await install(admin, settings.data_stream)
        answer = await bulk.perform_request(
            "POST",
            f"/{settings.data_stream}/_bulk",
            params={"filter_path": FILTER},
            headers={"accept": "application/json", "content-type": "application/x-ndjson"},
            body=[DOCUMENTS.data],
        )
    assert answer.body == b'{"errors":false,"items":[%b]}' % b",".join([b'{"create":{"status":201}}'] * 100)
    assert isinstance(read_answer(200, answer.body, 100), Items)


async def test_a_worker_without_documents_learns_that_elasticsearch_is_there(settings: Settings) -> None:
    told: list[tuple[bool, str]] = []
    async with bulk_client(settings) as bulk:
        await Indexer(bulk, settings.data_stream, health=lambda _, ok, reason: told.append((ok, reason))).greet()
    assert told == [(True, "")]


class Believing(Indexer):
    """Takes Elasticsearch's word that something is stored already."""

    async def _look(self, delivery: Delivery) -> Step:
        return delivery.looked(Looked(kept=delivery.conflicts), None)


@pytest.mark.parametrize(("kind", "is_lost"), [(Indexer, False), (Believing, True)])
async def test_a_conflict_with_what_a_node_could_still_lose_is_not_believed(
    settings: Settings, elasticsearch: Elasticsearch, kind: type[Indexer], is_lost: bool
) -> None:
    """As when a first request was given up, and is on its way to the disk: longer here, to kill the node meanwhile."""
    documents = Block(b"".join(b'{"create":{"_id":"%d"}}\n{"@timestamp":1}\n' % number for number in range(50)), 50)
    async with client(settings) as admin, bulk_client(settings) as bulk:
        await install(admin, settings.data_stream)
        indexer = kind(bulk, settings.data_stream, health=lambda *_: None)
        await indexer.index([Block(b'{"create":{"_id":"first"}}\n{"@timestamp":1}\n', 1)])
        unwritten = {"index.translog.durability": "async", "index.translog.sync_interval": "1h"}
        await admin.indices.put_settings(index=settings.data_stream, settings=unwritten)
        assert await indexer.index([documents]) == Indexed(50, 0, [])

        again = asyncio.ensure_future(indexer.index([documents]))
        await asyncio.wait([again], timeout=2)
        assert again.done() == is_lost
        await asyncio.to_thread(elasticsearch.kill)
        await asyncio.to_thread(elasticsearch.start)
        await again
        await admin.cluster.health(index=settings.data_stream, wait_for_status="yellow", timeout="30s")
        await admin.indices.refresh(index=settings.data_stream)
        assert (await admin.count(index=settings.data_stream))["count"] == (1 if is_lost else 51)


async def test_elasticsearch_calls_stored_what_it_can_still_lose(
    settings: Settings, elasticsearch: Elasticsearch
) -> None:
    """Why decision 7: with its default durability, while the request that stores it is under way."""
    padding = b"x" * 1500
    lines = [
        b'{"create":{"_id":"%d"}}\n{"@timestamp":1,"message":"%b"}\n' % (number, padding) for number in range(6000)
    ]
    path, headers = f"/{settings.data_stream}/_bulk", {"accept": "application/json", "content-type": "application/json"}
    async with client(settings) as admin, bulk_client(settings) as bulk:
        await install(admin, settings.data_stream)
        await admin.create(index=settings.data_stream, id="first", document={"@timestamp": 1})
        under_way = asyncio.ensure_future(bulk.perform_request("POST", path, headers=headers, body=lines))
        (index,) = (await admin.indices.get_settings(index=settings.data_stream)).body
        while not await admin.exists(index=index, id="49"):
            assert not under_way.done()
        answer = await bulk.perform_request("POST", path, headers=headers, body=lines[:50])
        assert [item["create"]["status"] for item in json.loads(answer.body)["items"]] == [409] * 50
        assert not under_way.done()
        await asyncio.to_thread(elasticsearch.kill)
        await asyncio.gather(under_way, return_exceptions=True)
        await asyncio.to_thread(elasticsearch.start)
        await admin.cluster.health(index=settings.data_stream, wait_for_status="yellow", timeout="30s")
        await admin.indices.refresh(index=settings.data_stream)
        assert (await admin.count(index=settings.data_stream))["count"] == 1
