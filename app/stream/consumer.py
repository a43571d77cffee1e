"""Faust's consumer, changed in what loses events: it commits nothing, and delivers what one fetch brought as one event.

This is the only place that relies on private parts of Faust; tests/stream/test_faust_parts.py pins each of them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar, cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import (
    ConsumerStoppedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as FaustConsumer
from faust.types import TP, ConsumerMessage, Message

from app.errors import Stop, TopicError
from app.kafka.connection import connection
from app.settings import Settings
from app.stream.partitions import UNOWNED
from schemas.record import Record

log = logging.getLogger(__name__)
faust_log = logging.getLogger("faust")  # its services tell of their own lives

T = TypeVar("T")

# A broker gathers so much for a fetch, or waits so long: at a trickle, fetches stay few; behind, neither is felt.
FETCH_MIN_BYTES: Final = 32 * 2**10
FETCH_MAX_WAIT_MS: Final = 100
# What waits in the client, compressed: of one partition, and of all.
FETCH_PARTITION_BYTES: Final = 2**20
FETCH_BYTES: Final = 8 * 2**20
# What is handed on at once, unpacked. aiokafka counts records, so their usual size is kept.
DELIVER_BYTES: Final = 4 * 2**20
DELIVER_RECORDS: Final = 500
# How long Elasticsearch may keep a stage from polling before the group takes its partitions away.
MAX_POLL_SECONDS: Final = 6 * 3600.0
NOT_ALLOWED_SECONDS: Final = 2.0


class Fetched:
    """What one fetch brought of one partition.

    The log was read from `start` on, after `seeks` seeks; `lost` offsets from `start` on were no longer there.
    """

    __slots__ = ("lost", "records", "seeks", "start")

    def __init__(self, start: int, seeks: int, lost: int, records: list[Record]) -> None:
        self.start = start
        self.seeks = seeks
        self.lost = lost
        self.records = records


class Stage(Protocol):
    """What is done with a topic; it keeps its own positions."""

    async def start_at(self, partitions: set[int], generation: int) -> Mapping[int, int]:
        """Called once in every generation, before anything is delivered: the offset that each partition is due at."""

    async def deliver(self, partition: int, generation: int, fetched: Fetched) -> None: ...

    async def revoke(self, partitions: set[int]) -> None:
        """Called before partitions go to another member of the group: the last chance to say how far they are."""

    def fail(self, error: BaseException) -> None:
        """Going on would lose something: the worker has to end."""


class _Cursor:
    """How far one partition was read since its last seek."""

    __slots__ = ("lost", "seeks", "start")

    def __init__(self, start: int, seeks: int, lost: int) -> None:
        self.start = start
        self.seeks = seeks
        self.lost = lost


class BlockThread(AIOKafkaConsumerThread):
    """Runs aiokafka's consumer in a thread of its own, so that heartbeats go on while a block is enriched."""

    logger = faust_log
    settings: Settings
    _record_bytes: float = 256 * 2**10
    _begun: int = UNOWNED  # the generation that the cursors are of
    _cursors: dict[TopicPartition | TP, _Cursor]  # equal, and hashed alike

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:  # noqa: ARG002 - Faust's signature
        self._cursors = {}
        self._assignor = RoundRobinPartitionAssignor
        session = int(self.settings.session_timeout * 1000)
        return AIOKafkaConsumer(
            **connection(self.settings),
            client_id="tetrastash",
            group_id=self.app.conf.id,
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="none",  # where to start is never Kafka's guess
            fetch_min_bytes=FETCH_MIN_BYTES,
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
            max_partition_fetch_bytes=FETCH_PARTITION_BYTES,
            fetch_max_bytes=FETCH_BYTES,
            max_poll_interval_ms=int(MAX_POLL_SECONDS * 1000),
            session_timeout_ms=session,
            rebalance_timeout_ms=session,
            heartbeat_interval_ms=max(300, session // 6),
            request_timeout_ms=max(40_000, session + 1000),
            metadata_max_age_ms=60_000,
        )

    async def fetch(self, active: set[TP]) -> dict[TP, tuple[int, Fetched]]:
        """The next records of some partitions, each with the generation that they were fetched in."""
        fetched: dict[TP, tuple[int, Fetched]] = await self.call_thread(self._fetch, active)
        return fetched

    async def rewind(self, tp: TP, offset: int) -> None:
        """Read on from `offset`. Raises TopicError if the partition ends before it."""
        await self.call_thread(self._rewind, tp, offset)

    async def begin(self, offsets: Mapping[TP, int]) -> None:
        """Start a generation: read each partition from its offset on, and forget all others."""
        await self.call_thread(self._begin, offsets)

    @property
    def consumer_api(self) -> AIOKafkaConsumer:
        """To be called within this thread only."""
        return self._ensure_consumer()

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """For lag monitors and, in the index stage, for the next owner. False if it did not stand: try again."""
        done: bool = await self.call_thread(self._commit_offsets, offsets)
        return done

    async def _fetch(self, active: set[TP]) -> dict[TP, tuple[int, Fetched]]:
        if not self.consumer.flow_active:
            return {}  # a fetch that waits for a rebalance which waits for this thread would never end
        consumer = self._ensure_consumer()
        records = min(DELIVER_RECORDS, max(1, int(DELIVER_BYTES / max(1.0, self._record_bytes))))
        try:
            found = await consumer.getmany(*map(place_of, active), timeout_ms=200, max_records=records)
        except OffsetOutOfRangeError as error:
            # Retention took the offset while it was due; whatever begins now follows it.
            for tp in error.args[0]:
                if tp in self._cursors:
                    await self._rewind(tp, self._cursors[tp].start)
            return {}
        except TopicAuthorizationFailedError as error:
            # Taken away while it ran: whoever did so can give it back, and nothing is skipped meanwhile.
            log.warning("waiting for the right to read, which Kafka does not grant any more topics=%s", error)
            await asyncio.sleep(NOT_ALLOWED_SECONDS)
            return {}
        except GroupAuthorizationFailedError as error:
            # aiokafka's member of the group has ended with it.
            raise Stop(
                f"Kafka does not let user {self.settings.kafka_username!r} read on in the group {self.app.conf.id} any "
                "more. Expected the right Read on it: grant it, and start again; nothing is lost."
            ) from error
        except NoOffsetForPartitionError:
            return {}  # asked for before the rebalance, answered after it, and not sought yet
        # No await between the fetch and here: position and generation belong to what it brought.
        generation: int = consumer._coordinator.generation
        if generation != self._begun:
            return {}  # a new generation that was not sought yet: it will be fetched again
        delivered: dict[TP, tuple[int, Fetched]] = {}
        for tp, fetched in found.items():
            cursor = self._cursors.get(tp)
            if cursor is None:
                continue  # revoked meanwhile
            delivered[TP(*tp)] = (
                generation,
                Fetched(cursor.start, cursor.seeks, cursor.lost, [_record(record) for record in fetched]),
            )
            cursor.start = fetched[-1].offset + 1
            cursor.lost = 0
            self._record_bytes += (
                sum(len(each.value or b"") for each in fetched) / len(fetched) - self._record_bytes
            ) / 4
        return delivered

    async def _rewind(self, tp: TP, offset: int) -> None:
        consumer = self._ensure_consumer()
        place = place_of(tp)
        beginning = (await consumer.beginning_offsets([place]))[place]
        end = (await consumer.end_offsets([place]))[place]
        if offset > end:
            raise TopicError(
                f"{tp.topic}[{tp.partition}] ends at offset {end}, and {offset} is due. Expected a topic that only "
                "grows; was it deleted and made anew? Set another TETRASTASH_TOPIC_PREFIX and run `tetrastash setup`."
            )
        try:
            consumer.seek(place, max(offset, beginning))
        except IllegalStateError:
            return  # gone to another member in the meantime
        before = self._cursors.get(tp)
        self._cursors[tp] = _Cursor(offset, before.seeks + 1 if before else 0, max(0, beginning - offset))

    async def _begin(self, offsets: Mapping[TP, int]) -> None:
        self._cursors.clear()
        self._begun = self._ensure_consumer()._coordinator.generation
        for tp, offset in offsets.items():
            await self._rewind(tp, offset)

    async def _commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        mine = {
            place_of(tp): OffsetAndMetadata(offset, "") for tp, offset in offsets.items() if tp in consumer.assignment()
        }
        if not mine:
            return False
        try:
            await consumer.commit(mine)
        except KafkaError as error:
            log.info("offsets not committed yet reason=%r", error)
            return False
        return len(mine) == len(offsets)


class BlockConsumer(FaustConsumer):
    """Leaves positions and commits to the stage; a hole or a stale batch is for app.stream.partitions to see."""

    logger = faust_log
    settings: Settings
    stage: Stage
    topic: str

    def _new_consumer_thread(self) -> BlockThread:
        thread = BlockThread(self, loop=self.loop, beacon=self.beacon)
        thread.settings = self.settings
        return thread

    @property
    def thread(self) -> BlockThread:
        return cast(BlockThread, self._thread)

    def ack(self, message: Message) -> bool:  # noqa: ARG002 - Faust's signature
        return False

    def _new_offset(self, tp: TP) -> int | None:  # noqa: ARG002 - Faust's signature
        return None

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: Faust would stop asking for this partition, and sleep for a second when none is left."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Nothing, likewise."""

    async def perform_seek(self) -> None:
        """Called once in every generation: the stage says where to start, not the group's offsets."""
        generation = self.app.consumer_generation_id
        assigned = {tp for tp in self.assignment() if tp.topic == self.topic}
        try:
            starts = await self.stage.start_at({tp.partition for tp in assigned}, generation)
            await patiently(
                lambda: self.thread.begin({tp: starts[tp.partition] for tp in assigned if tp.partition in starts})
            )
        except Stop as error:
            self.stage.fail(error)

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                if not self.flow_active:
                    await self.wait(cast(Any, self.can_resume_flow))
                    continue
                active = set(self._get_active_partitions())
                if not active:
                    await self.sleep(0.1)
                    continue
                for tp, (generation, fetched) in (await self.thread.fetch(active)).items():
                    message = _message(tp, generation, fetched)
                    await self.wait_first(self.callback(message), self.suspend_flow.wait())
        except Stop as error:
            self.stage.fail(error)
        except ConsumerStoppedError:
            if not self.app.should_stop:
                raise


async def patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Until Kafka answers: a position that was not set would leave its partition standing."""
    while True:
        try:
            return await attempt()
        except ConsumerStoppedError:
            raise
        except KafkaError as error:
            log.warning("waiting for Kafka reason=%r", error)
            await asyncio.sleep(1)


def place_of(tp: TP) -> TopicPartition:
    return TopicPartition(tp.topic, tp.partition)


def _message(tp: TP, generation: int, fetched: Fetched) -> ConsumerMessage:
    return ConsumerMessage(
        tp.topic, tp.partition, fetched.records[0].offset, 0.0, 0, [], None, cast(Any, fetched),
        None, 0, 0, tp, generation_id=generation,
    )  # fmt: skip


def _record(record: ConsumerRecord) -> Record:
    return Record(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value if record.value is not None else b"",
        dict(record.headers),
    )
