"""`tetrastash work`: both stages in one process, or one of them."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, Final, Protocol

import faust
from aiokafka.errors import KafkaError

from app.stream.counts import Counts
from app.stream.feed import Feed

log = logging.getLogger(__name__)

# Of the ten seconds that an orchestrator grants: for the last checkpoints, then for leaving the groups.
CLOSE_SECONDS: Final = 3.5
LEAVE_SECONDS: Final = 2.5
LAG_SECONDS: Final = 2.0


class Running(Protocol):
    """A stage with a life. `failed` never has a result, only an exception."""

    feed: Feed
    counts: Counts
    failed: asyncio.Future[None]

    async def open(self) -> None: ...

    async def run(self) -> None: ...

    async def watch_lag(self) -> None: ...

    async def close(self, seconds: float) -> None: ...

    async def disconnect(self) -> None: ...


async def run_stages(stages: Sequence[Running], stopping: asyncio.Event, watching: Coroutine[Any, Any, None]) -> None:
    """Until `stopping` is set. Raises what ended a stage, or `watching`; app.errors.Stop says what a person must do."""
    stop: asyncio.Future[Any] = asyncio.ensure_future(stopping.wait())
    tasks: list[asyncio.Future[Any]] = [stop, asyncio.ensure_future(watching)]
    try:
        opening: asyncio.Future[Any] = asyncio.gather(*(stage.open() for stage in stages))
        await asyncio.wait([opening, stop], return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            opening.cancel()
            return
        opening.result()
        for stage in stages:
            tasks += [asyncio.ensure_future(each) for each in (_serve(stage.feed.app), stage.run(), _watch_lag(stage))]
            tasks.append(stage.failed)
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        began = time.monotonic()
        await asyncio.gather(*(_leave(stage) for stage in stages))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        log.info("left seconds=%.1f", time.monotonic() - began)


async def _serve(app: faust.App) -> None:
    await app.start()
    await app.wait_until_stopped()
    if app.crash_reason is not None:
        raise app.crash_reason


async def _watch_lag(stage: Running) -> None:
    while True:
        await asyncio.sleep(LAG_SECONDS)
        with contextlib.suppress(KafkaError):  # the gauge keeps its last value while Kafka is away
            await stage.watch_lag()


async def _leave(stage: Running) -> None:
    await _within(CLOSE_SECONDS + 0.5, stage.close(CLOSE_SECONDS), "the last checkpoints")
    await _within(LEAVE_SECONDS, stage.feed.app.stop(), "leaving the group")
    await _within(LEAVE_SECONDS, stage.disconnect(), "closing the connections")


async def _within(seconds: float, leaving: Awaitable[Any], what: str) -> None:
    try:
        await asyncio.wait_for(leaving, seconds)
    except Exception as error:  # noqa: BLE001 - whatever it is, the process ends, and the next one replays
        log.warning("left without finishing what=%s reason=%r", what, error)
