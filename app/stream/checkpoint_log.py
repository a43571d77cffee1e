"""Reading the checkpoints topic from Kafka."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from app.errors import Retry, TopicError
from app.kafka.connection import connection, stop
from app.settings import Settings
from app.stream.checkpoint import is_checkpoint
from schemas.checkpoint import VERSION, Checkpoint

log = logging.getLogger(__name__)

# A checkpoint may be long: with many at once, reading them is what a worker needs most memory for.
_AT_ONCE: Final = 20  # records
_FETCHED: Final = 2 * 2**20  # bytes; of a record that is longer, all comes
_STALLED_SECONDS: Final = 30.0
_decode = msgspec.json.Decoder(Checkpoint).decode


class Found(NamedTuple):
    """By key, the last of each; None for one that was dropped. `read_to` is the offset behind them."""

    checkpoints: dict[bytes, Checkpoint | None]
    others: dict[bytes, bytes | None]
    read_to: int

    def alive(self) -> dict[bytes, Checkpoint]:
        return {key: each for key, each in self.checkpoints.items() if each is not None}


class CheckpointLog:
    """One reader for all partitions, without a group; it reads on from where it is told."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.checkpoints_topic
        self._consumer: AIOKafkaConsumer | None = None
        self._reading = asyncio.Lock()
        self._read_to = 0

    async def read(self, partition: int, start: int = 0) -> Found:
        """All records of the partition from offset `start` to its present end.

        Raises Retry when the end is not reached, TopicError for a checkpoint of a later format.
        """
        found = Found({}, {}, 0)
        async with self._reading:
            async for record in self._records(partition, start):
                if is_checkpoint(record.key):
                    value = None if record.value is None else self._checkpoint(partition, record.value)
                    found.checkpoints[record.key] = value
                elif record.key is not None:
                    found.others[record.key] = record.value
            return found._replace(read_to=self._read_to)

    async def last(self, partition: int, key: bytes) -> bytes | None:
        """The value of the last record with this key; None without one. Raises Retry when the end is not reached."""
        value: bytes | None = None
        async with self._reading:
            async for record in self._records(partition, 0):
                if record.key == key:
                    value = record.value
        return value

    async def stop(self) -> None:
        if self._consumer is not None:
            await stop(self._consumer)
            self._consumer = None

    async def _records(self, partition: int, start: int) -> AsyncIterator[ConsumerRecord]:
        """Up to the present end, which `_read_to` is then."""
        place = TopicPartition(self._topic, partition)
        consumer = await self._started()
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        beginning = (await consumer.beginning_offsets([place]))[place]
        position = max(start, beginning)
        consumer.seek(place, position)
        stalled = 0.0
        while position < end:
            fetched = await consumer.getmany(place, timeout_ms=500, max_records=_AT_ONCE)
            for record in fetched.get(place, ()):
                yield record
            moved = await consumer.position(place)
            stalled = 0.0 if moved > position else stalled + 0.5
            if stalled >= _STALLED_SECONDS:
                raise Retry(
                    f"The checkpoints in {self._topic}[{partition}] could be read up to offset {position} of {end} "
                    f"only; Kafka sent nothing more for {_STALLED_SECONDS:.0f} s."
                )
            position = moved
        consumer.assign([])
        self._read_to = position

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                **connection(self._settings),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_wait_ms=100,
                max_partition_fetch_bytes=_FETCHED,
            )
            try:
                await consumer.start()
            except BaseException:
                await stop(consumer)
                raise
            self._consumer = consumer
        return self._consumer

    def _checkpoint(self, partition: int, value: bytes) -> Checkpoint:
        try:
            checkpoint = _decode(value)
        except msgspec.DecodeError as error:
            raise TopicError(
                f"A checkpoint in {self._topic}[{partition}] cannot be read: {error}. Expected what tetrastash wrote "
                "there; has another program written to this topic?"
            ) from error
        if checkpoint.version != VERSION:
            raise TopicError(
                f"A checkpoint in {self._topic}[{partition}] has format {checkpoint.version}; this tetrastash reads "
                f"{VERSION}. Run the version that wrote it, or a later one."
            )
        return checkpoint
