"""The index stage: document blocks into Elasticsearch; its checkpoint is the committed offset.

Documents of all partitions share a request, for requests cost more than documents at a trickle. Several requests may be
under way; an offset is committed when every document before it is stored or a dead letter.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from aiokafka.errors import KafkaError
from elasticsearch import AsyncElasticsearch

from app.index.bulk import Block, block_of
from app.index.indexer import Indexer
from app.settings import Settings
from app.stream.arrival import arrive
from app.stream.consumer import Fetched
from app.stream.counts import Counts
from app.stream.hold import Hold
from app.stream.outbox import acknowledged
from app.stream.partitions import Partition
from app.stream.parts import REAL, Parts
from app.stream.sweeping import PARTITION, Sweeping
from schemas.rejection import Rejection

log = logging.getLogger(__name__)

REQUEST_BYTES: Final = 4 * 2**20
GATHER_SECONDS: Final = 0.05
REQUESTS_AT_ONCE: Final = 3
COMMIT_SECONDS: Final = 1.0

_encode = msgspec.json.Encoder().encode


class _Waiting:
    """A block that was taken, without its bytes: others may be stored long before the one in front of them."""

    __slots__ = ("done", "next_offset", "sent")

    def __init__(self, next_offset: int, sent: int) -> None:
        """`sent` is Kafka's time of the record, in ms."""
        self.next_offset = next_offset
        self.sent = sent
        self.done = False


class _Owned:
    """One partition in one generation."""

    def __init__(self, generation: int, due: int) -> None:
        self.position = Partition()
        self.position.assign(generation, due)
        self.stored_to = due
        self.sent = 0  # Kafka's time of the latest record that is stored, in ms; 0 before the first
        self.committed = due
        self._waiting: deque[_Waiting] = deque()

    def take(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)

    def advance(self) -> None:
        """Past all that is done without a gap: the prefix is what counts."""
        while self._waiting and self._waiting[0].done:
            stored = self._waiting.popleft()
            self.stored_to, self.sent = stored.next_offset, stored.sent


