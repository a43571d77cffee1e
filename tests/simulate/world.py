"""What a simulation is made of: chance, time, and processes that freeze and die."""

import asyncio
from collections.abc import Callable
from random import Random

from tests.simulate.clock import VirtualLoop


class World:
    """`faults` is by how much everything misbehaves; 0 from the moment on when all has to come to rest."""

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self.loop = loop
        self.random = Random(seed)
        self.faults = 1.0
        self._names = 0

    @property
    def now(self) -> float:
        return self.loop.now

    def name(self) -> str:
        self._names += 1
        return f"w{self._names}"

    def strikes(self, probability: float) -> bool:
        """Drawn always, so that a schedule is the same up to where a fault is left out."""
        return self.random.random() < probability * self.faults

    def latency(self) -> float:
        """Seconds; short mostly, and sometimes not."""
        if self.strikes(0.02):
            return self.random.uniform(0.3, 3.0)
        return self.random.uniform(0.001, 0.03)


class Process:
    """What all parts of a worker share."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.dead = False
        self.frozen_until = 0.0
        self.deaf_until = 0.0  # for what the group says
        self.gates_left: int | None = None  # until it dies; None: it does not
        self.die: Callable[[], None] = lambda: setattr(self, "dead", True)

    async def gate(self) -> None:
        """Where a frozen process stands still, and a dead one is no more: before and after all that it asks for."""
        if self.gates_left is not None:
            self.gates_left -= 1
            if self.gates_left == 0:
                self.die()
        while not self.dead and self.frozen_until > self.world.now:  # noqa: ASYNC110 - time is what it waits for
            await asyncio.sleep(self.frozen_until - self.world.now)
        if self.dead:
            raise asyncio.CancelledError

    async def network(self) -> None:
        await self.gate()
        await asyncio.sleep(self.world.latency())
        await self.gate()
