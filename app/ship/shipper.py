"""`tetrastash ship`: a tail, a producer, and a position file between them."""

import asyncio
import contextlib
import logging
import resource
import secrets
import signal
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

from aiokafka.errors import KafkaError

from app.console.health import Board
from app.console.http import routes, serve
from app.console.metrics import Sample, registry
from app.errors import Retry
from app.kafka.quiet import quieten
from app.memory import keep_freed_memory
from app.settings import Settings, host_name
from app.ship.book import Totals
from app.ship.bucket import Bucket
from app.ship.choices import Choices
from app.ship.files import Block
from app.ship.inotify import watching
from app.ship.keeping import Keeping
from app.ship.positions import PositionFile, locked, unusable
from app.ship.producer import Under, reached, sentence
from app.ship.statements import Statements, begin
from app.ship.tail import Tail
from app.ship.watching import Unwatched

log: Final = logging.getLogger(__name__)

# How long a line waits for company, and a rename to be noticed where nothing tells of it. Longer makes larger blocks,
# which are cheaper for the workers, and every event that much later (`python -m bench trickle`).
LOOK_SECONDS: Final = 0.25
# Before a look at what was told of: a rotation is several changes, and there may be many of them.
TOLD_SECONDS: Final = 0.02
TOLD_AT_EASE: Final = 10  # times what the last look took: where a thousand logs are written to it is some milliseconds
TURN_BLOCKS: Final = 4
SILENT_SECONDS: Final = 10.0  # without an acknowledgement, after which a shipper says that it waits
PATIENCE_SECONDS: Final = 30.0  # likewise, after which reading once gives up
ARRIVE_SECONDS: Final = 4.0  # of the ten that an orchestrator grants
STATE_SECONDS: Final = 1.0  # likewise, for a last word
_BACKOFF_SECONDS: Final = (1.0, 2.0, 5.0, 10.0)


async def ship(settings: Settings, paths: Sequence[str], *, once: bool, patience: float = PATIENCE_SECONDS) -> int:
    """The exit status: 1 if a path could not be read, or Kafka took nothing for `patience` seconds of reading once.

    Raises Stop where a person must act first.
    """
    quieten()
    keep_freed_memory()
    _allow_many_files()
    with locked(settings.positions) as positions, _stopped_by_signals() as stop:
        shipper = Shipper(settings, paths, positions, patience=patience if once else None)
        try:
            async with shipper.status_page():
                return await shipper.until(stop)
        finally:
            shipper.close()


