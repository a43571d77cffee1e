"""A topic as its stage sees it: a Faust app of which nothing is used but the group, the fetches and the order."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import faust
from aiokafka import TopicPartition
from faust.app.base import BootStrategy
from faust.transport.drivers.aiokafka import Transport
from faust.types import TP, Message

from app.settings import Settings
from app.stream.consumer import MAX_POLL_SECONDS, BlockConsumer, BlockThread, Stage, faust_log, patiently


class Feed:
    """A topic as its stage sees it, by partition numbers; a Faust app whose consumer is BlockConsumer."""

    def __init__(self, settings: Settings, group: str, topic: str, stage: Stage) -> None:
        self.topic = topic
        self.app = _app(settings, group, topic, stage)
        _connect(self.app, topic, stage)

    async def beginnings(self, partitions: set[int]) -> dict[int, int]:
        """The first offset that is still there. Waits for Kafka."""
        return await patiently(lambda: self._ask(partitions, self._thread.consumer_api.beginning_offsets))

    async def ends(self, partitions: set[int]) -> dict[int, int]:
        """The offset behind the last record. Raises KafkaError."""
        return await self._ask(partitions, self._thread.consumer_api.end_offsets)

    async def committed(self, partitions: set[int]) -> dict[int, int | None]:
        """The group's offsets, None where it has none. Waits for Kafka."""
        return {number: await patiently(partial(self._committed, number)) for number in partitions}

    async def rewind(self, partition: int, offset: int) -> None:
        """Deliver again from `offset` on. Waits for Kafka. Raises TopicError if the partition ends before it."""
        await patiently(lambda: self._thread.rewind(TP(self.topic, partition), offset))

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """False if Kafka did not take it: try again later."""
        return await self._thread.commit_offsets({TP(self.topic, part): offset for part, offset in offsets.items()})

    @property
    def _thread(self) -> BlockThread:
        return cast(BlockConsumer, self.app.consumer).thread

    async def _committed(self, number: int) -> int | None:
        place = TopicPartition(self.topic, number)
        offset: int | None = await self._thread.call_thread(self._thread.consumer_api.committed, place)
        return offset

    async def _ask(self, partitions: set[int], question: Callable[..., Any]) -> dict[int, int]:
        answer = await self._thread.call_thread(
            question, [TopicPartition(self.topic, partition) for partition in partitions]
        )
        return {place.partition: offset for place, offset in answer.items()}


def _app(settings: Settings, group: str, topic: str, stage: Stage) -> faust.App:
    """It has no producer, no tables and no web pages."""
    consumer = type("Consumer", (BlockConsumer,), {"settings": settings, "stage": stage, "topic": topic})
    transport = type("BlockTransport", (Transport,), {"Consumer": consumer})
    app = _App(
        group,
        broker=f"kafka://{settings.kafka.split(',')[0]}",  # BlockThread connects by the settings; Faust wants one URL
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        stream_buffer_maxsize=1,
        stream_recovery_delay=0.0,
        broker_session_timeout=settings.session_timeout,
        broker_request_timeout=max(90.0, settings.session_timeout + 1),
        # Faust's watchdogs take a stage that waits for Elasticsearch for a dead one; ours are /healthz and the lag.
        stream_processing_timeout=MAX_POLL_SECONDS,
        broker_commit_livelock_soft_timeout=MAX_POLL_SECONDS,
        broker_commit_interval=3600.0,
    )
    app.transport = transport(app.conf.broker_consumer, app)
    return app


def _connect(app: faust.App, topic: str, stage: Stage) -> None:
    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            try:
                await stage.deliver(message.partition, message.generation_id, event.value)
            except Exception as error:
                # Faust would start the agent again behind this event. Here nothing is skipped: the worker ends.
                stage.fail(error)
                raise

    async def revoked(*arguments: Any, **_: Any) -> None:
        _sender, partitions = arguments
        await stage.revoke({tp.partition for tp in partitions if tp.topic == topic})

    app.agent(app.topic(topic, schema=_FetchSchema()), name=f"{topic}.agent")(agent)
    app.on_partitions_revoked.connect(revoked, weak=False)


class _Boot(BootStrategy):
    enable_kafka_producer = False
    enable_web = False
    enable_sensors = False


class _App(faust.App):
    BootStrategy = _Boot
    logger = faust_log

    async def on_first_start(self) -> None:
        """Without the folder that Faust makes for tables in the working directory."""


class _FetchSchema(faust.Schema[Any, Any]):
    """What was fetched is the event: there is nothing to decode."""

    def loads_key(self, app: Any, message: Message, **_: Any) -> Any:  # noqa: ARG002 - Faust's signature
        return message.key

    def loads_value(self, app: Any, message: Message, **_: Any) -> Any:  # noqa: ARG002 - Faust's signature
        return message.value
