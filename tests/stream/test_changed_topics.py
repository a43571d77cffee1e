"""Topics that somebody deletes, makes anew, grows, or that Kafka cleans before they were read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition

from app.settings import Settings
from tests.stream.conftest import Worker, documents, event, records, send, until

pytestmark = pytest.mark.integration


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def make_anew(settings: Settings, topic: str) -> None:
    async with admin(settings) as client:
        await client.delete_topics([topic])
        for _ in range(50):  # its name is free again when the brokers have heard of it
            answer = await client.create_topics([NewTopic(topic, settings.partitions, 1)])
            if not answer.topic_errors[0][1]:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(answer)


async def stored(settings: Settings, count: int) -> None:
    await until(lambda: len(documents(settings)) >= count)


async def test_events_that_kafka_took_before_they_were_read_are_counted(ready: Settings, worker: Worker) -> None:
    await send(ready, [event(number) for number in range(10)])
    worker.start()
    await stored(ready, 10)
    worker.stop()
    await send(ready, [event(number) for number in range(10, 30)])
    [partition] = {record.partition for record in await records(ready, ready.events_topic)}
    async with admin(ready) as client:
        await client.delete_records({TopicPartition(ready.events_topic, partition): RecordsToDelete(25)})
    worker.start()
    await stored(ready, 15)
    worker.stop()
    stored_ids = {document["process"]["entity_id"] for document in documents(ready)}
    assert stored_ids == {f"n1-{number}" for number in (*range(10), *range(25, 30))}
    assert "records were deleted by retention before they were read" in worker.say()
    assert "records=15" in worker.say()


async def test_a_topic_of_events_that_was_made_anew_stops_it_with_a_sentence(ready: Settings, worker: Worker) -> None:
    await send(ready, [event(1)])
    worker.start()
    await stored(ready, 1)
    worker.stop()
    await make_anew(ready, ready.events_topic)
    await send(ready, [event(2)])
    assert worker.run_to_the_end() == 1
    assert "was deleted and made anew" in worker.say()
    assert "Traceback" not in worker.say()


@pytest.mark.parametrize("role", ["events", "documents", "checkpoints"])
async def test_so_does_one_that_is_made_anew_while_it_runs(ready: Settings, worker: Worker, role: str) -> None:
    await send(ready, [event(1)])
    worker.start()
    await stored(ready, 1)
    await make_anew(ready, getattr(ready, f"{role}_topic"))
    await until(lambda: worker.status is not None)
    assert worker.status == 1
    assert "deleted and made anew" in worker.say()
    assert "Traceback" not in worker.say()


async def test_partitions_that_come_while_it_runs_stop_it_with_a_sentence(ready: Settings, worker: Worker) -> None:
    await send(ready, [event(1)])
    worker.start()
    await stored(ready, 1)
    async with admin(ready) as client:
        await client.create_partitions({ready.events_topic: NewPartitions(ready.partitions + 1)})
    await until(lambda: worker.status is not None)
    assert worker.status == 1
    assert f"{ready.events_topic} has {ready.partitions + 1}" in worker.say()
    assert "Traceback" not in worker.say()


async def test_a_topic_that_is_deleted_while_it_runs_stops_it_with_a_sentence(ready: Settings, worker: Worker) -> None:
    await send(ready, [event(1)])
    worker.start()
    await stored(ready, 1)
    async with admin(ready) as client:
        await client.delete_topics([ready.events_topic])
    await until(lambda: worker.status is not None)
    assert worker.status == 1
    assert f"Topic '{ready.events_topic}' was deleted." in worker.say()
    assert "Traceback" not in worker.say()
