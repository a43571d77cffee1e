"""The enrich stage: blocks of lines in, blocks of documents out, and a checkpoint every few seconds."""

import asyncio
import logging
from collections.abc import Callable, Container, Generator, Iterable, Mapping
from typing import Final, Protocol

import msgspec
from aiokafka.errors import KafkaError

from app.enrich.blocks import Enriched
from app.enrich.memory import Memory
from app.errors import Retry
from app.settings import Settings
from app.stream.arrival import arrive
from app.stream.attempts import DEATHS, KEY, at_line, begin, decode, survived
from app.stream.books import NodeBook, books
from app.stream.checkpoint_log import Found
from app.stream.consumer import Fetched
from app.stream.counts import Counts
from app.stream.hold import Hold
from app.stream.outbox import Acknowledgement, acknowledged
from app.stream.owned import Owned
from app.stream.parts import REAL, Parts
from schemas.record import DOCUMENTS, FORMAT, FORMAT_VERSION, SOURCE, Record

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS: Final = 5.0
CHECKPOINT_BYTES: Final = 4 * 2**20
TICK_SECONDS: Final = 0.25
YIELD_SECONDS: Final = 0.005  # of enriching at a stretch; to let others run after each small block costs more than it
MAX_KNOWN_FAILURES: Final = 1000
CAREFUL_SECONDS: Final = 60.0  # more than what lies between two checkpoints takes
ATTEMPT_SECONDS: Final = 5.0

_encode = msgspec.json.Encoder().encode


class Enrich(Protocol):
    """Lines to documents; app.enrich.pipeline.Pipeline is one."""

    def enrich(self, memory: Memory, record: Record) -> Enriched: ...

    def steps(self, memory: Memory, record: Record, given_up: Container[int]) -> Generator[int, None, Enriched]: ...


