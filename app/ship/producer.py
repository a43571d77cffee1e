"""Kafka's side of shipping: reach the topic, keep a bounded number of bytes under way, learn what has arrived."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from functools import lru_cache, partial
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.partitioner import murmur2

from app.errors import Retry
from app.kafka.connection import producer_defaults
from app.kafka.reach import why_kafka_is_away
from app.kafka.rights import lacking_on_topics, not_allowed
from app.kafka.topic_ids import Topic, describe
from app.kafka.topics import EVENTS_LIMIT
from app.settings import Settings
from app.ship.files import Block
from schemas import record

REQUEST_BYTES: Final = 2 * EVENTS_LIMIT
BATCH_BYTES: Final = 1024 * 1024  # four blocks: a request costs as much as two
UNDER_WAY_BLOCKS: Final = 500  # however small: each costs some kilobytes beside its own
UNDER_WAY_BYTES: Final = 4 * 1024 * 1024
_KEYS: Final = 10_000
_REACH_SECONDS: Final = 20.0
_LEAVE_SECONDS: Final = 1.5


@contextlib.asynccontextmanager
async def reached(settings: Settings) -> AsyncIterator[tuple[AIOKafkaProducer, int]]:
    """Gives a producer, and how many partitions the topic has.

    Raises Retry with a sentence while Kafka or the topic is not there.
    """
    producer = AIOKafkaProducer(
        **producer_defaults(settings),
        client_id="tetrastash-ship",
        max_request_size=REQUEST_BYTES,
        max_batch_size=BATCH_BYTES,
    )
    try:
        try:
            async with asyncio.timeout(_REACH_SECONDS):
                topic = await _topic(settings)
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise Retry(await why_kafka_is_away(settings)) from error
        yield producer, topic.partitions
    finally:
        await _leave(producer)


async def _topic(settings: Settings) -> Topic:
    """Raises Retry when it is not there, or not this user's to write to; KafkaError or OSError while Kafka is away."""
    cluster = await describe(settings, [settings.events_topic])
    if lacking := list(lacking_on_topics(settings, cluster, "ship")):
        raise Retry(not_allowed(settings, "ship", lacking))
    if settings.events_topic not in cluster.topics:
        raise Retry(f"Topic {settings.events_topic!r} does not exist. Run `tetrastash setup` to make it.")
    return cluster.topics[settings.events_topic]


async def _leave(producer: AIOKafkaProducer) -> None:
    """Lets nothing out that is not yet on the wire: it would arrive before what is sent again."""
    # stop() would send all that waits, behind a batch that has failed.
    sending = producer._sender.sender_task
    if sending is not None:
        sending.cancel()
    for leave in (producer.stop, producer.client.close):
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await leave()


def sentence(settings: Settings, error: KafkaError) -> str:
    """Of an error that ended a producer."""
    if isinstance(error, MessageSizeTooLargeError):
        return (
            f"Topic {settings.events_topic!r} refuses a block as too large. Expected its max.message.bytes to be "
            f"{EVENTS_LIMIT} or more: run `tetrastash setup`, or set it."
        )
    if isinstance(error, TopicAuthorizationFailedError):
        return not_allowed(settings, "ship", [f"Write on {settings.events_topic}"])
    return f"Kafka refuses what was sent to topic {settings.events_topic!r}: {error!r}. It is sent again."


class Under:
    """What is under way to Kafka through one producer. The first failure ends it: nothing may overtake."""

    def __init__(
        self, producer: AIOKafkaProducer, topic: str, partitions: int, shipper: str, settle: Callable[[Block], None]
    ) -> None:
        """`shipper` is the id of the book that is kept of what arrives."""
        self.bytes = self.blocks = 0
        self.moved_at = time.monotonic()  # when something arrived, or was sent after nothing had been under way
        self.failure: BaseException | None = None
        self._producer = producer
        self._topic = topic
        self._shipper = shipper.encode()
        self._partition = lru_cache(_KEYS)(partial(partition, partitions))
        self._settle = settle
        self._changed = asyncio.Event()

    async def send(self, block: Block) -> None:
        """Returns once the block's memory is free again. Raises KafkaError for any block's failure."""
        while self.bytes and (self.bytes + block.length > UNDER_WAY_BYTES or self.blocks >= UNDER_WAY_BLOCKS):
            await self._change()
        self.check()
        if block.lost:
            self._settle(block)
            return
        while True:
            try:
                future = await self._producer.send(
                    self._topic,
                    value=block.value,
                    key=block.file.key,
                    partition=self._partition(block.file.key),
                    headers=headers(block, self._shipper),
                )
                break
            except KafkaTimeoutError:
                self.check()  # its batches are full, and the broker is away: it goes on trying, and so do we
        block.value = memoryview(b"")
        if not self.bytes:
            self.moved_at = time.monotonic()
        self.bytes += block.length
        self.blocks += 1
        future.add_done_callback(partial(self._done, block))

    async def state(self, key: bytes, statement: bytes) -> None:
        """Behind all that was sent under this key. One that is not sent is followed by another."""
        headers = [(record.SHIPPER, self._shipper), (record.FORMAT, record.FORMAT_VERSION)]
        try:
            future = await self._producer.send(
                self._topic,
                value=b"",
                key=key,
                partition=self._partition(key),
                headers=[*headers, (record.STATEMENT, statement)],
            )
        except KafkaTimeoutError:
            return
        if not self.bytes:
            self.moved_at = time.monotonic()
        self.bytes += len(statement)
        future.add_done_callback(partial(self._stated, len(statement)))

    def _stated(self, length: int, future: "asyncio.Future[Any]") -> None:
        self.bytes -= length
        self._changed.set()
        if future.cancelled() or future.exception() is not None:
            self.failure = self.failure or (asyncio.CancelledError() if future.cancelled() else future.exception())
        else:
            self.moved_at = time.monotonic()

    def _done(self, block: Block, future: "asyncio.Future[Any]") -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        self.bytes -= block.length
        self.blocks -= 1
        self._changed.set()
        if error is not None:
            self.failure = self.failure or error
        elif self.failure is None:
            self.moved_at = time.monotonic()
            self._settle(block)

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
        self.check()

    async def arrived(self, seconds: float) -> None:
        """Waits until nothing is under way, or no longer than this."""
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(seconds):
                while self.bytes:
                    await self._change()


def partition(partitions: int, key: bytes) -> int:
    """As Java's producer chooses it; aiokafka's, which does too, takes 5 µs for it whenever it is asked."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions  # type: ignore[no-any-return]  # aiokafka ships no types


def headers(block: Block, shipper: bytes) -> list[tuple[str, bytes]]:
    assert block.file.place is not None
    return [
        (record.SHIPPER, shipper),
        (record.FORMAT, record.FORMAT_VERSION),
        (record.PATH, block.file.path.encode("utf-8", "surrogateescape")),
        (record.FILE, block.file.place.file.encode()),
        (record.POSITION, b"%d" % block.position),
        (record.LINE, b"%d" % block.line),
        (record.LINES, b"%d" % block.lines),
    ]
