"""What Kafka knows of all workers together: how far each group is, and how many dead letters are kept."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from app.errors import Stop
from app.kafka.connection import connection
from app.kafka.reach import why_kafka_is_away
from app.kafka.topic_ids import topics_by_name
from app.settings import Settings

SECONDS: Final = 5.0  # that Kafka may take to answer


class Groups:
    """Connects when it is asked first, and anew after a failure."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None
        self._partitions: dict[str, int] = {}

    async def look(self) -> dict[str, Any]:
        """`error` is a sentence, when Kafka does not answer."""
        try:
            return await asyncio.wait_for(self._look(), SECONDS)
        except Stop as error:
            return {"error": str(error)}
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            return {"error": f"{await why_kafka_is_away(self._settings)} ({error!r})"}

    async def close(self) -> None:
        clients, self._clients = self._clients, None
        if clients is not None:
            admin, consumer = clients
            await admin.close()
            await consumer.stop()

    async def _look(self) -> dict[str, Any]:
        settings = self._settings
        admin, consumer = await self._connected()
        stages = []
        for stage, group, topic in (
            ("enrich", settings.enrich_group, settings.events_topic),
            ("index", settings.index_group, settings.documents_topic),
        ):
            committed = await admin.list_consumer_group_offsets(group)
            ends = await consumer.end_offsets(self._places(topic))
            lags = {
                place.partition: max(0, end - max(0, committed[place].offset if place in committed else 0))
                for place, end in ends.items()
            }
            stages.append({"stage": stage, "topic": topic, "lag": lags})
        letters = self._places(settings.rejected_topic)
        begins, ends = await consumer.beginning_offsets(letters), await consumer.end_offsets(letters)
        return {"stages": stages, "rejected": sum(ends[place] - begins[place] for place in letters)}

    def _places(self, topic: str) -> Sequence[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(self._partitions.get(topic, 0))]

    async def _connected(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._clients is None:
            settings = self._settings
            topics = (settings.events_topic, settings.documents_topic, settings.rejected_topic)
            self._partitions = {
                name: each.partitions for name, each in (await topics_by_name(settings, topics)).items()
            }
            admin = AIOKafkaAdminClient(**connection(settings))
            # Of no topic, for it would fetch all that is in it.
            consumer = AIOKafkaConsumer(**connection(settings), enable_auto_commit=False)
            self._clients = admin, consumer
            await admin.start()
            await consumer.start()
        return self._clients
