"""Workers in virtual time, on a broker and an Elasticsearch that take every freedom that the real ones take.

    python -m tests.simulate.run --seeds 1000 [--from 1] [--without FLAW]

app.stream and app.index run as in production; what differs from an undisturbed run in the end is printed with its seed,
which gives the same schedule again.
"""

import argparse
import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import orjson

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from app.index.indexer import Indexer
from app.settings import Settings
from app.stream.checkpoint import History
from app.stream.counts import Counts
from app.stream.enriching import Enriching
from app.stream.indexing import Indexing
from schemas.record import FILE, PATH, POSITION, SHIPPER
from tests.simulate.clock import VirtualLoop, run
from tests.simulate.elasticsearch import EPOCH, Elasticsearch, SimulatedAsker, client
from tests.simulate.flaws import FLAWS, Flaw, without
from tests.simulate.kafka import Broker, SimulatedCheckpointLog, SimulatedFeed, simulated_parts
from tests.simulate.world import Process, World

PARTITIONS: Final = 2
WORKERS: Final = 2
FAULT_SECONDS: Final = 30.0
REST_SECONDS: Final = 240.0  # the longest that it may take to come to rest
LOOK_SECONDS: Final = 4.0
TOPIC_ID: Final = "simulated"
SETTINGS: Final = Settings(partitions=PARTITIONS, session_timeout=6.0)
AGENTS: Final = [
    agent for agent in load_agents(Path(__file__).parents[1] / "faults" / "agents") if agent.name == "tally"
]


class Verdict(NamedTuple):
    """What differs from an undisturbed run, by ids, and what ended a worker."""

    lost: list[str]
    double: list[str]
    differing: list[str]
    errors: list[str]

    @property
    def is_clean(self) -> bool:
        return not any(self)


class Worker:
    def __init__(self, simulation: "Simulation", number: int, pipeline: Pipeline) -> None:
        self.process = Process(simulation.world, number)
        self.process.die = self.die
        process, broker, search = self.process, simulation.broker, simulation.elasticsearch
        parts = simulated_parts(process, broker)._replace(
            outbox=lambda _settings: simulation.flaw.outbox(process, broker),
            asker=lambda _client, _stream: SimulatedAsker(process, search),
        )
        asked = client(process, search)
        indexer = Indexer(
            asked,
            SETTINGS.data_stream,
            health=hear_nothing,
            asker=parts.asker,
            clock=simulation.world.loop.time,
            random=simulation.world.random.random,
        )
        self._stages: list[Enriching | Indexing] = [
            simulation.flaw.enriching(SETTINGS, pipeline, TOPIC_ID, Counts(), hear_nothing, parts),
            simulation.flaw.indexing(SETTINGS, indexer, asked, Counts(), hear_nothing, parts),
        ]
        self._tasks = [asyncio.ensure_future(self._run(stage)) for stage in self._stages]
        self._tasks += [asyncio.ensure_future(each) for stage in self._stages for each in self._lives(stage)]

    @property
    def feeds(self) -> list[SimulatedFeed]:
        return [cast(SimulatedFeed, stage.feed) for stage in self._stages]

    def failure(self) -> BaseException | None:
        """What ended it."""
        ended = [stage.failed for stage in self._stages if stage.failed.done()]
        ended += [task for task in self._tasks if task.done() and not task.cancelled()]
        return next((error for each in ended if (error := each.exception()) is not None), None)

    def die(self) -> None:
        self.process.dead = True
        self.process.gates_left = None
        for task in self._tasks:
            task.cancel()
        for stage in self._stages:
            if isinstance(stage, Indexing):
                for request in stage._requests:
                    request.cancel()
        for feed in self.feeds:
            feed.fall_silent(0.0)

    def freeze(self, seconds: float) -> None:
        self.process.frozen_until = self.process.world.now + seconds
        for feed in self.feeds:
            feed.fall_silent(seconds)

    async def stop(self) -> None:
        """As app.stream.worker does on SIGTERM; it may die over it."""
        closing = asyncio.ensure_future(self._close())
        self._tasks.append(closing)
        await asyncio.wait([closing])
        self.die()

    async def _close(self) -> None:
        for stage in self._stages:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stage.close(3.5), 4.0)
            await cast(SimulatedFeed, stage.feed).leave()

    def _lives(self, stage: Enriching | Indexing) -> Iterator[Coroutine[Any, Any, None]]:
        feed = cast(SimulatedFeed, stage.feed)
        yield feed.live()
        yield feed.fetch()
        yield feed.serve()

    async def _run(self, stage: Enriching | Indexing) -> None:
        await stage.open()
        await stage.run()


