"""app/ship/producer.py cancels a private task of aiokafka's producer; what it is, and what stop() does without it."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer.sender import Sender

from tests.stream.test_faust_parts import digest

PINNED: dict[Any, str] = {
    AIOKafkaProducer.stop: "a352a681d5eaf616",
    Sender.start: "13a5cb5e17c50c00",
    Sender.close: "48ac72f49866645c",
}


@pytest.mark.parametrize(("part", "pinned"), PINNED.items(), ids=[part.__qualname__ for part in PINNED])
def test_a_part_of_aiokafka_that_we_rely_on_is_as_it_was_read(part: Any, pinned: str) -> None:
    assert digest(part) == pinned
