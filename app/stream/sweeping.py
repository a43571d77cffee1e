"""Sweeps while this worker owns partition 0, and keeps how far it is in a record of the checkpoints topic."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec
from aiokafka.errors import KafkaError
from elasticsearch import AsyncElasticsearch

from app.errors import Retry
from app.index.occasional import Occasional
from app.index.sweep import ALLOWANCE, Counters, Positions, Sweep
from app.settings import Settings
from app.stream.counts import Counts
from app.stream.outbox import Outbox, acknowledged
from app.stream.parts import Parts

log = logging.getLogger(__name__)

PARTITION: Final = 0
ROUND_SECONDS: Final = 10.0
SOON_SECONDS: Final = 1.0  # after a round that removed something, or to see whether the partition is ours
KEY: Final = b"sweep"  # a checkpoint's key begins with a digit
VERSION: Final = 1


class Swept(msgspec.Struct, frozen=True):
    """Offsets are sequence numbers, by the UUID of a backing index and its shards' numbers."""

    positions: Positions
    version: int = VERSION


class Sweeping:
    """`client` is one of app.elastic.bulk_client. `counts` are told what was swept."""

    def __init__(
        self, settings: Settings, client: AsyncElasticsearch, outbox: Outbox, counts: Counts, parts: Parts
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._counts = counts
        self._counters = Counters()  # of all the sweeps of this process
        self._log = parts.checkpoints(settings)
        self._asker = parts.asker(client, settings.data_stream)
        self._clock = parts.clock
        self._occasional = Occasional()

    async def run(self, is_ours: Callable[[], bool]) -> None:
        """Never returns. What it was asking when it is cancelled is asked again by the next one."""
        try:
            while True:
                if is_ours():
                    try:
                        await self._as_owner(is_ours)
                    except (KafkaError, Retry, OSError) as error:
                        self._say(f"its positions cannot be read or kept: {error!r}")
                        await self._log.stop()
                    except Exception as error:  # noqa: BLE001 - whatever it is, delivery does not wait for it
                        self._say(repr(error))
                await asyncio.sleep(SOON_SECONDS)
        finally:
            await self._log.stop()

    async def _as_owner(self, is_ours: Callable[[], bool]) -> None:
        """Until it is another's. Raises KafkaError, Retry or OSError while Kafka is away."""
        kept = _decode(await self._log.last(PARTITION, KEY))
        sweep = Sweep(kept, counters=self._counters)
        while is_ours():
            removed = self._counters.removed
            await self._round(sweep)
            if sweep.positions != kept and is_ours():
                value = msgspec.json.encode(Swept(sweep.positions))
                sent = await self._outbox.send(self._settings.checkpoints_topic, value, KEY, PARTITION)
                await acknowledged([sent])
                kept = msgspec.json.decode(value, type=Swept).positions
            if not sweep.is_behind:
                await asyncio.sleep(SOON_SECONDS if self._counters.removed > removed else ROUND_SECONDS)

    async def _round(self, sweep: Sweep) -> None:
        counters, counts = self._counters, self._counts
        await self._asker.ask(sweep.round())
        if (removed := counters.removed - counts.swept_copies) > 0:
            log.info("removed second copies, which a rollover had let in. documents=%d", removed)
        ahead = counters.ahead - counts.ahead
        if ahead > 0 and self._occasional.due("ahead", self._clock()) is not None:
            log.warning(
                "events are ahead of Elasticsearch's clock by more than %d s. Expected nodes with the same time: with "
                "more than %d s, what a rollover lets in twice is not found. documents=%d",
                ALLOWANCE // 2000, ALLOWANCE // 1000, ahead,
            )  # fmt: skip
        counts.swept, counts.swept_copies, counts.ahead = counters.compared, counters.removed, counters.ahead
        if self._asker.trouble is not None:
            counts.sweep_troubles += 1
            self._say(self._asker.trouble)

    def _say(self, reason: str) -> None:
        if self._occasional.due(reason, self._clock()) is not None:
            log.warning("What a rollover has stored twice cannot be looked for now, and is later. reason=%s", reason)


def _decode(value: bytes | None) -> Positions:
    """Nothing of what another version wrote: then all is compared once more."""
    try:
        swept = msgspec.json.decode(value or b"{}", type=Swept)
    except msgspec.DecodeError:
        return {}
    return swept.positions if swept.version == VERSION else {}
