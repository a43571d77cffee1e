"""`tetrastash enrich`: the pipeline as a Unix filter, without Kafka. What it prints is what a worker would store."""

import contextlib
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO

import orjson

from app.enrich.blocks import documents_of
from app.enrich.inputs import records
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from app.errors import Stop
from app.settings import Settings
from app.stdout import until_closed

log = logging.getLogger(__name__)


def run(
    files: Sequence[str],
    *,
    rejected: str | None,
    settings: Settings,
    present: Callable[[Iterable[bytes]], bytes] = b"".join,
) -> int:
    """The exit status. `present` makes of documents, each with its line end, what is printed.

    Raises Stop for a file that cannot be read or written, and for a bad agent.
    """
    pipeline = Pipeline(load_agents(settings.agents), original=settings.event_original)
    total: Counter[str] = Counter(lines=0, documents=0, rejected=0, agent_errors=0)
    with until_closed():
        with _letters(rejected) as letters:
            _filter(pipeline, files, settings, letters, total, present)
        sys.stderr.write("enriched " + " ".join(f"{name}={number}" for name, number in total.items()) + "\n")
    return 0


def _filter(
    pipeline: Pipeline,
    files: Sequence[str],
    settings: Settings,
    letters: IO[bytes],
    total: Counter[str],
    present: Callable[[Iterable[bytes]], bytes],
) -> None:
    memory = Memory()
    told: set[tuple[str, str, str]] = set()
    for record in records(files, settings):
        enriched = pipeline.enrich(memory, record)
        for block, _ in enriched.blocks:
            sys.stdout.buffer.write(present(documents_of(block)))
        sys.stdout.buffer.flush()
        for rejection in enriched.rejections:
            letters.write(orjson.dumps(rejection.wire(), option=orjson.OPT_APPEND_NEWLINE))
        if enriched.rejections:
            letters.flush()
        for failure in enriched.failures:
            alike = (failure.agent, failure.type, failure.text)
            if alike not in told:
                told.add(alike)
                log.warning("agent failed agent=%s error=%s text=%r exec_id=%s", *alike, failure.exec_id)
        total.update(enriched.counters)
        memory.settle()


@contextlib.contextmanager
def _letters(file: str | None) -> Iterator[IO[bytes]]:
    if file is None:
        yield sys.stderr.buffer
        return
    try:
        opened = open(file, "wb")  # noqa: SIM115 - closed below; an error of the body is not one of opening
    except OSError as error:
        raise Stop(f"File {file!r} for rejections cannot be written: {error.strerror}. Expected a new file.") from error
    with opened:
        yield opened
