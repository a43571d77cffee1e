"""`tetrastash enrich`: the pipeline as a Unix filter, without Kafka. What it prints is what a worker would store."""

import contextlib
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO

import orjson

from app.enrich.blocks import documents_of
from app.enrich.drops.file import load_rules
from app.enrich.drops.rules import Rules
from app.enrich.drops.told import of_line, of_rules
from app.enrich.inputs import records
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from app.errors import Stop
from app.read.escape import visible
from app.settings import Settings
from app.stdout import until_closed
from schemas.rejection import Rejection

log = logging.getLogger(__name__)


def run(
    files: Sequence[str],
    *,
    rejected: str | None,
    settings: Settings,
    explain_drops: bool = False,
    present: Callable[[Iterable[bytes]], bytes] = b"".join,
) -> int:
    """The exit status. `present` makes of documents, each with its line end, what is printed.

    Raises Stop for a file that cannot be read or written, for a bad agent and for bad rules.
    """
    rules = load_rules(settings.drops)
    if rules is None and explain_drops:
        raise Stop("--explain-drops has no drops to explain. Expected --drops FILE, or TETRASTASH_DROPS.")
    pipeline = Pipeline(
        load_agents(settings.agents), original=settings.event_original, drops=rules, explain=explain_drops
    )
    total: Counter[str] = Counter(lines=0, documents=0, rejected=0, agent_errors=0)
    kept: Counter[str] = Counter()
    with until_closed():
        with _letters(rejected) as letters:
            _filter(pipeline, files, settings, letters, total, kept, present)
        sys.stderr.write(_summary(total, kept, rules))
    return 0


def _summary(total: Counter[str], kept: Counter[str], rules: Rules | None) -> str:
    shown = {name: number for name, number in total.items() if not name.startswith("dropped")}
    if rules is not None:
        shown["dropped"] = total["dropped"]
    told = "enriched " + " ".join(f"{name}={number}" for name, number in shown.items()) + "\n"
    return told + "".join(of_rules(rules, total, kept)) if rules is not None else told


def _filter(
    pipeline: Pipeline,
    files: Sequence[str],
    settings: Settings,
    letters: IO[bytes],
    total: Counter[str],
    kept: Counter[str],
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
            letters.write(_line(rejection, terminal=letters.isatty()))
        if enriched.rejections:
            letters.flush()
        if enriched.dropped:
            sys.stderr.buffer.write(b"".join(map(of_line, enriched.dropped)))
            sys.stderr.buffer.flush()
        for failure in enriched.failures:
            alike = (failure.agent, failure.type, failure.text)
            if alike not in told:
                told.add(alike)
                log.warning("agent failed agent=%s error=%s text=%r exec_id=%s", *alike, failure.exec_id)
        total.update(enriched.counters)
        kept.update(enriched.kept)
        memory.settle()


def _line(rejection: Rejection, *, terminal: bool) -> bytes:
    line = orjson.dumps(rejection.wire(), option=orjson.OPT_APPEND_NEWLINE)
    return visible(line[:-1].decode()).encode() + b"\n" if terminal else line


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