class Simulation:
    def __init__(self, loop: VirtualLoop, seed: int, flaw: Flaw) -> None:
        self.world = World(loop, seed)
        self.broker = Broker(self.world, SETTINGS)
        self.elasticsearch = Elasticsearch(self.world)
        self.flaw = flaw
        self.workers: list[Worker] = []
        self.errors: list[str] = []
        self._pipeline = Pipeline(AGENTS, original=False)
        self._started = 0

    async def run(self) -> Verdict:
        world, random = self.world, self.world.random
        for _ in range(WORKERS):
            self._start()
        writing = asyncio.ensure_future(self._write())
        while world.now < FAULT_SECONDS:
            await asyncio.sleep(random.uniform(0.1, 3.0))
            await self._strike()
            self._replace_the_failed()
        await writing
        expected = self._undisturbed()
        world.faults = 0.0
        while world.now < FAULT_SECONDS + REST_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            self._replace_the_failed()
            if self._rests() and self._verdict(*expected).is_clean:
                break
        verdict = self._verdict(*expected)
        for worker in self.workers:
            worker.die()
        return verdict

    async def _strike(self) -> None:
        random = self.world.random
        worker = random.choice(self.workers)
        acts: list[tuple[Callable[[], Any], int]] = [
            (lambda: self._kill(worker), 2),
            (lambda: setattr(worker.process, "gates_left", random.randint(1, 60)), 5),
            (lambda: self._restart(worker), 2),
            (lambda: worker.freeze(random.uniform(0.5, 14.0)), 3),
            (lambda: self._deafen(worker), 2),
            (self._add_or_remove, 1),
            (self.elasticsearch.roll, 4),
            (self.elasticsearch.die, 2),
            (lambda: setattr(self.broker, "away_until", self.world.now + random.uniform(0.5, 6.0)), 1),
            (lambda: setattr(self.elasticsearch, "blocked_until", self.world.now + random.uniform(0.5, 6.0)), 1),
            (lambda: None, 4),
        ]
        act = random.choices([act for act, _ in acts], [weight for _, weight in acts])[0]
        done = act()
        if asyncio.iscoroutine(done):
            await done

    def _start(self) -> None:
        self._started += 1
        self.workers.append(Worker(self, self._started, self._pipeline))

    def _kill(self, worker: Worker) -> None:
        worker.die()
        self.workers.remove(worker)
        self._start()

    async def _restart(self, worker: Worker) -> None:
        self.workers.remove(worker)
        await worker.stop()
        self._start()

    def _deafen(self, worker: Worker) -> None:
        worker.process.deaf_until = self.world.now + self.world.random.uniform(0.5, 12.0)

    async def _add_or_remove(self) -> None:
        if len(self.workers) > WORKERS:
            await self.workers.pop().stop()
        else:
            self._start()

    def _replace_the_failed(self) -> None:
        for worker in list(self.workers):
            error = worker.failure()
            if error is not None:
                self.errors.append(repr(error))
            if error is not None or worker.process.dead:
                self._kill(worker)

    async def _write(self) -> None:
        """Blocks of lines of three nodes, some of them sent again by their shipper."""
        random, number = self.world.random, 0
        positions: dict[int, int] = {}
        while self.world.now < FAULT_SECONDS - 8:
            await asyncio.sleep(random.uniform(0.05, 2.0))
            node = random.randrange(3)
            lines = []
            for _ in range(random.randint(1, 4)):
                number += 1
                lines.append(event(node, number, self.world.now, random.randrange(max(1, number - 6), number + 1)))
            block = b"\n".join(lines) + b"\n"
            position = positions.get(node, 0)
            positions[node] = position + len(block)
            headers = [(FILE, b"f%d" % node), (PATH, b"/x.log"), (POSITION, b"%d" % position), (SHIPPER, b"s")]
            for _ in range(2 if random.random() < 0.1 else 1):
                self.broker.append(SETTINGS.events_topic, node % PARTITIONS, block, b"n%d" % node, headers)

    def _rests(self) -> bool:
        indexed = self.broker.group(SETTINGS.index_group).committed
        return self.elasticsearch.under_way == 0 and all(
            indexed.get(number, 0) == log.records[-1].offset + 1 if log.records else True
            for number in range(PARTITIONS)
            for log in [self.broker.log(SETTINGS.documents_topic, number)]
        )

    def _verdict(self, expected: Mapping[str, bytes], counters: Sequence[Mapping[str, int]]) -> Verdict:
        stream = self.elasticsearch.stream
        held: dict[str, list[str]] = {}
        for index in stream.indices:
            for shard in stream.shards[index.name]:
                for id_ in shard.live(shard.durable):
                    held.setdefault(id_, []).append(index.name)
        lost = [id_ for id_ in expected if id_ not in held]
        double = [id_ for id_, names in held.items() if len(names) > 1]
        differing = [
            id_
            for id_, names in held.items()
            if id_ not in expected or any(self.elasticsearch.sources[name, id_] != expected[id_] for name in names)
        ]
        errors = list(self.errors)
        if (kept := self._kept_counters()) != counters:
            errors.append(f"counted {kept}, expected {counters}")
        return Verdict(lost, double, differing, errors)

    def _undisturbed(self) -> tuple[dict[str, bytes], list[dict[str, int]]]:
        """Documents by id, and what the last checkpoint of each partition counts."""
        documents: dict[str, bytes] = {}
        counters: list[dict[str, int]] = []
        for number in range(PARTITIONS):
            memory = Memory()
            total: dict[str, int] = {}
            for record in self.broker.log(SETTINGS.events_topic, number).records:
                enriched = self._pipeline.enrich(memory, record)
                for name, count in enriched.counters.items():
                    total[name] = total.get(name, 0) + count
                for block, _ in enriched.blocks:
                    lines = block.splitlines()
                    for action, source in zip(lines[::2], lines[1::2], strict=True):
                        documents.setdefault(orjson.loads(action)["create"]["_id"], source)
            counters.append(total)
        return documents, counters

    def _kept_counters(self) -> list[dict[str, int]]:
        kept = []
        for number in range(PARTITIONS):
            log = SimulatedCheckpointLog(Process(self.world, 0), self.broker)
            records = log.now(number)
            restored = History("reader").restore(records)
            kept.append(restored.counters if restored is not None else {})
        return kept


