"""Where another shipper's lines arrive: in a topic, or in a file."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from confluent_kafka import Consumer, TopicPartition

PARTITIONS: Final = 4


class Output(Protocol):
    def progress(self) -> str:
        """Another one whenever something has arrived."""
        ...

    def lines(self) -> Iterable[bytes]: ...


class Topic:
    def __init__(self, bootstrap: str, name: str) -> None:
        self.bootstrap, self.name = bootstrap, name

    def progress(self) -> str:
        consumer = self._consumer()
        try:
            return json.dumps(self._ends(consumer))
        finally:
            consumer.close()

    def lines(self) -> Iterable[bytes]:
        consumer = self._consumer()
        try:
            count = sum(self._ends(consumer))
            consumer.assign([TopicPartition(self.name, number, 0) for number in range(PARTITIONS)])
            for _ in range(count):
                message = consumer.poll(30.0)
                if message is None or message.error() is not None:
                    raise RuntimeError(f"the topic cannot be read to its end: {message and message.error()}")
                yield message.value() or b""
        finally:
            consumer.close()

    def _ends(self, consumer: Consumer) -> list[int]:
        return [consumer.get_watermark_offsets(TopicPartition(self.name, n))[1] for n in range(PARTITIONS)]

    def _consumer(self) -> Consumer:
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.name, "enable.auto.commit": False})


class Lines:
    """A file, which nobody rotates."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def progress(self) -> str:
        return str(self.path.stat().st_size if self.path.exists() else 0)

    def lines(self) -> Iterable[bytes]:
        with self.path.open("rb") as file:
            yield from file
