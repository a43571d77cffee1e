"""Other shippers in the place of ours, which follow the same logs and write into the same topic."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from app.settings import read_settings
from tests.faults.children import UP, Child
from tests.rotate import rsyslog
from tests.rotate.logs import Log, Written
from tests.rotate.place import Command, Place
from tests.rotate.shippers import Make, Shipper

START_SECONDS: Final = 3.0  # in which a peer has begun: none of them has a page that tells
PARTITIONS: Final = 4


class Peer:
    def __init__(
        self, name: str, command: Command, folder: Path, environment: Mapping[str, str], logs: Iterable[Log]
    ) -> None:
        settings = read_settings(environment)
        self.name = name
        self.patience = 300.0
        self._topic = settings.events_topic
        self._kafka = settings.kafka
        self._lives, self._began = 0, 0.0
        own = folder / "peer"
        own.mkdir()
        patterns = [str(log.path.with_name(f"{log.name}*.log")) for log in logs]
        place = Place(own, patterns, self._kafka, self._topic)
        self.child = Child(name, command(place), environment, folder / "shipper.log", 0)

    def is_ready(self) -> bool:
        if self.child.lives != self._lives:
            self._lives, self._began = self.child.lives, time.monotonic()
        return self.child.state == UP and time.monotonic() - self._began > START_SECONDS

    def progress(self) -> str:
        consumer = self._consumer()
        try:
            ends = [consumer.get_watermark_offsets(TopicPartition(self._topic, n)) for n in range(PARTITIONS)]
        finally:
            consumer.close()
        return json.dumps(ends)

    def leave(self) -> None:
        """All has arrived, or never will."""
        self.child.end()

    def arrived(self) -> Iterable[bytes]:
        consumer = self._consumer()
        try:
            ends = [consumer.get_watermark_offsets(TopicPartition(self._topic, n))[1] for n in range(PARTITIONS)]
            consumer.assign([TopicPartition(self._topic, number, 0) for number in range(PARTITIONS)])
            for _ in range(sum(ends)):
                message = consumer.poll(30.0)
                if message is None or message.error() is not None:
                    raise RuntimeError(f"the topic cannot be read to its end: {message and message.error()}")
                yield message.value() or b""
        finally:
            consumer.close()

    def _consumer(self) -> Consumer:
        return Consumer({"bootstrap.servers": self._kafka, "group.id": self._topic, "enable.auto.commit": False})

    def told(self, logs: Iterable[Log]) -> set[Written]:  # noqa: ARG002 - it tells of nothing
        return set()

    def told_falsely(self, logs: Iterable[Log]) -> Mapping[str, int]:  # noqa: ARG002 - likewise
        return {}


class Known(NamedTuple):
    program: str
    command: Command


PEERS: Final = {"rsyslog": Known(rsyslog.PROGRAM, rsyslog.command)}


def peer(name: str) -> Make:
    def make(folder: Path, environment: Mapping[str, str], logs: Sequence[Log]) -> Shipper:
        return Peer(name, PEERS[name].command, folder, environment, logs)

    return make
