"""A broker in virtual time, and what a worker reaches it with.

It takes the freedoms that were seen of Kafka, aiokafka and Faust: answers come late or never, though it was done; a
failed producer leaves what it held applied in part, or later; of a fetch some records are dropped on the way, around a
rebalance and elsewhere, and the next ones are delivered; a seek takes effect after fetches that were under way; a
member that is silent loses its partitions without learning of it, and goes on sending; a commit is refused.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, ProducerClosed

from app.errors import Stop
from app.settings import Settings
from app.stream.checkpoint import is_checkpoint
from app.stream.checkpoint_log import CheckpointLog
from app.stream.consumer import Fetched, Stage
from app.stream.feed import Feed
from app.stream.outbox import Acknowledgement, Outbox
from app.stream.parts import Parts
from schemas.checkpoint import Checkpoint
from schemas.record import Record
from tests.simulate.world import Process, World


class Log:
    """One partition."""

    def __init__(self, topic: str, partition: int) -> None:
        self.records: list[Record] = []
        self.end = 0
        self._topic = topic
        self._partition = partition

    def append(self, value: bytes | None, key: bytes | None, timestamp: int, headers: Mapping[str, bytes]) -> None:
        record = Record(self._topic, self._partition, self.end, timestamp, key, value or b"", dict(headers))
        self.records.append(record)
        self.end += 1

    def read(self, offset: int, most: int) -> list[Record]:
        return [record for record in self.records if record.offset >= offset][:most]


class Broker:
    def __init__(self, world: World, settings: Settings) -> None:
        self.world = world
        self.settings = settings
        self.away_until = 0.0
        self.grown: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)  # by topic
        self.groups: dict[str, Group] = {}
        self._logs: dict[tuple[str, int], Log] = {}

    def log(self, topic: str, partition: int) -> Log:
        return self._logs.setdefault((topic, partition), Log(topic, partition))

    def append(
        self, topic: str, partition: int, value: bytes | None, key: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> None:
        log = self.log(topic, partition)
        log.append(value, key, int(self.world.now * 1000), dict(headers))
        if self.world.strikes(0.05):
            log.end += self.world.random.randint(1, 3)  # a marker of some transaction
        self.grown[topic].set()

    def group(self, name: str) -> "Group":
        return self.groups.setdefault(name, Group(self))


class Membership(NamedTuple):
    generation: int
    partitions: set[int]


class Group:
    """Members that have joined stay; those that are silent for the session time-out are expelled."""

    def __init__(self, broker: Broker) -> None:
        self.committed: dict[int, int] = {}
        self.generation = 0
        self._broker = broker
        self._members: list[SimulatedFeed] = []
        self._joined: dict[SimulatedFeed, asyncio.Future[Membership]] = {}
        self._deadline: asyncio.TimerHandle | None = None

    async def join(self, feed: "SimulatedFeed") -> Membership:
        joined: asyncio.Future[Membership] = self._broker.world.loop.create_future()
        if feed not in self._members:
            self._members.append(feed)
        self._joined[feed] = joined
        self._rebalance()
        self._complete_if_all_are_there()
        return await joined

    def leave(self, feed: "SimulatedFeed") -> None:
        """Of itself or expelled; the one who is expelled does not learn of it now."""
        if feed in self._members:
            self._members.remove(feed)
            self._joined.pop(feed, None)
            if self._members:
                self._rebalance()
                self._complete_if_all_are_there()

    def owns(self, feed: "SimulatedFeed", generation: int) -> bool:
        return feed in self._members and generation == self.generation

    def _rebalance(self) -> None:
        if self._deadline is None:
            loop = self._broker.world.loop
            self._deadline = loop.call_later(self._broker.settings.session_timeout, self._complete)
            for member in self._members:
                if member not in self._joined:
                    loop.call_later(self._broker.world.random.uniform(0.0, 2.0), member.hear)

    def _complete_if_all_are_there(self) -> None:
        if self._deadline is not None and all(member in self._joined for member in self._members):
            self._deadline.cancel()
            self._deadline = self._broker.world.loop.call_later(0.05, self._complete)

    def _complete(self) -> None:
        self._deadline = None
        self._members = [member for member in self._members if member in self._joined]
        self.generation += 1
        joined, self._joined = self._joined, {}
        numbers = range(self._broker.settings.partitions)
        for place, member in enumerate(self._members):
            if not joined[member].done():
                mine = {number for number in numbers if number % len(self._members) == place}
                joined[member].set_result(Membership(self.generation, mine))


class _Cursor:
    def __init__(self, start: int, seeks: int) -> None:
        self.start = start
        self.seeks = seeks


class SimulatedFeed(Feed):
    """A member of a group, as app.stream.consumer makes one of Faust and aiokafka."""

    def __init__(self, process: Process, broker: Broker, group: str, topic: str, stage: Stage) -> None:
        self.topic = topic
        self._process = process
        self._broker = broker
        self._group = broker.group(group)
        self._stage = stage
        self._cursors: dict[int, _Cursor] = {}
        self._generation = 0
        self._rebalance = asyncio.Event()
        self._flows = asyncio.Event()
        self._queue: asyncio.Queue[tuple[int, int, Fetched]] = asyncio.Queue(1)
        self._expelling: asyncio.TimerHandle | None = None

    def hear(self) -> None:
        """That a rebalance has begun, by a heartbeat."""
        later = max(self._process.frozen_until, self._process.deaf_until)
        if later > self._broker.world.now:
            self._broker.world.loop.call_at(later, self.hear)
        else:
            self._rebalance.set()

    def fall_silent(self, seconds: float) -> None:
        """The group expels it in time, unless it is heard again before."""
        timeout = self._broker.settings.session_timeout
        if seconds >= timeout or self._process.dead:
            self._broker.world.loop.call_later(timeout, self._expel)

    async def live(self) -> None:
        try:
            while True:
                await self._process.network()
                self._rebalance.clear()
                generation, partitions = await self._group.join(self)
                await self._process.gate()
                starts = await self._stage.start_at(partitions, generation)
                self._generation = generation
                self._cursors = {number: _Cursor(starts[number], 0) for number in partitions}
                self._flows.set()
                await self._rebalance.wait()
                await self._process.gate()
                self._flows.clear()
                await self._stage.revoke(partitions)
        except Stop as error:
            self._stage.fail(error)

    async def fetch(self) -> None:
        world = self._broker.world
        while True:
            await self._flows.wait()
            await self._process.network()
            found = False
            for number in list(self._cursors):
                generation, cursor = self._generation, self._cursors.get(number)
                if cursor is None:
                    continue
                records = self._broker.log(self.topic, number).read(cursor.start, world.random.randint(1, 6))
                if not records or self._broker.away_until > world.now:
                    continue
                found = True
                fetched = Fetched(cursor.start, cursor.seeks, 0, records)
                cursor.start = records[-1].offset + 1
                # What follows shows that it is missing; at the end of a log only a rebalance drops anything.
                if not world.strikes(0.03) or records[-1] is self._broker.log(self.topic, number).records[-1]:
                    await self._hand_on(number, generation, fetched)
            if not found:
                grown = self._broker.grown[self.topic]
                grown.clear()
                looking_again = world.loop.call_later(2.0, grown.set)
                await grown.wait()
                looking_again.cancel()

    async def _hand_on(self, number: int, generation: int, fetched: Fetched) -> None:
        """Or drop it, when a rebalance comes first."""
        while self._queue.full():
            if self._rebalance.is_set():
                return
            await asyncio.sleep(0.2)
        self._queue.put_nowait((number, generation, fetched))

    async def serve(self) -> None:
        while True:
            number, generation, fetched = await self._queue.get()
            await self._process.gate()
            try:
                await self._stage.deliver(number, generation, fetched)
            except Exception as error:
                self._stage.fail(error)
                raise

    async def leave(self) -> None:
        self._group.leave(self)

    async def beginnings(self, partitions: set[int]) -> dict[int, int]:
        await self._process.network()
        return dict.fromkeys(partitions, 0)

    async def ends(self, partitions: set[int]) -> dict[int, int]:
        await self._process.network()
        return {number: self._broker.log(self.topic, number).end for number in partitions}

    async def committed(self, partitions: set[int]) -> dict[int, int | None]:
        await self._process.network()
        return {number: self._group.committed.get(number) for number in partitions}

    async def rewind(self, partition: int, offset: int) -> None:
        await self._process.network()
        before = self._cursors.get(partition)
        if before is not None:
            self._cursors[partition] = _Cursor(offset, before.seeks + 1)

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        generation = self._generation
        await self._process.network()
        if self._broker.world.strikes(0.1) or not self._group.owns(self, generation):
            return False
        self._group.committed.update(offsets)
        return not self._broker.world.strikes(0.05)

    def _expel(self) -> None:
        if self._process.dead or self._process.frozen_until > self._broker.world.now:
            self._group.leave(self)
            self._rebalance.set()  # it is told when it wakes up


class _Unsent(NamedTuple):
    value: bytes | None
    key: bytes | None
    headers: list[tuple[str, bytes]]
    acknowledgement: Acknowledgement


class SimulatedOutbox(Outbox):
    def __init__(self, process: Process, broker: Broker) -> None:
        super().__init__(broker.settings)
        self._process = process
        self._broker = broker
        self._lines: dict[tuple[str, int], deque[_Unsent]] = {}
        self._broken = False

    async def start(self) -> None:
        await self._process.network()

    async def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        timestamp: int | None = None,  # noqa: ARG002 - the program's signature
        headers: list[tuple[str, bytes]] | None = None,
    ) -> Acknowledgement:
        await self._process.gate()
        if self._broken:
            raise ProducerClosed
        acknowledgement: Acknowledgement = self._broker.world.loop.create_future()
        line = self._lines.setdefault((topic, partition), deque())
        line.append(_Unsent(value, key, headers or [], acknowledgement))
        if len(line) == 1:
            world = self._broker.world
            seconds = world.random.uniform(0.5, 5.0) if world.strikes(0.1) else world.latency()
            self._later(topic, partition, line, seconds)
        return self._expect(acknowledgement)

    async def stop(self) -> None:
        """What is on its way may arrive after this, up to some record."""
        for line in self._lines.values():
            while len(line) > self._broker.world.random.randint(0, 3):
                line.pop()
        self._lines = {}
        self._broken = False

    def _later(self, topic: str, partition: int, line: deque[_Unsent], seconds: float) -> None:
        self._broker.world.loop.call_later(seconds, self._arrive, topic, partition, line)

    def _arrive(self, topic: str, partition: int, line: deque[_Unsent]) -> None:
        """The first of a line, in order."""
        world, broker = self._broker.world, self._broker
        wait = max(broker.away_until, 0.0 if self._process.dead else self._process.frozen_until) - world.now
        if wait > 0:
            self._later(topic, partition, line, wait + world.latency())
            if line and not self._process.dead and world.strikes(0.4):
                self._break(line)  # its time is over
            return
        if not line:
            return
        if self._process.dead:
            while len(line) > world.random.randint(0, 2):
                line.pop()
            if not line:
                return
        elif world.strikes(0.004):
            self._break(line)
        if not line:
            return
        unsent = line.popleft()
        broker.append(topic, partition, unsent.value, unsent.key, unsent.headers)
        world.loop.call_later(world.latency(), self._acknowledge, unsent.acknowledgement)
        if line:
            self._later(topic, partition, line, world.latency() / 4)

    def _acknowledge(self, acknowledgement: Acknowledgement) -> None:
        if acknowledgement.done() or self._process.dead:
            return
        frozen = self._process.frozen_until - self._broker.world.now
        if frozen > 0:
            self._broker.world.loop.call_later(frozen + 0.001, self._acknowledge, acknowledgement)
        elif self._broker.world.strikes(0.004):
            acknowledgement.set_exception(KafkaTimeoutError())
            self._broken = True
        else:
            acknowledgement.set_result(None)

    def _break(self, line: deque[_Unsent]) -> None:
        """Of one line a few records may be there all the same, and nobody is told so."""
        self._broken = True
        for each in line:
            if not each.acknowledgement.done():
                each.acknowledgement.set_exception(KafkaTimeoutError())
        while len(line) > self._broker.world.random.randint(0, 2):
            line.pop()


class SimulatedCheckpointLog(CheckpointLog):
    def __init__(self, process: Process, broker: Broker) -> None:
        super().__init__(broker.settings)
        self._process = process
        self._broker = broker

    async def stop(self) -> None:
        """It has no connection."""

    def now(self, partition: int) -> dict[bytes, Checkpoint]:
        """All that the topic holds of a partition."""
        found = {record.key: record.value for record in self._broker.log(self._topic, partition).records}
        return {
            key: self._checkpoint(partition, value)
            for key, value in found.items()
            if key is not None and is_checkpoint(key) and value
        }

    async def _records(self, partition: int, start: int) -> AsyncIterator[Any]:
        await self._process.network()
        log = self._broker.log(self._topic, partition)
        end, found = log.end, [record for record in log.records if record.offset >= start]
        if self._broker.world.strikes(0.2):
            await asyncio.sleep(self._broker.world.random.uniform(0.5, 8.0))  # a long one
        await self._process.network()
        if self._broker.away_until > self._broker.world.now or self._broker.world.strikes(0.02):
            raise KafkaConnectionError
        for record in found:
            yield _Read(record.key, record.value or None)
        self._read_to = end


class _Read(NamedTuple):
    key: bytes | None
    value: bytes | None


def simulated_parts(process: Process, broker: Broker) -> Parts:
    """Without a sweeper of its own."""
    return Parts(
        feed=lambda _settings, group, topic, stage: SimulatedFeed(process, broker, group, topic, stage),
        outbox=lambda _settings: SimulatedOutbox(process, broker),
        checkpoints=lambda _settings: SimulatedCheckpointLog(process, broker),
        clock=broker.world.loop.time,
        name=broker.world.name,
    )
