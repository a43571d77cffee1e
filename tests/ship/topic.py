"""The events topic, read with no help of the code that wrote it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.kafka.topics import CONFIGS
from app.settings import Settings


class Shipped(NamedTuple):
    partition: int
    key: bytes
    value: bytes
    path: str
    file: str
    position: int
    line: int
    lines: int
    at: int  # Kafka's time, in ms since 1970


async def make_topic(settings: Settings, **configs: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(settings.events_topic, 4, 1, topic_configs={**CONFIGS["events"], **configs})])
    await admin.close()


@asynccontextmanager
async def _consumer(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def shipped(settings: Settings) -> list[Shipped]:
    """All blocks in the topic, each partition in its order."""
    found = []
    async with _consumer(settings) as consumer:
        partitions = [TopicPartition(settings.events_topic, number) for number in range(4)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        for partition in partitions:
            await consumer.seek_to_beginning(partition)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    headers = dict(record.headers)
                    assert headers["format"] == b"1"
                    if "statement" in headers:
                        continue
                    found.append(
                        Shipped(
                            record.partition,
                            record.key,
                            record.value,
                            headers["path"].decode(),
                            headers["file"].decode(),
                            int(headers["position"]),
                            int(headers["line"]),
                            int(headers["lines"]),
                            record.timestamp,
                        )
                    )
    return found


def lines_of(records: Iterable[Shipped]) -> list[bytes]:
    found = []
    for record in records:
        lines = record.value.split(b"\n")
        found += lines if lines[-1] else lines[:-1]
    return found