class Enriching:
    """A stage of app.stream.consumer."""

    def __init__(
        self,
        settings: Settings,
        pipeline: Enrich,
        topic_id: str,
        counts: Counts,
        health: Callable[[str, bool, str], None],
        parts: Parts = REAL,
    ) -> None:
        self.counts = counts
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.feed = parts.feed(settings, settings.enrich_group, settings.events_topic, self)
        self._settings = settings
        self._pipeline = pipeline
        self._topic_id = topic_id
        self._outbox = parts.outbox(settings)
        self._log = parts.checkpoints(settings)
        self._owned: dict[int, Owned] = {}
        self._writer = parts.name()
        self._clock = parts.clock
        self._recovering = asyncio.Lock()
        self._yield_at = 0.0
        self._health = health
        self._hold = Hold("enrich", settings.rejected_share, health)
        self._known_failures: set[tuple[str, str, str]] = set()

    async def open(self) -> None:
        """Waits for Kafka."""
        await self._outbox.start()

    async def start_at(self, partitions: set[int], generation: int) -> Mapping[int, int]:
        for number in set(self._owned) - partitions:
            self._owned.pop(number).position.revoke()
        beginnings = await self.feed.beginnings(partitions)
        anew = partitions - set(self._owned)
        starts = {number: await self._restore(number, generation, beginnings[number]) for number in sorted(partitions)}
        await self._begin(self._owned[number] for number in sorted(anew))
        self._health("enrich", True, "")
        log.info("enriching partitions=%s generation=%s", sorted(partitions), generation)
        return starts

    async def deliver(self, partition: int, generation: int, fetched: Fetched) -> None:
        owned = self._owned.get(partition)
        if owned is None or owned.broken:
            self.counts.stale += 1
            return
        try:
            await self._process(owned, generation, fetched)
        except KafkaError as error:
            await self._recover(owned, error)

    async def revoke(self, partitions: set[int]) -> None:
        """A last checkpoint, within a third of the session time-out: later, the group would not wait for it."""
        mine = [owned for number, owned in self._owned.items() if number in partitions]
        for owned in mine:
            owned.leaving = True
        await self._finish(mine, self._settings.session_timeout / 3)
        for owned in mine:
            owned.position.revoke()

    def fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)

    async def run(self) -> None:
        """Checkpoints when they are due, commits until they stand; never returns."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            for owned in list(self._owned.values()):
                now = self._clock()
                if self._due(owned, now):
                    await self._try_checkpoint(owned)
                if 0 < owned.careful_until < now and not owned.processing.locked():
                    await self._relax(owned)
            await self._commit()

    async def close(self, seconds: float) -> None:
        """The last checkpoints; afterwards nothing is taken any more."""
        for owned in self._owned.values():
            owned.leaving = True
        await self._finish(list(self._owned.values()), seconds)
        await self._commit()
        for owned in self._owned.values():
            owned.position.revoke()

    async def disconnect(self) -> None:
        await self._outbox.stop()
        await self._log.stop()

    async def watch_lag(self) -> None:
        """Refresh counts.lag: records between what was processed and the end of each partition."""
        owned = dict(self._owned)
        ends = await self.feed.ends(set(owned)) if owned else {}
        self.counts.lag = {part: max(0, ends[part] - each.position.due) for part, each in owned.items()}

    def books(self, now: int) -> list[NodeBook]:
        """`now` in ms since 1970."""
        return sorted(books((owned.memory for owned in self._owned.values()), now), key=lambda book: book.node)

    async def _process(self, owned: Owned, generation: int, fetched: Fetched) -> None:
        position = owned.position
        async with owned.processing:
            taken = await arrive(self.feed, owned.number, position, generation, fetched, self.counts)
            if taken is None:
                return
            if taken.lost:
                owned.counters["lost_records"] = owned.counters.get("lost_records", 0) + taken.lost
        for record in fetched.records[taken.first :]:
            # Between two records a checkpoint may be taken, or the partition given away.
            if self._hold.on:
                await self._hold.wait(lambda: position.owned(generation) and not (owned.leaving or owned.broken))
            async with owned.processing:
                if owned.leaving or owned.broken or not position.owned(generation):
                    self.counts.stale += 1
                    return
                await self._enrich(owned, record)
            if owned.careful_until:
                await self._checkpoint(owned)

    async def _enrich(self, owned: Owned, record: Record) -> None:
        owned.torn = True
        if owned.careful_until and owned.position.due == owned.attempt.due:
            enriched = await self._line_by_line(owned, record)
        else:
            enriched = self._pipeline.enrich(owned.memory, record)
        for value, documents in enriched.blocks:
            headers = [
                (FORMAT, FORMAT_VERSION),
                (DOCUMENTS, b"%d" % documents),
                (SOURCE, b"%d:%d" % (record.partition, record.offset)),
            ]
            owned.waiting.append(
                await self._outbox.send(
                    self._settings.documents_topic, value, record.key, record.partition, record.timestamp, headers
                )
            )
            self.counts.documents += documents
        for rejection in enriched.rejections:
            letter, key = _encode(rejection.wire()), rejection.id.encode()
            owned.waiting.append(await self._outbox.send(self._settings.rejected_topic, letter, key, record.partition))
            self.counts.reject(rejection.reason)
        dropped = enriched.counters.get("dropped", 0)
        # What nobody wants says nothing of whether the rest can be used.
        self._hold.count(enriched.counters.get("lines", 0) - dropped, enriched.rejections)
        for name, number in enriched.counters.items():
            owned.counters[name] = owned.counters.get(name, 0) + number
        self._report_failures(enriched)
        self.counts.delivered += 1
        self.counts.lines += enriched.counters.get("lines", 0)
        if dropped:
            self.counts.drop(enriched.counters)
        self.counts.resent += enriched.counters.get("resent", 0)
        self.counts.agent_errors += enriched.counters.get("agent_errors", 0)
        self.counts.aliases += enriched.counters.get("aliases", 0)
        self.counts.late_parents += enriched.counters.get("late_parents", 0)
        owned.position.processed(record.offset)
        self.counts.taken[owned.number] = record.timestamp
        owned.torn = False
        if self._clock() >= self._yield_at:
            await asyncio.sleep(0)
            self._yield_at = self._clock() + YIELD_SECONDS

    async def _line_by_line(self, owned: Owned, record: Record) -> Enriched:
        """Each line is written down before it is processed. Raises KafkaError."""
        if owned.attempt.given_up:
            log.error(
                "the process ended %s times at each of these lines, which become dead letters "
                "partition=%s offset=%s lines=%s", DEATHS, owned.number, record.offset, owned.attempt.given_up,
            )  # fmt: skip
        steps = self._pipeline.steps(owned.memory, record, owned.attempt.given_up)
        while True:
            try:
                line = next(steps)
            except StopIteration as done:
                enriched: Enriched = done.value
                return enriched
            owned.attempt = at_line(owned.attempt, line)
            await acknowledged([await self._write_attempt(owned)])

    def _report_failures(self, enriched: Enriched) -> None:
        """Each distinct error of an agent once: of a thousand alike, one is enough to mend it."""
        for failure in enriched.failures:
            known = (failure.agent, failure.type, failure.text)
            if known not in self._known_failures and len(self._known_failures) < MAX_KNOWN_FAILURES:
                self._known_failures.add(known)
                log.error(
                    "an agent raised; its fields are missing, the document is not agent=%s error=%s: %s exec_id=%s",
                    failure.agent, failure.type, failure.text, failure.exec_id,
                )  # fmt: skip

    def _due(self, owned: Owned, now: float) -> bool:
        if owned.broken or owned.leaving or owned.position.due == owned.history.upto:
            return False
        return now - owned.checkpointed_at >= CHECKPOINT_SECONDS or owned.memory.changed_bytes >= CHECKPOINT_BYTES

    async def _finish(self, owned: Iterable[Owned], seconds: float) -> None:
        unfinished = [each for each in owned if not each.broken]
        if unfinished:
            results = await asyncio.gather(*(self._leave(each, seconds) for each in unfinished), return_exceptions=True)
            for error in results:
                if isinstance(error, BaseException):
                    log.warning("left a partition without a last checkpoint; it will be replayed reason=%r", error)

    async def _leave(self, owned: Owned, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            if owned.position.due != owned.history.upto:
                await self._checkpoint(owned)
            elif owned.attempt.starts and owned.position.due == owned.attempt.due and not owned.torn:
                owned.attempt = survived(owned.position.due)
                await acknowledged([await self._write_attempt(owned)])

    async def _try_checkpoint(self, owned: Owned) -> None:
        try:
            await self._checkpoint(owned)
        except KafkaError as error:
            await self._recover(owned, error)

    async def _checkpoint(self, owned: Owned) -> None:
        """One record, written only after every document before it is acknowledged. Raises KafkaError."""
        async with owned.checkpointing:
            async with owned.processing:
                if owned.torn or owned.broken or owned.position.due == owned.history.upto:
                    return
                planned = owned.history.plan(
                    owned.position.due, owned.memory.drain(), owned.counters, self._topic_id, owned.memory.encode
                )
                before = list(owned.waiting)
            try:
                await acknowledged(before)
                del owned.waiting[: len(before)]
                topic = self._settings.checkpoints_topic
                sent = await self._outbox.send(topic, _encode(planned.checkpoint), planned.key, owned.number)
                owned.waiting.insert(0, sent)
                await acknowledged([sent])
                owned.waiting.remove(sent)
            except BaseException:
                owned.broken = True  # what was drained is in no list of changes any more
                raise
            owned.history.written(planned)
            owned.checkpointed_at = self._clock()
            self.counts.checkpoints += 1
            self.counts.cleaned += len(planned.dropped)
            for key in planned.dropped:
                # Not waited for: a record that stays is found at the next restore, and dropped then.
                await self._outbox.send(topic, None, key, owned.number)

    async def _restore(self, number: int, generation: int, beginning: int) -> int:
        """Take over a partition; the offset that is due."""
        owned = self._owned.get(number)
        if owned is not None and owned.at_its_checkpoint():
            newer = await self._read(number, owned.read_to)
            owned.read_to = newer.read_to
            upto = owned.history.upto
            checkpoints = newer.checkpoints.values()
            if owned.at_its_checkpoint() and all(each is None or each.upto <= upto for each in checkpoints):
                self.counts.kept += 1
                owned.position.assign(generation, owned.position.due)
                owned.leaving = False
                return owned.position.due
        fresh = await self._made_anew(number, owned, beginning)
        self._put(fresh, generation)
        return fresh.position.due

    async def _made_anew(self, number: int, before: Owned | None, beginning: int) -> Owned:
        """As its checkpoints have it, and of no generation yet."""
        found = await self._read(number, 0)
        fresh = Owned(number, self._writer)
        fresh.restore(found, beginning, self.feed.topic, self._topic_id)
        fresh.checkpointed_at = self._clock()
        if before is None:
            fresh.attempt = begin(decode(found.others.get(KEY)), fresh.position.due)
            fresh.careful_until = fresh.checkpointed_at + CAREFUL_SECONDS if fresh.attempt.careful else 0.0
        else:  # nobody died
            fresh.attempt, fresh.careful_until = before.attempt, before.careful_until
        return fresh

    def _put(self, fresh: Owned, generation: int) -> None:
        fresh.position.assign(generation, fresh.position.due)
        self._owned[fresh.number] = fresh
        self.counts.restores += 1

    async def _begin(self, anew: Iterable[Owned]) -> None:
        """What is tried is written down for whoever comes after a death; without it, one death is not counted."""
        anew = list(anew)
        for owned in anew:
            if owned.attempt.careful:
                log.warning(
                    "the worker ended again and again before it came further; taking record after record partition=%s "
                    "offset=%s starts=%s", owned.number, owned.attempt.due, owned.attempt.starts,
                )  # fmt: skip
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await acknowledged([await self._write_attempt(owned) for owned in anew])
        except (KafkaError, TimeoutError) as error:
            log.warning("this start is not counted reason=%r", error)

    async def _relax(self, owned: Owned) -> None:
        owned.careful_until = 0.0
        owned.attempt = survived(owned.position.due)
        try:
            await self._write_attempt(owned)
        except KafkaError as error:
            await self._recover(owned, error)

    async def _write_attempt(self, owned: Owned) -> Acknowledgement:
        return await self._outbox.send(self._settings.checkpoints_topic, _encode(owned.attempt), KEY, owned.number)

    async def _read(self, number: int, start: int) -> Found:
        while True:
            try:
                return await self._log.read(number, start)
            except (KafkaError, Retry, OSError) as error:
                log.warning("waiting for the checkpoints partition=%s reason=%r", number, error)
                await self._log.stop()
                await asyncio.sleep(1)

    async def _recover(self, harmed: Owned, error: KafkaError) -> None:
        """A send failed: what was made since the checkpoints is made again, with a new producer."""
        harmed.broken = True
        if self._recovering.locked():
            return  # whoever holds it sees that this one is broken
        async with self._recovering:
            while True:
                self.counts.failures += 1
                log.warning("sending to Kafka failed; going back to the last checkpoints reason=%r", error)
                for owned in self._owned.values():
                    owned.broken = True
                await self._outbox.renew()
                for owned in self._to_be_mended():
                    await self._mend(owned)
                if not self._to_be_mended():
                    return

    def _to_be_mended(self) -> list[Owned]:
        return [owned for owned in self._owned.values() if owned.broken and not self._is_going(owned)]

    def _is_going(self, owned: Owned) -> bool:
        """A new generation takes over from the checkpoints by itself."""
        position = owned.position
        return owned.leaving or self._owned.get(owned.number) is not owned or not position.owned(position.generation)

    async def _mend(self, owned: Owned) -> None:
        number, generation = owned.number, owned.position.generation
        beginning = (await self.feed.beginnings({number}))[number]
        fresh = await self._made_anew(number, owned, beginning)
        if not self._is_going(owned) and owned.position.owned(generation):
            self._put(fresh, generation)
            await self.feed.rewind(number, fresh.position.due)

    async def _commit(self) -> None:
        """For lag monitors only; repeated until it stands, for a commit that a rebalance refuses comes never back."""
        offsets = {
            number: owned.history.upto
            for number, owned in self._owned.items()
            if owned.history.upto != owned.committed and owned.position.owned(owned.position.generation)
        }
        if offsets and await self.feed.commit(offsets):
            for number, offset in offsets.items():
                if number in self._owned:
                    self._owned[number].committed = offset
