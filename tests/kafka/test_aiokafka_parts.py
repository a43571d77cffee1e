"""Private tasks of aiokafka that we cancel: those of app/ship/producer.py and app/kafka/connection.py."""

from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.producer.sender import Sender

from tests.stream.test_faust_parts import digest

PINNED: dict[Any, str] = {
    AIOKafkaProducer.stop: "a352a681d5eaf616",
    Sender.start: "13a5cb5e17c50c00",
    Sender.close: "48ac72f49866645c",
    AIOKafkaConsumer.stop: "36c7189e589b016f",
    Fetcher.close: "3006fb1a0e7dde18",
    Fetcher._fetch_requests_routine: "e7988c3d3cbb7b6e",
}


@pytest.mark.parametrize(("part", "pinned"), PINNED.items(), ids=[part.__qualname__ for part in PINNED])
def test_a_part_of_aiokafka_that_we_rely_on_is_as_it_was_read(part: Any, pinned: str) -> None:
    assert digest(part) == pinned
