"""A data stream in virtual time behind the requests of app.index: tests/index/rolling.py with sources and answers.

A request that was given up ends later, in the index that it was routed to; an answer is lost though all was stored; of
a request some items are refused; what was not acknowledged yet is lost when the node dies; it rolls over at any moment.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import orjson
from elastic_transport import ConnectionError as Cut
from elastic_transport import ConnectionTimeout
from elasticsearch import AsyncElasticsearch

from app.index.asker import Asker
from app.index.questions import Ask, Delete, Find, Shards
from tests.index.rolling import Stream
from tests.simulate.world import Process, World

BUSY = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "queue is full"}}


class _Meta(NamedTuple):
    status: int


class Response(NamedTuple):
    meta: _Meta
    body: bytes


class Elasticsearch:
    def __init__(self, world: World) -> None:
        self.world = world
        self.stream = Stream()
        self.sources: dict[tuple[str, str], bytes] = {}
        self.under_way = 0
        self.blocked_until = 0.0
        self.deaths = 0

    def tick(self) -> Stream:
        self.stream.now = int(self.world.now * 1000)
        return self.stream

    def roll(self) -> None:
        self.tick().roll()

    def die(self) -> None:
        """And be there again at once."""
        self.deaths += 1
        for shards in self.stream.shards.values():
            for shard in shards:
                shard.die()

    @property
    def is_writing(self) -> bool:
        """Whether something can be found that is not on disk."""
        return any(shard.durable < len(shard.log) for shards in self.stream.shards.values() for shard in shards)

    async def bulk(
        self, name: str, lines: Sequence[bytes], busy: float, slow: float = 0.2, slowest: float = 2.0
    ) -> list[dict[str, Any]] | None:
        """The items of the answer; None when the node dies over it. `slow` is how probably it takes up to `slowest`
        seconds from being found to being on disk."""
        self.under_way += 1
        try:
            deaths, touched, items = self.deaths, [], []
            for action, source in zip(lines[::2], lines[1::2], strict=True):
                id_ = orjson.loads(action)["create"]["_id"]
                shard = self.stream.shard_of(name, id_)
                if self.world.strikes(busy):
                    items.append({"create": BUSY})
                elif id_ in shard.live():
                    items.append({"create": self._conflict(name, shard)})
                else:
                    shard.append(id_, timestamp_of(source))
                    self.sources[name, id_] = source
                    touched.append(shard)
                    items.append({"create": {"status": 201}})
            if self.world.strikes(slow):
                await asyncio.sleep(self.world.random.uniform(0.0, slowest))
            if deaths != self.deaths:
                return None
            for shard in touched:
                shard.durable = len(shard.log)
            return items
        finally:
            self.under_way -= 1

    def _conflict(self, name: str, shard: Any) -> dict[str, Any]:
        """Which says nothing of whether the other copy is on disk."""
        error = {"type": "version_conflict_engine_exception", "reason": "exists", "index": name}
        return {"status": 409, "error": {**error, "shard": str(self.stream.shards[name].index(shard))}}

    async def bulk_later(self, name: str, lines: Sequence[bytes], seconds: float) -> None:
        self.under_way += 1
        try:
            await asyncio.sleep(seconds)
            # Of all places the worst: an index that is written to no more, where nothing else brings it to disk.
            await self.bulk(name, lines, 0.0, slow=0.2 if name == self.stream.indices[-1].name else 1.0, slowest=15.0)
        finally:
            self.under_way -= 1


class Client:
    """As much of AsyncElasticsearch as app.index.indexer calls."""

    def __init__(self, process: Process, elasticsearch: Elasticsearch) -> None:
        self._process = process
        self._elasticsearch = elasticsearch
        self._late: list[asyncio.Task[Any]] = []

    async def perform_request(
        self, _method: str, _path: str, *, params: Any, headers: Any, body: Sequence[bytes]
    ) -> Response:
        del params, headers
        world, elasticsearch = self._elasticsearch.world, self._elasticsearch
        await self._process.network()
        lines = b"".join(body).splitlines()
        if lines == [b""]:
            return Response(_Meta(400), b'{"error":{"type":"parse_exception","reason":"request body is required"}}')
        if elasticsearch.blocked_until > world.now:
            return Response(_Meta(429), b"{}")
        if world.strikes(0.05):
            raise Cut("before it was sent")
        name = elasticsearch.tick().indices[-1].name
        if world.strikes(0.12):
            late = elasticsearch.bulk_later(name, lines, world.random.uniform(0.2, 15.0))
            self._late.append(asyncio.ensure_future(late))
            raise ConnectionTimeout("and it goes on")
        if world.strikes(0.1):
            await asyncio.sleep(world.random.uniform(0.1, 4.0))  # routed already
        if world.strikes(0.06):
            going_on = elasticsearch.bulk(name, lines, 0.05, slow=0.8)
            self._late.append(asyncio.create_task(going_on))
            await self._process.network()
            raise ConnectionTimeout("on its way to the disk")
        # A process that dies does not stop what it has sent.
        items = await asyncio.shield(asyncio.ensure_future(elasticsearch.bulk(name, lines, 0.05)))
        await self._process.network()
        if items is None or world.strikes(0.05):
            raise Cut("no answer")
        # Of all moments the worst: what it has called stored already is not on disk.
        if elasticsearch.is_writing and any(item["create"]["status"] == 409 for item in items) and world.strikes(0.3):
            elasticsearch.die()
        return Response(_Meta(200), orjson.dumps({"errors": True, "items": items}))


def client(process: Process, elasticsearch: Elasticsearch) -> AsyncElasticsearch:
    return cast(AsyncElasticsearch, Client(process, elasticsearch))


class SimulatedAsker(Asker):
    """Puts the questions of app.index.questions to the simulation."""

    def __init__(self, process: Process, elasticsearch: Elasticsearch) -> None:
        super().__init__(client(process, elasticsearch), "logs-x-y")
        self._process = process
        self._elasticsearch = elasticsearch

    async def _answer(self, ask: Ask) -> Any:
        world = self._elasticsearch.world
        await self._process.network()
        if world.strikes(0.03):
            raise Cut("before it was sent")
        answer = self._elasticsearch.tick().answer(ask)
        # Of all moments the worst: what it has found is not on disk.
        worst = {Delete: 0.8 if self._elasticsearch.is_writing else 0.2, Find: 0.1, Shards: 0.1}
        if world.strikes(worst.get(type(ask), 0.0)):
            self._elasticsearch.die()
        await self._process.network()
        if world.strikes(0.03):
            raise Cut("no answer")
        return answer


EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def timestamp_of(source: bytes) -> int:
    """ms since the simulation began."""
    since = datetime.fromisoformat(orjson.loads(source)["@timestamp"]) - EPOCH
    return int(since.total_seconds() * 1000)
