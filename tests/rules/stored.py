"""Events through the pipeline into the real Elasticsearch, and what a rule finds there."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import orjson
from elasticsearch import AsyncElasticsearch

from agents import Agent
from app.elastic import bulk_client, client
from app.enrich.blocks import documents_of
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.index.bulk import Block
from app.index.indexer import Indexer
from app.index.install import install
from app.settings import Settings
from schemas.record import Record

MOST: Final = 10_000  # documents that are found by one rule

_TIMESTAMP: Final = 1_767_600_000_000  # of the record, in ms


class Enriched(NamedTuple):
    blocks: list[Block]
    documents: list[dict[str, Any]]  # one a line, in their order

    @property
    def ids(self) -> list[str]:
        return [document["event"]["id"] for document in self.documents]


def enrich(lines: Sequence[bytes], node: str, agents: list[Agent]) -> Enriched:
    """Of one node. Raises AssertionError if a line becomes no document, or an agent fails."""
    record = Record("tetragon.events", 0, 0, _TIMESTAMP, node.encode(), b"\n".join(lines), {})
    found = Pipeline(agents, original=False).enrich(Memory(), record)
    assert not found.rejections, found.rejections[0].reason
    assert not found.failures, found.failures[0]
    documents = [orjson.loads(each) for block, _ in found.blocks for each in documents_of(block)]
    assert len(documents) == len(lines)
    return Enriched([Block(block, number) for block, number in found.blocks], documents)


class Store:
    """One data stream, of which all that was put into it is found."""

    def __init__(self, client: AsyncElasticsearch, stream: str) -> None:
        self._client = client
        self._stream = stream

    async def found(self, queries: Mapping[str, str]) -> dict[str, set[str] | str]:
        """By the query's name: the ids of what it finds, or why it is refused."""
        searches: list[dict[str, Any]] = []
        for query in queries.values():
            asked = {"query_string": {"query": query, "analyze_wildcard": True}}  # as pySigma's formats have it
            searches += [{"index": self._stream}, {"query": asked, "size": MOST, "_source": False, "sort": ["_doc"]}]
        answers = (await self._client.msearch(searches=searches))["responses"] if searches else []
        return {name: _ids(answer) for name, answer in zip(queries, answers, strict=True)}


@asynccontextmanager
async def stored(settings: Settings, blocks: Sequence[Block]) -> AsyncIterator[Store]:
    async with client(settings) as admin, bulk_client(settings) as bulk:
        await install(admin, settings.data_stream)
        indexed = await Indexer(bulk, settings.data_stream, health=lambda *_: None).index(blocks)
        assert not indexed.rejections, indexed.rejections[0].reason
        await admin.indices.refresh(index=settings.data_stream)
        yield Store(admin, settings.data_stream)


def _ids(answer: Mapping[str, Any]) -> set[str] | str:
    if "error" in answer:
        return _reason(answer)
    return {hit["_id"] for hit in answer["hits"]["hits"]}


def _reason(body: Any) -> str:
    error = body["error"]
    return str((error.get("root_cause") or [error])[0]["reason"])
