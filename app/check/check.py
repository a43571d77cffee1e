"""`tetrastash check`: everything at once, each with a limit, told in one order."""

import asyncio
import contextlib
import logging
import os
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.check.clear import clear_findings
from app.check.contents import content_findings
from app.check.finding import Finding, has_failed, json_of, skipped, text_of
from app.check.here import agents_findings, drops_findings, listen_finding, positions_finding, settings_finding
from app.check.logs import DEFAULT, PART, log_findings, looking, samples
from app.check.policy_files import policy_findings
from app.check.seen import Seen, count, events_in
from app.check.tls_files import tls_findings
from app.kafka.rights import Command
from app.read.paint import takes_colour
from app.settings import Settings
from app.stdout import until_closed

_QUIET = ("aiokafka", "elastic_transport", "asyncio", "app.ship")  # what they would tell is told here, in sentences


@dataclass(frozen=True, slots=True)
class Wanted:
    paths: Sequence[str] = ()
    policies: Sequence[str] = ()
    commands: frozenset[Command] = frozenset(("ship", "work"))
    offline: bool = False


def check(wanted: Wanted, *, as_json: bool, environment: Mapping[str, str] = os.environ) -> int:
    """The exit status: 1 if something has failed."""
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    runner = asyncio.Runner()
    with contextlib.redirect_stdout(sys.stderr):  # an agent of the user's may print when it is loaded
        found = runner.run(findings(wanted, environment))
    status = int(has_failed(found))
    _write(json_of(found) if as_json else _text(found, environment))
    if threading.active_count() > 1:
        os._exit(status)  # a name that does not resolve holds a thread for longer than anyone waits
    runner.close()
    return status


def _write(told: bytes) -> None:
    """To a pipe that nobody reads on, too: the exit status is what counts then."""
    with until_closed():
        sys.stdout.buffer.write(told)
        sys.stdout.buffer.flush()


async def findings(wanted: Wanted, environment: Mapping[str, str]) -> list[Finding]:
    settings, first = settings_finding(environment)
    here = asyncio.to_thread(lambda: list(_here(wanted, settings)))
    if settings is None:
        return [first, *await here, skipped("kafka, elasticsearch", "not looked at, for want of settings")]
    if wanted.offline:
        return [first, *await here, skipped("kafka, elasticsearch", "not looked at, offline")]
    found, kafka, elasticsearch = await asyncio.gather(
        here, _kafka(settings, wanted.commands), _elasticsearch(settings, wanted.commands)
    )
    return [first, *found, *kafka, *elasticsearch]


async def _kafka(settings: Settings, commands: frozenset[Command]) -> list[Finding]:
    from app.check.kafka import kafka_findings

    return await kafka_findings(settings, commands)


async def _elasticsearch(settings: Settings, commands: frozenset[Command]) -> list[Finding]:
    if "work" not in commands:
        return []
    from app.check.elasticsearch import elasticsearch_findings

    return await elasticsearch_findings(settings)


def _here(wanted: Wanted, settings: Settings | None) -> Iterator[Finding]:
    paths = list(wanted.paths)
    ships = "ship" in wanted.commands
    if ships and not paths and os.path.lexists(DEFAULT):
        paths = [DEFAULT]
    if settings is not None:
        yield from tls_findings(settings, datetime.now(UTC))
        yield from clear_findings(settings)
        yield listen_finding(settings)
        if ships:
            finding = positions_finding(settings)
            # Without a log nobody ships from here, unless --only says so.
            needed = paths or "work" not in wanted.commands
            yield finding if needed or finding.status == "ok" else finding._replace(status="warning")
        if "work" in wanted.commands:
            yield from agents_findings(settings)
            yield from drops_findings(settings)
    yield from policy_findings(wanted.policies)
    if paths:
        yield from _logs(paths)
    elif ships:
        yield skipped("log", f"none named, and {DEFAULT} is not there")


def _logs(paths: Sequence[str]) -> Iterator[Finding]:
    with looking(paths) as tail:
        yield from log_findings(tail)
        seen = Seen()
        files, cut = 0, False
        for sample in samples(tail):
            files += 1
            cut = cut or sample.cut
            count(events_in(sample.data.splitlines(), seen), seen)
        if files:
            of = "1 file" if files == 1 else f"{files:,} files"
            yield from content_findings(seen, f"the newest {PART >> 20} MiB of each of {of}" if cut else of)


def _text(found: Sequence[Finding], environment: Mapping[str, str]) -> bytes:
    terminal = sys.stdout.isatty()
    colour = takes_colour(environment, terminal=terminal)
    width = shutil.get_terminal_size().columns if terminal else None
    encoding = sys.stdout.encoding or "utf-8"
    return text_of(found, encoding=encoding, colour=colour, width=width).encode(encoding, "backslashreplace")