class Shipper:
    def __init__(
        self, settings: Settings, paths: Sequence[str], positions: PositionFile, *, patience: float | None
    ) -> None:
        """With `patience` the files are read once, else followed."""
        self.alive = Board()
        self.ready = Board("kafka", "paths")
        self._settings = settings
        self._patience = patience
        self._book = positions.load()
        self._book.id = self._book.id or secrets.token_hex(6)
        begin(self._book, settings.events_topic)
        try:
            positions.save(self._book)
        except OSError as error:
            raise unusable(settings.positions, error) from error
        self._watch_for = watching() if patience is None else Unwatched()
        choices = _choices(settings)
        self._tail = Tail(
            paths,
            self._book,
            node=settings.node,
            host=host_name(),
            once=patience is not None,
            wall=time.time,
            watch=self._watch_for,
            choices=choices,
        )
        self._keeping = Keeping(positions, self._book, self._tail, self.alive)
        self._bucket = Bucket(choices.backfill)
        self._statements = Statements()
        self._looked = asyncio.Event()
        self._under: Under | None = None
        self._arrived = 0  # blocks
        self._arrived_at = time.monotonic()
        self._looking_took = 0.0  # seconds of CPU, when it was done last
        self._said = ("", float("-inf"))

    @contextlib.asynccontextmanager
    async def status_page(self) -> AsyncIterator[None]:
        if self._patience is not None:  # ends by itself, and may run beside one that follows
            yield
            return
        answers = routes(alive=self.alive, ready=self.ready, registry=registry(self._samples))
        async with serve(self._settings.listen_address, answers):
            yield

    async def until(self, stop: asyncio.Event) -> int:
        sending = asyncio.create_task(self._send())
        watching = asyncio.create_task(self._watch())
        stopping = asyncio.create_task(stop.wait())
        synchronizing = asyncio.create_task(self._keeping.synchronize())
        tasks: list[asyncio.Task[int] | asyncio.Task[bool]] = [sending, watching, synchronizing, stopping]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if stopping in done:
            log.info("Stopping: what was sent is waited for")
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        ended = [task.result() for task in (sending, watching, synchronizing) if task in done]
        return max(ended, default=0)

    def close(self) -> None:
        self._keeping.save()
        self._tail.close()
        self._watch_for.close()

    # Reading and sending

    async def _send(self) -> int:
        """Ends if the files are to be read once, else never."""
        failures = 0
        while True:
            arrived = self._arrived
            try:
                async with reached(self._settings) as (producer, partitions):
                    self._reached()
                    self._under = Under(producer, self._settings.events_topic, partitions, self._book.id, self._settle)
                    await self._pump(self._under)
                    return self._status()
            except Retry as error:
                reason = str(error)
            except KafkaError as error:
                reason = sentence(self._settings, error)
            finally:
                self._under = None
                self._tail.rewind()
            if self._arrived > arrived:
                failures = 0
            self._away(reason)
            await asyncio.sleep(_BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)])
            failures += 1

    async def _pump(self, under: Under) -> None:
        self._statements.forget()
        missed = False  # whether what is not there was missed, now that all that is there is known
        try:
            while True:
                await self._state(under)
                more = False
                for tailed in self._tail.awake():
                    # A few blocks each in turn: a busy log does not hold up the others.
                    for _ in range(TURN_BLOCKS):
                        if not self._bucket.is_open(time.monotonic()) and tailed.backfills():
                            break
                        block = tailed.next_block(time.monotonic())
                        if block is None:
                            break
                        if block.position < block.file.backlog:
                            self._bucket.take(block.length)
                        await under.send(block)
                    else:
                        more = True
                under.check()
                if more:
                    continue  # sending has waited, and let others run, whenever enough was under way
                if self._patience is not None and not under.bytes and self._tail.scanned and self._tail.finished():
                    if not missed:
                        missed = True
                        self._tail.look_once_more(time.monotonic())
                        continue
                    await self._state_last(under)
                    return
                self._looked.clear()
                await self._looked.wait()
        except asyncio.CancelledError:
            await under.arrived(ARRIVE_SECONDS)
            await self._state_last(under)
            raise

    async def _state(self, under: Under) -> None:
        under_way = (file for log in self._tail.awake() for file in log.files)
        for key, statement in self._statements.due(self._book, under_way, time.monotonic()):
            await under.state(key, statement)

    async def _state_last(self, under: Under) -> None:
        if not under.bytes:  # else Kafka is away
            self._statements.hurry()
            await self._state(under)
            await under.arrived(STATE_SECONDS)

    def _settle(self, block: Block) -> None:
        self._arrived += 1
        self._arrived_at = time.monotonic()
        self._tail.settle(block)
        self._keeping.soon()

    def _status(self) -> int:
        return 1 if self._tail.problems else 0

    # Looking and telling

    async def _watch(self) -> int:
        """Goes on while sending waits for Kafka: files that are rotated away meanwhile are held open.

        Ends when the files are to be read once, and Kafka takes nothing.
        """
        while True:
            before = time.thread_time()
            self._tail.heed(self._watch_for.changes(), time.monotonic())
            self._tail.look(time.monotonic())
            self._looking_took = time.thread_time() - before
            self._looked.set()
            self._keeping.append()
            self._keeping.save_in_time()
            self._tell()
            if self._patience is not None and time.monotonic() - self._arrived_at > self._patience:
                log.error("Giving up; what was not sent is still on disk, and the next run goes on there")
                return 1
            await self._pause()

    async def _pause(self) -> None:
        """Until it is time to look again; that is at once when the system tells of a rotation."""
        end = time.monotonic() + LOOK_SECONDS
        while (left := end - time.monotonic()) > 0 and await self._watch_for.told(left):
            await asyncio.sleep(min(max(TOLD_SECONDS, TOLD_AT_EASE * self._looking_took), LOOK_SECONDS))
            if self._tail.heed(self._watch_for.changes(), time.monotonic()):
                break

    def _tell(self) -> None:
        problems = self._tail.problems
        self.ready.set("paths", not problems, " ".join(problems.values()))
        if self._under is None or not self._under.bytes:
            return
        silent = time.monotonic() - self._under.moved_at
        if silent < SILENT_SECONDS:
            self.ready.set("kafka", True)
        else:
            self._away(f"Kafka has acknowledged nothing for {SILENT_SECONDS:.0f} s. It is waited for; nothing is lost.")

    def _reached(self) -> None:
        self.ready.set("kafka", True)
        self._said = ("", float("-inf"))
        log.info("Kafka is reached topic=%s servers=%s", self._settings.events_topic, self._settings.kafka)

    def _away(self, reason: str) -> None:
        self.ready.set("kafka", False, reason)
        said, at = self._said
        if reason != said or time.monotonic() - at > 60:
            self._said = (reason, time.monotonic())
            log.warning("%s", reason)

    def _samples(self) -> Iterator[Sample]:
        total = Totals()
        for entry in self._book.logs.values():
            for each in entry.totals.values():
                total.add(each)
        yield Sample("tetrastash_shipped_lines_total", total.lines)
        yield Sample("tetrastash_shipped_bytes_total", total.bytes)
        yield Sample("tetrastash_shipped_blocks_total", total.blocks)
        yield Sample("tetrastash_known_lost_lines_total", total.lost_lines)
        yield Sample("tetrastash_known_lost_files_total", total.lost_files)
        yield Sample("tetrastash_known_lost_bytes_total", total.lost_bytes)
        yield Sample("tetrastash_unread_bytes", self._tail.unread())
        yield Sample("tetrastash_unacknowledged_bytes", self._under.bytes if self._under else 0)
        yield Sample("tetrastash_followed_files", self._tail.open_files())
        yield Sample("tetrastash_unreadable_paths", len(self._tail.problems))


def _choices(settings: Settings) -> Choices:
    return Choices(
        exclude=settings.exclude,
        at_end=settings.start == "end",
        ignore_older=settings.ignore_older,
        close_inactive=settings.close_inactive,
        backfill=None if settings.backfill_rate is None else settings.backfill_rate * 1_000_000,
    )


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for each in signals:
        loop.add_signal_handler(each, stop.set)
    try:
        yield stop
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


def _allow_many_files() -> None:
    """Every file that is followed is held open; the default limit is from a time of small tables."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