def event(node: int, number: int, now: float, parent: int) -> bytes:
    """`parent` is the number of an earlier one."""
    moment = EPOCH.timestamp() + now
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}{number:06d}Z"
    process = {"exec_id": f"n{node}-{number}", "pid": number, "binary": f"/bin/{number}", "start_time": text}
    body = {"process": process, "parent": {"exec_id": f"n{node}-{parent}"}}
    return orjson.dumps({"process_exec": body, "node_name": f"n{node}", "time": text})


def hear_nothing(_name: str, _ok: bool, _reason: str = "") -> None:
    """Health is nobody's concern here."""


def simulate(seed: int, flaw: str | None = None) -> Verdict:
    loop = VirtualLoop()

    async def scene(flawed: Flaw) -> Verdict:
        return await Simulation(loop, seed, flawed).run()

    with without(flaw) as flawed:
        return run(loop, scene(flawed))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulate.run", description="Workers in virtual time.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many schedules")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first seed")
    parser.add_argument("--without", choices=sorted(FLAWS), help="a protection to leave out, which must be noticed")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began, found = time.monotonic(), 0
    for seed in range(given.first, given.first + given.seeds):
        verdict = simulate(seed, given.without)
        if not verdict.is_clean:
            found += 1
            print(f"seed {seed}: {_shown(verdict)}", flush=True)  # noqa: T201 - a command's output
    seconds = time.monotonic() - began
    an_hour = given.seeds / seconds * 3600
    print(f"{given.seeds} schedules, {found} with a violation; {seconds:.0f} s, {an_hour:.0f} an hour")  # noqa: T201 - likewise
    return int(found == 0 if given.without else found > 0)


def _shown(verdict: Verdict) -> str:
    return " ".join(f"{name}={len(each)}" for name, each in verdict._asdict().items() if each) + (
        f" {verdict.errors[0]}" if verdict.errors else ""
    )


if __name__ == "__main__":
    sys.exit(main())
