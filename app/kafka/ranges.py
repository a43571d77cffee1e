"""Reading what lies between two offsets of each partition, without a group."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Literal

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from app.errors import Stop
from app.kafka.connection import connection, stop
from app.settings import Settings

Offsets = Mapping[TopicPartition, int]

SILENT_SECONDS: Final = 10.0


@asynccontextmanager
async def reader(
    settings: Settings, isolation: Literal["read_committed", "read_uncommitted"] = "read_committed"
) -> AsyncIterator[AIOKafkaConsumer]:
    """Raises KafkaError."""
    consumer = AIOKafkaConsumer(
        **connection(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation,
        max_partition_fetch_bytes=16 * 2**20,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await stop(consumer)


async def between(
    consumer: AIOKafkaConsumer, starts: Offsets, ends: Offsets, seconds: float | None = None
) -> AsyncIterator[ConsumerRecord]:
    """Those of the partitions in `starts`, in the order of each, and no longer than `seconds`.

    Raises Stop when the ends are not reached because nothing comes, and KafkaError.
    """
    places = [place for place, start in starts.items() if start < ends[place]]
    consumer.assign(places)
    for place in places:
        consumer.seek(place, starts[place])
    until = None if seconds is None else time.monotonic() + seconds
    while behind := [place for place in places if await consumer.position(place) < ends[place]]:
        if until is not None and time.monotonic() > until:
            return
        fetched = await consumer.getmany(*behind, timeout_ms=int(SILENT_SECONDS * 1000))
        if not fetched and [place for place in behind if await consumer.position(place) < ends[place]]:
            raise Stop(
                f"Topic {behind[0].topic!r} could not be read to its end: nothing came for {SILENT_SECONDS:.0f} s. "
                "Expected no replay that is under way; one that was killed holds it up for a minute."
            )
        for records in fetched.values():
            for record in records:
                if record.offset < ends[TopicPartition(record.topic, record.partition)]:
                    yield record
