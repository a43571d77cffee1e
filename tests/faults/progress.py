"""Whether everything that was written has come through: read from Kafka and Elasticsearch, not from the workers."""

import json
import urllib.request
from typing import Final, NamedTuple

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from app.settings import Settings

SECONDS: Final = 10.0


class Progress(NamedTuple):
    """`ends` and `lags` are of all partitions of both topics; a lag is None before its group's first commit."""

    documents: int
    ends: tuple[int, ...]
    lags: tuple[int | None, ...]

    @property
    def done(self) -> bool:
        return not any(lag is None or lag > 0 for lag in self.lags)

    @property
    def behind(self) -> int:
        """Records."""
        return sum(lag for lag in self.lags if lag is not None)


class Gauge:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # It would tell of a broker that is away twenty times a second.
        quiet: dict[str, str | int | float | bool] = {"bootstrap.servers": settings.kafka, "log_level": 0}
        configuration = {**quiet, "group.id": "gauge", "enable.auto.commit": False}
        self._consumer = Consumer(configuration)
        self._admin = AdminClient(quiet)

    def read(self) -> Progress:
        settings = self._settings
        ends: list[int] = []
        lags: list[int | None] = []
        for group, topic in (
            (settings.enrich_group, settings.events_topic),
            (settings.index_group, settings.documents_topic),
        ):
            offsets = self._committed(group, topic)
            for number in range(settings.partitions):
                low, end = self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=SECONDS)
                ends.append(end)
                offset = offsets.get(number)
                lags.append(end - offset if offset is not None else None if end > low else 0)
        return Progress(count_documents(settings), tuple(ends), tuple(lags))

    def close(self) -> None:
        self._consumer.close()

    def _committed(self, group: str, topic: str) -> dict[int, int]:
        places = [TopicPartition(topic, number) for number in range(self._settings.partitions)]
        asked = self._admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, places)], request_timeout=SECONDS
        )
        try:
            answer = asked[group].result()
        except KafkaException:
            return {}  # no such group yet
        return {place.partition: place.offset for place in answer.topic_partitions if place.offset >= 0}


def count_documents(settings: Settings) -> int:
    """0 while the data stream cannot be asked: it is being made, or the machine has too much to do."""
    url = f"{settings.elasticsearch}/{settings.data_stream}/_count?ignore_unavailable=true"
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return int(json.load(answer)["count"])
    except OSError:
        return 0