class Indexing:
    """A stage of app.stream.consumer."""

    def __init__(
        self,
        settings: Settings,
        indexer: Indexer,
        client: AsyncElasticsearch,
        counts: Counts,
        health: Callable[[str, bool, str], None],
        parts: Parts = REAL,
    ) -> None:
        """`client` is one of app.elastic.bulk_client, for comparing backing indices."""
        self.counts = counts
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.feed = parts.feed(settings, settings.index_group, settings.documents_topic, self)
        self._settings = settings
        self._indexer = indexer
        self._outbox = parts.outbox(settings)
        self._sweeping = Sweeping(settings, client, self._outbox, counts, parts)
        self._owned: dict[int, _Owned] = {}
        self._gathered: list[tuple[_Waiting, Block]] = []
        self._gathered_bytes = 0
        self._places = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._requests: dict[asyncio.Task[None], None] = {}  # in order
        self._flush: asyncio.TimerHandle | None = None
        self._closing = False
        self._health = health
        self._hold = Hold("index", settings.rejected_share, health)

    async def open(self) -> None:
        """Waits for Kafka, not for Elasticsearch."""
        await self._outbox.start()

    async def start_at(self, partitions: set[int], generation: int) -> Mapping[int, int]:
        # What was under way is delivered anew. A request that waits long, and is sent when others have its partition,
        # would store again what a rollover has put out of sight.
        self._gathered, self._gathered_bytes = [], 0
        for request in self._requests:
            request.cancel()
        committed = await self.feed.committed(partitions)
        beginnings = await self.feed.beginnings(partitions)
        starts = {number: beginnings[number] if offset is None else offset for number, offset in committed.items()}
        self._owned = {number: _Owned(generation, start) for number, start in starts.items()}
        self._health("index", True, "")
        log.info("indexing partitions=%s generation=%s", sorted(partitions), generation)
        return starts

    async def deliver(self, partition: int, generation: int, fetched: Fetched) -> None:
        owned = self._owned.get(partition)
        if owned is None or self._closing:
            self.counts.stale += 1
            return
        taken = await arrive(self.feed, partition, owned.position, generation, fetched, self.counts)
        if taken is None:
            return
        for record in fetched.records[taken.first :]:
            if self._hold.on:
                await self._hold.wait(lambda: owned.position.owned(generation) and not self._closing)
                return
            waiting = _Waiting(record.offset + 1, record.timestamp)
            owned.take(waiting)
            owned.position.processed(record.offset)
            self.counts.delivered += 1
            self._gathered.append((waiting, block_of(record)))
            self._gathered_bytes += len(record.value)
            if self._gathered_bytes >= REQUEST_BYTES:
                # Waiting for a free place is the backpressure that reaches Kafka.
                await self._send()
                if not owned.position.owned(generation):
                    return
        if self._gathered and self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._send_soon)

    async def revoke(self, partitions: set[int]) -> None:
        """Commit what is stored by now; the rest is found stored already by the next owner."""
        mine = [owned for number, owned in self._owned.items() if number in partitions]
        await self._finish(self._settings.session_timeout / 3)
        for owned in mine:
            owned.position.revoke()

    def fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)

    async def run(self) -> None:
        """Commits what is stored; never returns."""
        beside = [asyncio.ensure_future(self._indexer.greet())]
        if self._settings.sweep:
            beside.append(asyncio.ensure_future(self._sweeping.run(self._sweeps)))
        try:
            while True:
                await asyncio.sleep(COMMIT_SECONDS)
                await self._commit()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    def _sweeps(self) -> bool:
        """One worker is enough; two at once do no harm."""
        owned = self._owned.get(PARTITION)
        return owned is not None and not self._closing and owned.position.owned(owned.position.generation)

    async def close(self, seconds: float) -> None:
        """Waits for the requests under way, and commits."""
        self._closing = True
        await self._finish(seconds)
        for request in self._requests:
            request.cancel()  # the next owner sends it again

    async def disconnect(self) -> None:
        await self._outbox.stop()

    async def watch_lag(self) -> None:
        """Refresh counts.lag: records between what is stored and the end of each partition; and counts.retried."""
        self.counts.retried = self._indexer.counters.retried
        owned = dict(self._owned)
        ends = await self.feed.ends(set(owned)) if owned else {}
        self.counts.lag = {number: max(0, ends[number] - each.stored_to) for number, each in owned.items()}
        self.counts.taken = {number: each.sent for number, each in owned.items() if each.sent}

    def _send_soon(self) -> None:
        self._flush = None
        self._track(asyncio.ensure_future(self._send()))

    async def _send(self) -> None:
        await self._places.acquire()
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if not gathered:
            self._places.release()
            return
        request = asyncio.ensure_future(self._index(gathered))
        request.add_done_callback(lambda _: self._places.release())
        self._track(request)

    def _track(self, task: asyncio.Task[None]) -> None:
        self._requests[task] = None
        task.add_done_callback(self._untrack)

    def _untrack(self, task: asyncio.Task[None]) -> None:
        self._requests.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    async def _index(self, gathered: Sequence[tuple[_Waiting, Block]]) -> None:
        indexed = await self._indexer.index([block for _, block in gathered])
        self.counts.stored += indexed.stored
        self.counts.repeated += indexed.repeated
        await self._bury(indexed.rejections)
        taken = indexed.stored + indexed.repeated + len(indexed.rejections)
        self._hold.count(taken, indexed.rejections)
        for waiting, _ in gathered:
            waiting.done = True
        for owned in self._owned.values():
            owned.advance()

    async def _bury(self, rejections: Sequence[Rejection]) -> None:
        """To the dead letters, for as long as it takes: until then their offsets are not committed."""
        letters = [(_encode(each.wire()), each.id.encode(), each.origin.partition or 0) for each in rejections]
        while True:
            try:
                topic = self._settings.rejected_topic
                await acknowledged([await self._outbox.send(topic, *letter) for letter in letters])
                break
            except KafkaError as error:
                self.counts.failures += 1
                log.warning("dead letters could not be sent; trying again number=%d reason=%r", len(letters), error)
                await asyncio.sleep(1)
                await self._outbox.renew()
        for rejection in rejections:
            self.counts.reject(rejection.reason)

    async def _finish(self, seconds: float) -> None:
        if self._gathered:
            self._send_soon()
        if self._requests:
            await asyncio.wait(self._requests, timeout=seconds)
        await self._commit()

    async def _commit(self) -> None:
        offsets = {
            number: owned.stored_to
            for number, owned in self._owned.items()
            if owned.stored_to != owned.committed and owned.position.owned(owned.position.generation)
        }
        if offsets and await self.feed.commit(offsets):
            for number, offset in offsets.items():
                if number in self._owned:
                    self._owned[number].committed = offset
