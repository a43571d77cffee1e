"""A request that waits long, while others behind it are stored."""

import asyncio
import sys
from collections.abc import Sequence

from app.index.bulk import Block
from app.index.indexer import Indexed, Indexer
from app.stream.consumer import Fetched
from app.stream.counts import Counts
from app.stream.indexing import REQUEST_BYTES, Indexing
from schemas.record import DOCUMENTS, FORMAT, FORMAT_VERSION, Record
from tests.simulate.clock import VirtualLoop, run
from tests.simulate.elasticsearch import Elasticsearch, client
from tests.simulate.kafka import Broker, simulated_parts
from tests.simulate.run import SETTINGS, hear_nothing
from tests.simulate.world import Process, World

RECORDS = 8


class _StuckAtFirst(Indexer):
    """Its first request is never answered."""

    stuck = False

    async def index(self, blocks: Sequence[Block]) -> Indexed:
        if not self.stuck:
            self.stuck = True
            await asyncio.Event().wait()
        return Indexed(len(blocks), 0, [])


def test_what_is_stored_is_not_kept_until_all_before_it_is() -> None:
    loop = VirtualLoop()
    world = World(loop, 1)
    world.faults = 0.0

    async def scene() -> None:
        broker, process = Broker(world, SETTINGS), Process(world, 1)
        asked = client(process, Elasticsearch(world))
        indexer = _StuckAtFirst(asked, SETTINGS.data_stream, health=hear_nothing)
        stage = Indexing(SETTINGS, indexer, asked, Counts(), hear_nothing, simulated_parts(process, broker))
        await stage.start_at({0}, 1)
        headers = {FORMAT: FORMAT_VERSION, DOCUMENTS: b"1"}
        records = [
            Record(SETTINGS.documents_topic, 0, number, 0, b"n", b"%d" % number * REQUEST_BYTES, headers)
            for number in range(RECORDS)
        ]
        before = [sys.getrefcount(record.value) for record in records]
        for record in records:
            await stage.deliver(0, 1, Fetched(record.offset, 0, 0, [record]))
            await asyncio.sleep(0.1)
        held = [sys.getrefcount(record.value) > count for record, count in zip(records, before, strict=True)]
        assert held == [True] + [False] * (RECORDS - 1)
        assert stage._owned[0].stored_to == 0

    run(loop, scene())
