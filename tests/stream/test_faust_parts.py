"""app/stream/consumer.py relies on private parts of Faust; each is pinned by its source.

When one of these fails after an upgrade: read what changed, see that BlockConsumer still holds, run the chaos, and
write the new digest here.
"""

import inspect
from hashlib import blake2b
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher as AiokafkaFetcher
from aiokafka.consumer.fetcher import FetchResult
from faust.app.base import App, BootStrategy
from faust.tables.recovery import Recovery
from faust.transport.conductor import ConductorCompiler
from faust.transport.consumer import Consumer, Fetcher, ThreadDelegateConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, ConsumerRebalanceListener
from mode.threads import QueueServiceThread

PINNED: dict[Any, str] = {
    Fetcher._fetcher.fun: "3a6af720e9e4760e",
    Consumer._wait_next_records: "7d5a17ddae3fee8f",
    Consumer._get_active_partitions: "db6ea4e824b3024b",
    Consumer._filter_committable_offsets: "d71f8247376e029d",
    Consumer.stop_flow: "51903f7ff9e2f463",
    Consumer.resume_flow: "a38453ab71324d3b",
    Consumer.on_buffer_full: "5221a84ed528308f",
    Consumer.on_buffer_drop: "24d93ad07b578903",
    Consumer.ack: "15d084b0e9255300",
    ThreadDelegateConsumer.__init__: "05a23a8b2cef9920",
    AIOKafkaConsumerThread.on_start: "12c5c1cb30e3dbe4",
    AIOKafkaConsumerThread._create_consumer: "5249579e4a0044d0",
    AIOKafkaConsumerThread._ensure_consumer: "cbcd0c5d7b2c0f7f",
    AIOKafkaConsumerThread.subscribe: "7c76656f7f2e2464",
    ConsumerRebalanceListener.on_partitions_assigned: "985a04ea2fd82621",
    QueueServiceThread.call_thread: "3e8109232c5d0ecd",
    ConductorCompiler.build: "f0888d8f544fabda",
    Recovery._resume_streams: "60cc8b191fe8b649",
    App._on_partitions_revoked: "99aa6ba163476c6f",
    App._on_partitions_assigned: "70e1f11219628b5a",
    BootStrategy.server: "e9d95b0276bf09ae",
    FetchResult.getall: "cad8ce912d89c1e1",
    FetchResult.check_assignment: "4675ae771fd6ab00",
    AiokafkaFetcher.fetched_records: "6432ce7f8eab840c",
}


def digest(part: Any) -> str:
    return blake2b(inspect.getsource(part).encode(), digest_size=8).hexdigest()


@pytest.mark.parametrize(("part", "pinned"), PINNED.items(), ids=[part.__qualname__ for part in PINNED])
def test_a_part_of_faust_that_we_rely_on_is_as_it_was_read(part: Any, pinned: str) -> None:
    assert digest(part) == pinned
