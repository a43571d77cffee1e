"""A data stream in virtual time that takes every freedom the real one takes; who writes to it, and who sweeps it.

A write is seen by `Find` before it is on disk, and acknowledged after; a node that dies loses what is not; a request
that was given up ends later, in the index that it was routed to; the stream rolls over at any moment; sweepers pause,
die, and go on from what was written of their positions; any question may stay without an answer, and any answer may be
lost.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from app.index.questions import (
    Ahead,
    Ask,
    Asking,
    Copy,
    Delete,
    Find,
    Index,
    Indices,
    Page,
    Refresh,
    Search,
    Seen,
    Shard,
    Shards,
)
from app.index.sweep import Positions, Sweep

SHARDS = 2
ALLOWANCE = 50  # of the simulation's ms


class _Write(NamedTuple):
    id: str
    copy: Copy
    timestamp: int
    is_deletion: bool


class _Shard:
    def __init__(self) -> None:
        self.log: list[_Write] = []  # by sequence number
        self.durable = 0  # how many of them are on disk
        self.term = 1
        self.shown = 0  # how many of them a search sees

    def live(self, length: int | None = None) -> dict[str, _Write]:
        found: dict[str, _Write] = {}
        for write in self.log[:length]:
            if write.is_deletion:
                found.pop(write.id, None)
            else:
                found[write.id] = write
        return found

    def append(self, id_: str, timestamp: int, *, is_deletion: bool = False) -> None:
        self.log.append(_Write(id_, Copy(len(self.log), self.term), timestamp, is_deletion))

    def die(self) -> None:
        del self.log[self.durable :]
        self.term += 1
        self.shown = min(self.shown, self.durable)


class Stream:
    def __init__(self) -> None:
        self.now = 1_000
        self.indices: list[Index] = []
        self.shards: dict[str, list[_Shard]] = {}
        self.roll()

    def roll(self) -> None:
        generation = len(self.indices) + 1
        name = f".ds-stream-{generation:06d}"
        self.indices.append(Index(name, f"uuid-{generation}", generation, self.now))
        self.shards[name] = [_Shard() for _ in range(SHARDS)]

    def shard_of(self, name: str, id_: str) -> _Shard:
        return self.shards[name][sum(id_.encode()) % SHARDS]

    def copies(self, id_: str, *, on_disk: bool) -> int:
        shards = [self.shard_of(index.name, id_) for index in self.indices]
        return sum(id_ in shard.live(shard.durable if on_disk else None) for shard in shards)

    def answer(self, ask: Ask) -> Any:
        if isinstance(ask, Indices):
            return list(self.indices)
        if isinstance(ask, Shards):
            return {
                name: [Shard(shard.durable - 1, len(shard.log) - 1) for shard in self.shards[name]]
                for name in ask.names
            }
        if isinstance(ask, Refresh):
            for name in ask.names:
                for shard in self.shards[name]:
                    shard.shown = len(shard.log)
            return True
        if isinstance(ask, Ahead):
            writes = self.shards[ask.name][ask.shard].log[ask.after + 1 : ask.upto + 1]
            return sum(not write.is_deletion and write.timestamp > self.now + ask.by for write in writes)
        if isinstance(ask, Page):
            shard = self.shards[ask.name][ask.shard]
            found = [
                Seen(write.id, write.copy, write.timestamp)
                for write in shard.live(shard.shown).values()
                if ask.after < write.copy.seq_no <= ask.upto and (ask.before is None or write.timestamp < ask.before)
            ]
            return sorted(found, key=lambda each: each.copy.seq_no)[: ask.size]
        if isinstance(ask, Search):
            return {
                (name, id_): write.copy
                for name in ask.names
                for id_ in ask.ids
                for shard in [self.shard_of(name, id_)]
                if (write := shard.live(shard.shown).get(id_)) is not None
            }
        if isinstance(ask, Find):
            places = {}
            for name, id_ in ask.wanted:
                write = self.shard_of(name, id_).live().get(id_)
                places[name, id_] = write.copy if write is not None else None
            return places
        return self._delete(ask)

    def _delete(self, ask: Delete) -> set[tuple[str, str]]:
        gone = set()
        for name, id_, copy in ask.doomed:
            shard = self.shard_of(name, id_)
            present = shard.live().get(id_)
            if present is None or present.copy == copy:
                if present is not None:
                    shard.append(id_, present.timestamp, is_deletion=True)
                shard.durable = len(shard.log)  # a deletion is answered when it is on disk, and all before it
                gone.add((name, id_))
        return gone


class _Sending(NamedTuple):
    """A request that is under way to an index."""

    id: str
    timestamp: int
    name: str


class _Sweeper:
    def __init__(self, stream: Stream, make: Callable[[Positions], Sweep], positions: Positions) -> None:
        self.sweep = make(positions)
        self._stream = stream
        self._round: Asking[None] | None = None
        self._ask: Ask | None = None

    def step(self, random: Random, faults: float) -> bool:
        """Whether a round has ended."""
        try:
            if self._round is None:
                self._round = self.sweep.round()
                self._ask = next(self._round)
                return False
            assert self._ask is not None
            answer = None
            if random.random() >= faults:
                answer = self._stream.answer(self._ask)
                if random.random() < faults:
                    answer = None  # done, and nobody hears of it
            self._ask = self._round.send(answer)
        except StopIteration:
            self._round = None
            return True
        return False


class Trouble(NamedTuple):
    lost: list[str]
    double: list[str]


def simulate(seed: int, make: Callable[[Positions], Sweep], steps: int = 400, skew: int = ALLOWANCE) -> Trouble:
    """What is lost at any time, or double at the end. `skew`: by how much an event's time may be wrong, in ms."""
    random = Random(seed)
    stream = Stream()
    written: Positions = {}
    sweepers = [_Sweeper(stream, make, {}) for _ in range(2)]
    under_way: list[_Sending] = []
    events: dict[str, int] = {}
    acknowledged: set[str] = set()
    lost: set[str] = set()

    def send(id_: str) -> None:
        under_way.append(_Sending(id_, events[id_], stream.indices[-1].name))

    def arrive(sending: _Sending) -> None:
        shard = stream.shard_of(sending.name, sending.id)
        if sending.id not in shard.live():
            shard.append(sending.id, sending.timestamp)
        if random.random() < 0.6:  # else it is seen by whoever asks, and not on disk yet
            shard.durable = len(shard.log)
        if sending.id in shard.live(shard.durable):
            acknowledged.add(sending.id)

    def new_event() -> None:
        id_ = f"{seed}-{len(events)}"
        age = random.randrange(200) if random.random() < 0.2 else 0
        events[id_] = stream.now - age + random.randint(-skew, skew - 1)
        send(id_)

    def again() -> None:
        waiting = [id_ for id_ in events if id_ not in acknowledged]
        if waiting or (events and random.random() < 0.1):  # a replay sends what is stored, too
            send(random.choice(waiting or list(events)))

    def sweep() -> None:
        sweeper = random.choice(sweepers)
        sweeper.step(random, 0.05)
        if random.random() < 0.3:
            written.clear()
            written.update({uuid: list(each) for uuid, each in sweeper.sweep.positions.items()})

    def replace() -> None:
        sweepers[random.randrange(len(sweepers))] = _Sweeper(stream, make, written)

    def die() -> None:
        for shards in stream.shards.values():
            for shard in shards:
                shard.die()

    def flush() -> None:
        for shards in stream.shards.values():
            shard = random.choice(shards)
            shard.durable = len(shard.log)

    actions: list[tuple[Callable[[], None], int]] = [
        (new_event, 20),
        (again, 12),
        (lambda: arrive(under_way.pop(random.randrange(len(under_way)))) if under_way else None, 30),
        (lambda: stream.roll() if len(stream.indices) < 6 else None, 2),
        (sweep, 60),
        (replace, 1),
        (die, 2),
        (flush, 5),
    ]
    acts, weights = zip(*actions, strict=True)
    for _ in range(steps):
        stream.now += random.randrange(8)
        random.choices(acts, weights)[0]()
        lost.update(id_ for id_ in acknowledged if not stream.copies(id_, on_disk=True))

    # All comes to rest: what is under way arrives, what was not acknowledged is sent again, one sweeper goes on alone.
    for sending in under_way:
        arrive(sending)
    for id_, timestamp in events.items():
        while id_ not in acknowledged:
            arrive(_Sending(id_, timestamp, stream.indices[-1].name))
    flush()
    for shards in stream.shards.values():
        for shard in shards:
            shard.durable = len(shard.log)
    for _ in _rounds(_Sweeper(stream, make, written), random):
        pass
    lost.update(id_ for id_ in events if not stream.copies(id_, on_disk=True))
    return Trouble(sorted(lost), sorted(id_ for id_ in events if stream.copies(id_, on_disk=False) > 1))


def _rounds(sweeper: _Sweeper, random: Random) -> Iterator[None]:
    """Until a round changes nothing."""
    before = None
    while before != (before := {uuid: list(each) for uuid, each in sweeper.sweep.positions.items()}):
        while not sweeper.step(random, 0.0):
            yield
