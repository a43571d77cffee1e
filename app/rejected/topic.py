"""Reading and writing the topic of dead letters."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import islice
from typing import Any, Final
from uuid import uuid4

from aiokafka import AIOKafkaProducer, TopicPartition

from app.errors import Stop
from app.kafka.connection import producer_defaults
from app.kafka.ranges import between, reader
from app.kafka.topic_ids import topics_by_name
from app.rejected.letters import Letter, Sent, letter_of, marked, replay_of
from app.settings import Settings

MAX_REQUEST_BYTES: Final = 64 * 2**20
AT_ONCE: Final = 100  # letters in one transaction


def transactional_id(settings: Settings) -> str:
    """The beginning of it."""
    return f"{settings.topic_prefix}.replay"


def rights(settings: Settings) -> str:
    return (
        f"the right Read on {settings.rejected_topic}; to drop, Write on it; to replay, Write on "
        f"{settings.events_topic} and {settings.documents_topic} too, and on the transactional id "
        f"{transactional_id(settings)}*"
    )


async def read(settings: Settings, is_wanted: Callable[[Letter], bool]) -> list[Letter]:
    """Those that are alive, in the order of their times. Raises KafkaError, and Stop when the end is not reached or the
    topic is not there."""
    topic = settings.rejected_topic
    found = await topics_by_name(settings, [topic])
    if topic not in found:
        raise Stop(f"Topic {topic!r} is missing. Run `tetrastash setup`, which makes it.")
    alive: dict[bytes, Letter] = {}
    async with reader(settings) as consumer:
        places = [TopicPartition(topic, number) for number in range(found[topic].partitions)]
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        async for record in between(consumer, begins, ends):
            alive.pop(record.key, None)
            letter = letter_of(record.key, record.value, record.partition, record.timestamp)
            if letter is not None and is_wanted(letter):
                alive[record.key] = letter
    return sorted(alive.values(), key=lambda letter: letter.time)


async def drop(settings: Settings, letters: Sequence[Letter]) -> None:
    """Raises KafkaError; then some may be gone, and the others are there."""
    producer = AIOKafkaProducer(**producer_defaults(settings))
    await producer.start()
    try:
        for letter in letters:
            await producer.send(settings.rejected_topic, None, letter.id.encode(), letter.partition)
        await producer.flush()
    finally:
        await producer.stop()


async def replay(settings: Settings, letters: Sequence[Letter]) -> AsyncIterator[int]:
    """Gives how many were sent by now. Raises KafkaError, and Stop for a letter that cannot be sent.

    A letter is marked and sent in one transaction: one that is marked was sent, whenever this process dies. The mark
    comes first, so that what the worker says of it now comes behind the mark; nothing is written to it afterwards.
    """
    replays = [(letter, replay_of(letter, settings.events_topic, settings.documents_topic)) for letter in letters]
    producer = AIOKafkaProducer(
        **producer_defaults(settings),
        transactional_id=f"{transactional_id(settings)}-{uuid4().hex[:12]}",
        max_request_size=MAX_REQUEST_BYTES,
    )
    await producer.start()
    try:
        left, done = iter(replays), 0
        while part := list(islice(left, AT_ONCE)):
            async with producer.transaction():
                marks = [
                    await producer.send(settings.rejected_topic, marked(letter), letter.id.encode(), letter.partition)
                    for letter, _ in part
                ]
                for mark in marks:
                    await mark
                for sent in [await _send(producer, record) for _, record in part]:
                    await sent
            done += len(part)
            yield done
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, record: Sent) -> "asyncio.Future[Any]":
    sent: asyncio.Future[Any] = await producer.send(
        record.topic, record.value, record.key, record.partition, headers=record.headers
    )
    return sent
