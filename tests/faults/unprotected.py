"""A worker without one of its protections, to show that the chaos run notices.

    python -m tests.faults.unprotected --without answers|commits|ids|order|positions|sweep

Subclasses take the place of the program's own classes, in this process alone; the program has no switch for it.
"""

import argparse
import asyncio
import functools
import logging
import sys
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, cast

import faust
from faust.transport.drivers.aiokafka import Consumer as FaustConsumer
from faust.types import TP, Message

from app.enrich import blocks
from app.index import delivery
from app.index.bulk import Items, Verdict, read_answer
from app.settings import read_settings
from app.stream import feed, indexing, owned, work
from app.stream.consumer import BlockConsumer, Fetched, Stage, _message
from app.stream.enriching import Enriching
from app.stream.indexing import Indexing
from app.stream.outbox import Acknowledgement, Outbox
from app.stream.partitions import Partition, Take
from app.stream.parts import REAL
from app.stream.sweeping import Sweeping

# Faust's own default is 2.8. A fault strikes every few seconds, and what was under way in the moment of a commit is in
# Elasticsearch a moment later: with so rare commits half of all runs of 40 s went unnoticed on an idle machine.
COMMIT_SECONDS: Final = 0.2
# For how long a document block stays unsent, while the checkpoint that tells of it is written at once.
SLOW_SECONDS: Final = 4.0


class CommittingConsumer(BlockConsumer):
    """Acknowledges and commits as Faust does, one record at a time."""

    ack = FaustConsumer.ack
    _new_offset = FaustConsumer._new_offset

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._whole = self.callback
        self.callback = self._one_by_one

    async def perform_seek(self) -> None:
        await super().perform_seek()
        stage = cast(_FromCommitted, self.stage)
        for number, offset in stage.starts.items():
            tp = TP(self.topic, number)
            self._committed_offset[tp] = offset or None
            self._read_offset[tp] = offset - 1 if offset else None

    async def _one_by_one(self, message: Message) -> None:
        fetched = cast(Fetched, message.value)
        start, lost = fetched.start, fetched.lost
        for record in fetched.records:
            one = Fetched(start, fetched.seeks, lost, [record])
            start, lost = record.offset + 1, 0
            before = self._read_offset[message.tp]
            if before is not None and record.offset - before > 1:
                await self._add_gap(message.tp, before + 1, record.offset)
            await self._whole(_message(message.tp, message.generation_id or 0, one))
            self._read_offset[message.tp] = record.offset

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:  # noqa: ARG002 - Faust's signature
        """As Faust's own, without the producer and the tables that this app has none of."""
        mine = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
        done = bool(mine) and await self._commit(mine)
        self._committed_offset.update(mine)
        return done


class _FromCommitted:
    """Of a stage: a partition begins at what Faust has committed, whatever the checkpoints say."""

    starts: Mapping[int, int] = {}


class CommittedEnriching(_FromCommitted, Enriching):
    async def start_at(self, partitions: set[int], generation: int) -> Mapping[int, int]:
        await super().start_at(partitions, generation)
        self.starts = await _committed(self, partitions)
        for number, offset in self.starts.items():
            self._owned[number].position.assign(generation, offset)
        return self.starts

    async def open(self) -> None:
        self.feed.app.conf.broker_commit_interval = COMMIT_SECONDS
        await super().open()

    async def _commit(self) -> None:
        """Faust does."""


class CommittedIndexing(_FromCommitted, Indexing):
    async def start_at(self, partitions: set[int], generation: int) -> Mapping[int, int]:
        self.starts = await super().start_at(partitions, generation)
        return self.starts

    async def open(self) -> None:
        self.feed.app.conf.broker_commit_interval = COMMIT_SECONDS
        await super().open()

    async def _commit(self) -> None:
        """Faust does."""


async def _committed(stage: Enriching, partitions: set[int]) -> Mapping[int, int]:
    beginnings = await stage.feed.beginnings(partitions)
    committed = await stage.feed.committed(partitions)
    return {number: beginnings[number] if offset is None else offset for number, offset in committed.items()}


