"""What a round of the sweep costs, for documents that have just happened and for old ones."""

import asyncio
import time
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, NamedTuple

import orjson
from elasticsearch import AsyncElasticsearch

from app import elastic
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from app.index.asker import Asker
from app.index.bulk import Block
from app.index.indexer import Indexer
from app.index.sweep import Sweep
from app.local.elasticsearch import Elasticsearch
from bench.measured import cpu_seconds
from bench.rows import Reading
from bench.site import Run, Site
from schemas.record import Record

BLOCK: Final = 1_000  # documents
ROUND: Final = 50_000  # documents from one round to the next, at 5,000 a second
ROUNDS: Final = 3
ALLOWANCE: Final = 1_000  # ms; with the usual minute, all documents of the first minute would be compared
WEEK: Final = 7 * 86_400


class _Spent(NamedTuple):
    """µs of CPU for one document."""

    elasticsearch: float
    ours: float


def sweep(site: Site) -> Iterator[Reading]:
    yield from asyncio.run(_measure(site, site.run()))


async def _measure(site: Site, run: Run) -> list[Reading]:
    settings = run.settings
    async with elastic.client(settings) as admin, elastic.bulk_client(settings) as client:
        writer = _Writer(Indexer(client, settings.data_stream, health=lambda *_: None), _documents(site), admin)
        asker, asked = Asker(client, settings.data_stream), Sweep(allowance=ALLOWANCE)
        site_spends = _Meter(site.elasticsearch)
        await writer.write(ROUND, age=0)
        await admin.indices.rollover(alias=settings.data_stream)
        await asyncio.sleep(2 * ALLOWANCE / 1000)
        await asker.ask(asked.round())
        indexing, now = [], []
        for _ in range(ROUNDS):
            indexing.append(await site_spends.by(writer.write(ROUND, age=0)))
            now.append(await site_spends.by(asker.ask(asked.round())))
        old = []
        for _ in range(ROUNDS):
            await writer.write(ROUND, age=WEEK)
            old.append(await site_spends.by(asker.ask(asked.round())))
    indexed = _mean(indexing).elasticsearch
    return [
        _reading("sweep", now, indexed),
        _reading("  sweep of old events", old, indexed, f"{asked.counters.compared:,} compared; "),
    ]


class _Meter:
    def __init__(self, elasticsearch: Elasticsearch) -> None:
        self._pid = elasticsearch.pid

    async def by(self, work: Awaitable[None]) -> _Spent:
        """Of so many documents as a round has; what Elasticsearch does by itself meanwhile is counted, too."""
        before, ours = cpu_seconds(self._pid), time.process_time()
        await work
        return _Spent((cpu_seconds(self._pid) - before) / ROUND * 1e6, (time.process_time() - ours) / ROUND * 1e6)


class _Writer:
    def __init__(self, indexer: Indexer, documents: list[dict[str, Any]], admin: AsyncElasticsearch) -> None:
        self._indexer = indexer
        self._admin = admin
        self._documents = documents
        self._ids = count()

    async def write(self, number: int, age: float) -> None:
        """So many that happened `age` seconds ago, with ids that no other has; they are searchable afterwards, as they
        are after a second by themselves where anybody searches."""
        for first in range(0, number, BLOCK):
            await self._indexer.index([self._block(first, age)])
        await self._admin.indices.refresh()

    def _block(self, first: int, age: float) -> Block:
        at = datetime.fromtimestamp(time.time() - age, UTC).isoformat()
        lines = []
        for place in range(first, first + BLOCK):
            document = self._documents[place % len(self._documents)]
            lines.append(b'{"create":{"_id":"%d"}}\n' % next(self._ids))
            lines.append(orjson.dumps({**document, "@timestamp": at}, option=orjson.OPT_APPEND_NEWLINE))
        return Block(b"".join(lines), BLOCK)


def _documents(site: Site) -> list[dict[str, Any]]:
    with site.logs[0].open("rb") as log:
        value = b"".join(log.readlines(8 * 2**20))
    enriched = Pipeline(load_agents(None)).enrich(Memory(), Record("events", 0, 0, 0, b"node", value, {}))
    return [orjson.loads(line) for block, _ in enriched.blocks for line in block.splitlines()[1::2]]


def _reading(row: str, rounds: list[_Spent], indexed: float, note: str = "") -> Reading:
    spent = _mean(rounds)
    share = f"{spent.elasticsearch / indexed:.1%} of what indexing it costs, {indexed:.0f} µs"
    return Reading(row, spent.elasticsearch, note=f"Elasticsearch's own CPU, {note}{share}; ours {spent.ours:.1f} µs")


def _mean(spent: list[_Spent]) -> _Spent:
    return _Spent(*(sum(each) / len(spent) for each in zip(*spent, strict=True)))
