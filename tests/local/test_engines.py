"""The real engines, as the other integration tests use them."""

import asyncio
import uuid
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from elasticsearch import AsyncElasticsearch

from app.errors import Stop
from app.local.elasticsearch import Elasticsearch
from app.local.kafka import Kafka
from app.local.ports import HOST
from app.settings import Settings, read_settings


async def produce(kafka: Kafka, topic: str, value: bytes) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, enable_idempotence=True, acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def consume(kafka: Kafka, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    async with consumer:
        record = await asyncio.wait_for(consumer.getone(), 20)
    value: bytes | None = record.value
    return value


async def test_what_was_produced_is_consumed_after_the_broker_was_killed_and_started(kafka: Kafka) -> None:
    topic = uuid.uuid4().hex
    await produce(kafka, topic, b"kept")
    assert await consume(kafka, topic) == b"kept"

    kafka.kill()
    assert not kafka.is_running
    kafka.start()

    assert await consume(kafka, topic) == b"kept"


async def test_what_was_stored_is_found_after_the_node_was_killed_and_started(elasticsearch: Elasticsearch) -> None:
    name = f"t{uuid.uuid4().hex}"
    stream = f"logs-{name}.log-default"
    async with AsyncElasticsearch(elasticsearch.url) as client:
        await client.indices.put_index_template(
            name=name,
            index_patterns=[stream],
            data_stream={},
            priority=1000,
            template={"mappings": {"properties": {"@timestamp": {"type": "date"}}}},
        )
        stored = await client.create(index=stream, id="1", document={"@timestamp": "2026-01-01T00:00:00Z"})
        assert stored["result"] == "created"
        assert stored["_index"].startswith(f".ds-{stream}-")

        elasticsearch.kill()
        assert not elasticsearch.is_running
        elasticsearch.start()

        await client.indices.refresh(index=stream)
        assert (await client.count(index=stream))["count"] == 1


def test_a_second_broker_on_the_same_folder_is_refused(kafka: Kafka) -> None:
    with pytest.raises(Stop, match="is in use by another Kafka"):
        Kafka(kafka.folder).start()
    assert kafka.is_running


def test_a_broker_does_not_start_on_a_taken_port(kafka: Kafka, tmp_path: Path) -> None:
    second = Kafka(tmp_path)
    second.port = kafka.port

    with pytest.raises(Stop, match=f"Port {kafka.port} on {HOST} is taken"):
        second.start()


def test_a_child_process_reads_the_settings_of_the_test(settings: Settings, environment: dict[str, str]) -> None:
    assert read_settings(environment) == settings


def test_a_pause_is_no_end(kafka: Kafka) -> None:
    kafka.pause()
    assert kafka.is_running
    kafka.resume()