def _connect_with_acks(app: faust.App, topic: str, stage: Stage) -> None:
    """The program's own, without `noack()`."""

    async def agent(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            await stage.deliver(message.partition, message.generation_id, event.value)

    async def revoked(*arguments: Any, **_: Any) -> None:
        _sender, partitions = arguments
        await stage.revoke({tp.partition for tp in partitions if tp.topic == topic})

    app.agent(app.topic(topic, schema=feed._FetchSchema()), name=f"{topic}.agent")(agent)
    app.on_partitions_revoked.connect(revoked, weak=False)


class BelievingPartition(Partition):
    """Takes whatever arrives for what is due."""

    def arrive(self, generation: int, start: int, seeks: int, lost: int, offsets: Sequence[int]) -> Take:  # noqa: ARG002 - the program's signature
        return Take(0, skipped=0, lost=0)

    def processed(self, offset: int) -> None:
        self.due = offset + 1


class SlowOutbox(Outbox):
    """Gives its word at once, and sends documents later: who waits for them waits for nothing."""

    async def send(self, topic: str, *record: Any, **more: Any) -> Acknowledgement:
        send = functools.partial(super().send, topic, *record, **more)
        if not topic.endswith(".documents"):
            return await send()
        self._order(record[2], send)
        promised: Acknowledgement = asyncio.get_running_loop().create_future()
        promised.set_result(None)
        return promised

    def _order(self, partition: int, send: Callable[[], Awaitable[Acknowledgement]]) -> None:
        """Behind what the partition has waiting already."""
        before = self._last.get(partition)

        async def later() -> None:
            await asyncio.sleep(SLOW_SECONDS)
            if before is not None:
                await asyncio.wait([before])
            await send()

        self._last[partition] = asyncio.ensure_future(later())

    @functools.cached_property
    def _last(self) -> dict[int, asyncio.Future[None]]:
        return {}


class IdleSweeping(Sweeping):
    """Looks for nothing."""

    async def run(self, is_ours: Callable[[], bool]) -> None:  # noqa: ARG002 - the program's signature
        await asyncio.Event().wait()


def believed(status: int, answer: bytes, documents: int) -> Verdict:
    """Whoever answers 200 has stored everything."""
    return Items(documents, [], [], [], [], [], [], None) if status == 200 else read_answer(status, answer, documents)


def _fresh_id(*_: Any) -> str:
    """Another one every time that an event is made into a document."""
    return uuid.uuid4().hex


def _without_answers() -> None:
    _replace(delivery, "read_answer", believed)


def _without_ids() -> None:
    _replace(blocks, "event_id", _fresh_id)


def _without_commits() -> None:
    _replace(feed, "BlockConsumer", CommittingConsumer)
    _replace(feed, "_connect", _connect_with_acks)
    _replace(work, "Enriching", CommittedEnriching)
    _replace(work, "Indexing", CommittedIndexing)


def _without_positions() -> None:
    _replace(owned, "Partition", BelievingPartition)
    _replace(indexing, "Partition", BelievingPartition)


def _without_order() -> None:
    _replace(work, "Enriching", functools.partial(Enriching, parts=REAL._replace(outbox=SlowOutbox)))


def _without_sweep() -> None:
    _replace(indexing, "Sweeping", IdleSweeping)


PROTECTIONS: Final = {
    "answers": _without_answers,
    "commits": _without_commits,
    "ids": _without_ids,
    "order": _without_order,
    "positions": _without_positions,
    "sweep": _without_sweep,
}


def _replace(module: Any, name: str, substitute: Any) -> None:
    assert hasattr(module, name), f"{module.__name__} has no {name} any more"
    setattr(module, name, substitute)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.unprotected")
    parser.add_argument("--without", required=True, choices=PROTECTIONS)
    PROTECTIONS[parser.parse_args().without]()
    settings = read_settings()
    logging.basicConfig(
        level=settings.log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    sys.exit(asyncio.run(work.work(settings, None)))


if __name__ == "__main__":
    main()
