"""What Kafka holds of the books: checkpoints, what no checkpoint or commit has reached yet, and dead letters."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

import msgspec
import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from app.errors import Stop
from app.kafka.connection import connection
from app.kafka.document_records import Seen, identified
from app.kafka.ranges import between, reader
from app.kafka.topic_ids import topics_by_name
from app.ledger.balance import Found, Minutes, Named, Place
from app.read.fields import text
from app.rejected import topic as letters
from app.settings import Settings
from app.stream.checkpoint import History
from app.stream.checkpoint_log import CheckpointLog
from schemas.ledger import ACCOUNTS, MINUTE, ROWS, Account, Row, row_of
from schemas.record import LINES, SOURCE, node_of, scope_name
from schemas.times import nanoseconds

TAIL_SECONDS: Final = 10.0  # of reading what is behind; a stage that is further behind has other troubles
EARLIER: Final = 300 * 1000  # ms: how much a node's clock may be ahead of Kafka's

Document = tuple[str, str, int]  # id, node, start of the minute


class Topics:
    """Raises KafkaError, and Stop or Retry with a sentence."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._partitions = 0
        self._committed: dict[int, int] = {}  # of the index stage, by partition

    async def begin(self) -> None:
        """To be called before Elasticsearch is asked: what is committed by now it has, what is made later it may."""
        settings = self._settings
        names = [settings.checkpoints_topic, settings.events_topic, settings.documents_topic]
        found = await topics_by_name(settings, names)
        for name in names:
            if name not in found:
                raise Stop(f"Topic {name!r} is missing. Run `tetrastash setup`, which makes it.")
        self._partitions = found[settings.events_topic].partitions
        admin = AIOKafkaAdminClient(**connection(settings))
        try:
            await admin.start()
            committed = await admin.list_consumer_group_offsets(settings.index_group)
        finally:
            await admin.close()
        self._committed = {place.partition: each.offset for place, each in committed.items()}

    async def find(self) -> Found:
        """After `begin`."""
        settings = self._settings
        rows: dict[Place, Row] = {}
        accounts: list[Named] = []
        taken_to: dict[TopicPartition, int] = {}
        lost = 0
        log = CheckpointLog(settings)
        try:
            for number in range(self._partitions):
                held = await log.read(number)
                restored = History("").restore(held.alive())
                if restored is None:
                    continue
                taken_to[TopicPartition(settings.events_topic, number)] = restored.upto
                lost += restored.counters.get("lost_records", 0)
                latest = {each.entry: each.value for each in restored.changes if each.entry.owner in (ROWS, ACCOUNTS)}
                for entry, value in latest.items():
                    if value is not None and entry.owner == ROWS:
                        rows.setdefault(row_of(entry.name), Row()).add(msgspec.json.decode(value, type=Row))
                    elif value is not None:
                        accounts.append(Named(entry.scope, entry.name, msgspec.json.decode(value, type=Account)))
        finally:
            await log.stop()
        async with reader(settings) as consumer:
            unread, unread_all = await self._unread(consumer, taken_to)
            on_the_way, on_the_way_all = await self._on_the_way(consumer)
        refused = await self._refused()
        return Found(
            rows,
            accounts,
            unread,
            unread_all,
            on_the_way,
            on_the_way_all,
            Counter(refused.values()),
            frozenset(refused),
            lost,
        )

    async def documents(self, since: int) -> AsyncIterator[Document]:
        """All that the topic holds of events since then, in ns; what was sent again by a worker once."""
        seen = Seen()
        async with reader(self._settings) as consumer:
            places = self._places(self._settings.documents_topic)
            ends = await consumer.end_offsets(places)
            at = max(since // 1_000_000 - EARLIER, 0)
            starts = {
                place: found.offset if found is not None else ends[place]
                for place, found in (await consumer.offsets_for_times(dict.fromkeys(places, at))).items()
            }
            async for record in between(consumer, starts, ends):
                if seen.is_new(dict(record.headers).get(SOURCE, b""), record.value):
                    for document in _documents(record):
                        yield document

    async def _unread(
        self, consumer: AIOKafkaConsumer, taken_to: Mapping[TopicPartition, int]
    ) -> tuple[Counter[str], bool]:
        places = self._places(self._settings.events_topic)
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        starts = {place: max(taken_to.get(place, 0), begins[place]) for place in places}
        lines: Counter[str] = Counter()
        async for record in between(consumer, starts, ends, TAIL_SECONDS):
            stated = dict(record.headers).get(LINES)
            held = int(stated) if stated is not None and stated.isdigit() else record.value.count(b"\n") + 1
            lines[scope_name(record.key, record.partition)] += held
        return lines, await _at_end(consumer, starts, ends)

    async def _on_the_way(self, consumer: AIOKafkaConsumer) -> tuple[Minutes, bool]:
        places = self._places(self._settings.documents_topic)
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        starts = {place: max(self._committed.get(place.partition, 0), begins[place]) for place in places}
        minutes: Minutes = Counter()
        async for record in between(consumer, starts, ends, TAIL_SECONDS):
            minutes.update((node, minute) for _, node, minute in _documents(record))
        return minutes, await _at_end(consumer, starts, ends)

    async def _refused(self) -> dict[str, tuple[str, int]]:
        """By id. A letter that was sent back, and has not failed again, is none."""
        found = await letters.read(self._settings, lambda each: each.told.get("stage") == "index" and not each.replays)
        return {letter.id: _place(letter.original, text(letter.told, "key")) for letter in found}

    def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(self._partitions)]


async def _at_end(
    consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> bool:
    behind = [place for place, start in starts.items() if start < ends[place]]
    return all([await consumer.position(place) >= ends[place] for place in behind])


def _documents(record: ConsumerRecord) -> Iterable[Document]:
    key = scope_name(record.key, record.partition)
    for identity, document in identified(record.value):
        node, minute = _place(document, key)
        yield identity, node, minute


def _place(document: bytes, key: str) -> tuple[str, int]:
    """As the row is named in which it was counted."""
    try:
        told: Any = orjson.loads(document)
    except ValueError:
        return key, 0
    time = nanoseconds(text(told, "@timestamp")) or 0
    node = node_of(text(told, "orchestrator.cluster.name"), text(told, "host.name"))
    return node, time - time % MINUTE
