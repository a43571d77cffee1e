"""`tetrastash tap`: what goes through a topic, as it comes. It joins no group, commits nothing and leaves no trace."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final, Literal, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import ClusterAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from app.errors import Stop, TopicError
from app.kafka.connection import connection
from app.kafka.reach import why_kafka_is_away
from app.kafka.topic_ids import topics_by_name
from app.kafka.topics import topic_names
from app.read.hints import hints
from app.read.output import Look
from app.read.taken import Role, Wanted, take
from app.settings import Settings
from app.stdout import is_closed, is_full, until_closed
from schemas.record import Record

log = logging.getLogger(__name__)

Begin: TypeAlias = Literal["beginning", "end"]
Offsets: TypeAlias = dict[TopicPartition, int]

_PAUSE: Final = 2.0  # seconds between two attempts at a Kafka that is away
_IDLE_MS: Final = 1000
_MOMENT: Final = 0.05
_SILENT_SECONDS: Final = 10.0  # for the answer of a broker that sent no records


async def tap(settings: Settings, role: Role, begin: Begin, wanted: Wanted, look: Look, limit: int | None) -> int:
    """Until `limit` lines are shown or the reader of stdout has gone; the exit status. Raises Stop."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would tell is told here, in sentences
    tapped = _Tap(settings, role, begin, wanted, look, limit)
    for hint in hints(role, wanted.conditions):
        log.warning("a condition may hold for nothing reason=%s", hint)
    with until_closed():
        while True:
            try:
                await tapped.run()
                break
            except (TopicAuthorizationFailedError, ClusterAuthorizationFailedError) as error:
                raise Stop(
                    f"Kafka does not let user {settings.kafka_username!r} read {tapped.topic!r}: {error}. Expected "
                    "the rights Describe and Read on it."
                ) from error
            except (KafkaError, OSError) as error:
                if is_closed():
                    raise BrokenPipeError from error
                if is_full(error):
                    raise
                reason = await why_kafka_is_away(settings)
                if reason != tapped.told:
                    log.warning("waiting for Kafka reason=%s error=%r", reason, error)
                    tapped.told = reason
                await asyncio.sleep(_PAUSE)
    return 0


class _Tap:
    """Goes on where it was when it is run again."""

    def __init__(
        self, settings: Settings, role: Role, begin: Begin, wanted: Wanted, look: Look, limit: int | None
    ) -> None:
        self.topic = topic_names(settings)[role]
        self.told = ""  # why it waits
        self._settings = settings
        self._role = role
        self._begin = begin
        self._wanted = wanted
        self._look = look
        self._left = limit
        self._offsets: Offsets = {}

    async def run(self) -> None:
        """Raises KafkaError or OSError when Kafka is away, TopicError when it has no such topic."""
        found = await topics_by_name(self._settings, [self.topic])
        if self.topic not in found:
            raise TopicError(f"Topic {self.topic!r} is missing. Run `tetrastash setup`, which makes it.")
        places = [TopicPartition(self.topic, number) for number in range(found[self.topic].partitions)]
        async with _consumer(self._settings) as consumer:
            consumer.assign(places)
            await self._seek(consumer, places)
            log.info("tapping topic=%s partitions=%s from=%s", self.topic, len(places), self._begin)
            self.told = ""
            while not self._done():
                fetched = await consumer.getmany(timeout_ms=_IDLE_MS)
                for place, records in fetched.items():
                    for record in records:
                        self._show(record)
                        self._offsets[place] = record.offset + 1
                sys.stdout.buffer.flush()
                if not fetched:
                    # It would wait for a broker that is away without a word.
                    async with asyncio.timeout(_SILENT_SECONDS):
                        await consumer.end_offsets(places)

    async def _seek(self, consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> None:
        first = consumer.beginning_offsets if self._begin == "beginning" else consumer.end_offsets
        self._offsets = {**await first(places), **self._offsets}
        for place, offset in self._offsets.items():
            consumer.seek(place, offset)

    def _done(self) -> bool:
        return self._left == 0 or is_closed()

    def _show(self, record: ConsumerRecord) -> None:
        headers = dict(record.headers)
        value = record.value if record.value is not None else b""
        plain = Record(record.topic, record.partition, record.offset, record.timestamp, record.key, value, headers)
        for line in islice(take(self._role, plain, self._wanted, self._look), self._left):
            sys.stdout.buffer.write(line)
            if self._left is not None:
                self._left -= 1


@asynccontextmanager
async def _consumer(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **connection(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # what is no longer there cannot be shown
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=16 * 2**20,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        # stop() stumbles over a fetch that fails meanwhile, and leaves connections open. Without partitions there is
        # none, a moment later.
        consumer.unsubscribe()
        await asyncio.sleep(_MOMENT)
        with contextlib.suppress(KafkaError, OSError):
            await consumer.stop()
