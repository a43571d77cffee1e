"""A send fails, and while what was made since the checkpoint is made again, something else happens."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from app.enrich.pipeline import Pipeline
from app.stream.consumer import Fetched
from app.stream.counts import Counts
from app.stream.enriching import Enriching
from tests.simulate.clock import VirtualLoop, run
from tests.simulate.kafka import Broker, SimulatedCheckpointLog, SimulatedOutbox, simulated_parts
from tests.simulate.run import AGENTS, SETTINGS, TOPIC_ID, event, hear_nothing
from tests.simulate.world import Process, World


class _SlowLog(SimulatedCheckpointLog):
    """Of one partition it cannot be read the first time, which is tried again after a second."""

    slow: int | None = None

    async def _records(self, partition: int, start: int) -> AsyncIterator[Any]:
        if partition == self.slow:
            self.slow = None
            raise KafkaConnectionError
        async for each in super()._records(partition, start):
            yield each


class Rig:
    """One stage of a worker that has taken partitions 0 and 1, with a block waiting in each."""

    def __init__(self, loop: VirtualLoop) -> None:
        world = World(loop, 1)
        world.faults = 0.0
        self.broker = Broker(world, SETTINGS)
        self.process = Process(world, 1)
        self.outbox = SimulatedOutbox(self.process, self.broker)
        self.log = _SlowLog(self.process, self.broker)
        parts = simulated_parts(self.process, self.broker)._replace(
            outbox=lambda _: self.outbox, checkpoints=lambda _: self.log
        )
        pipeline = Pipeline(AGENTS, original=False)
        self.stage = Enriching(SETTINGS, pipeline, TOPIC_ID, Counts(), hear_nothing, parts)
        for partition in range(2):
            line = event(partition, 1, 0.0, 1)
            self.broker.append(SETTINGS.events_topic, partition, line + b"\n", b"n%d" % partition, [])

    async def deliver(self, partition: int, generation: int) -> None:
        log = self.broker.log(SETTINGS.events_topic, partition)
        await self.stage.deliver(partition, generation, Fetched(0, 0, 0, log.read(0, 1)))

    async def fail(self, slow: int) -> "asyncio.Task[None]":
        """To send of partition 0; whoever mends it now waits for the checkpoints of partition `slow`."""
        await self.stage.start_at({0, 1}, 1)
        self.outbox._broken = True
        self.log.slow = slow
        mending = asyncio.ensure_future(self.deliver(0, 1))
        await asyncio.sleep(0.5)
        assert self.log.slow is None
        assert not mending.done()
        return mending

    def due(self, partition: int) -> tuple[int, int]:
        position = self.stage._owned[partition].position
        return position.generation, position.due


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


def test_a_generation_that_has_taken_over_meanwhile_stays(loop: VirtualLoop) -> None:
    async def scene() -> None:
        rig = Rig(loop)
        mending = await rig.fail(slow=0)
        await rig.stage.revoke({0, 1})
        await rig.stage.start_at({0, 1}, 2)
        await rig.deliver(0, 2)
        assert rig.due(0) == (2, 1)
        await mending
        assert rig.due(0) == (2, 1)

    run(loop, scene())


def test_a_partition_that_has_gone_meanwhile_does_not_come_back(loop: VirtualLoop) -> None:
    async def scene() -> None:
        rig = Rig(loop)
        mending = await rig.fail(slow=0)
        await rig.stage.revoke({0, 1})
        await mending
        await rig.deliver(0, 1)
        assert rig.due(0) == (-1, 0)

    run(loop, scene())


def test_another_send_that_fails_meanwhile_is_mended_too(loop: VirtualLoop) -> None:
    async def scene() -> None:
        rig = Rig(loop)
        mending = await rig.fail(slow=1)
        rig.outbox._broken = True
        await rig.deliver(0, 1)
        assert rig.due(0) == (1, 0)
        await mending
        for partition in range(2):
            await rig.deliver(partition, 1)
            assert rig.due(partition) == (1, 1)

    run(loop, scene())
