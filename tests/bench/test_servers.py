"""The servers of the bench answer and note what the real one would."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from app.elastic import bulk_client
from app.index.bulk import Block, Items, read_answer
from app.index.indexer import Indexer
from app.settings import Settings
from bench import null_elasticsearch, recording_proxy
from tests.index.server import error, items, serving

MINUTE = 60_000_000_000


def block(times: Sequence[str]) -> Block:
    documents = [orjson.dumps({"@timestamp": time, "event": {"original": '{"@timestamp":"no"}'}}) for time in times]
    lines = [b'{"create":{"_id":"%d"}}\n%b\n' % (number, document) for number, document in enumerate(documents)]
    return Block(b"".join(lines), len(times))


@asynccontextmanager
async def running(application: web.Application) -> AsyncIterator[str]:
    async with TestServer(application) as server:
        yield str(server.make_url("/"))


async def index(url: str, *blocks: Block) -> tuple[int, int]:
    """Stored, and requests that it took."""
    async with bulk_client(Settings(elasticsearch=url)) as client:
        indexer = Indexer(client, "logs-x.log-default", health=lambda *_: None)
        indexed = await indexer.index(blocks)
        return indexed.stored, indexer.counters.requests


def test_the_null_server_answers_as_the_indexer_expects_it_of_a_server_that_stored_all() -> None:
    assert read_answer(200, null_elasticsearch.all_created(3), 3) == Items(3, [], [], [], [], [], [], None)


async def test_the_null_server_takes_every_document_at_once_and_counts_them() -> None:
    async with running(null_elasticsearch.application()) as url:
        assert await index(url, block(["1970-01-01T00:01:00Z"] * 5)) == (5, 1)
        async with ClientSession(url) as client, client.get("/taken") as answer:
            assert await answer.text() == "5"


async def test_the_proxy_notes_the_time_of_each_stored_document_and_passes_the_answer_on(tmp_path: Path) -> None:
    record = tmp_path / "record"
    async with serving() as server, running(recording_proxy.application(server.url, record)) as url:
        stored = await index(url, block(["1970-01-01T00:01:00Z", "1970-01-01T00:02:00.000000001Z"]))
        assert stored == (2, 1)
        assert [len(request) for request in server.requests] == [2]
    written, answered = recording_proxy.read_record(record)
    assert list(written) == [MINUTE, 2 * MINUTE + 1]
    assert all(at > MINUTE for at in answered)


async def test_the_proxy_does_not_note_a_document_that_was_refused(tmp_path: Path) -> None:
    record = tmp_path / "record"
    async with serving() as server, running(recording_proxy.application(server.url, record)) as url:
        server.script.append(items(lambda name: error(400) if name == "0" else None))
        assert await index(url, block(["1970-01-01T00:01:00Z", "1970-01-01T00:02:00Z"])) == (1, 1)
    assert list(recording_proxy.read_record(record)[0]) == [2 * MINUTE]


def test_a_record_that_is_cut_off_in_a_pair_ends_before_it(tmp_path: Path) -> None:
    record = tmp_path / "record"
    record.write_bytes(bytes(16) + b"half")
    assert [list(part) for part in recording_proxy.read_record(record)] == [[0], [0]]
