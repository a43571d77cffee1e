"""`make bench`: measures what an event costs, and prints a table. No budget fails it; what could not be measured does.

python -m bench [--repeat N] [--write] [GROUP ...], a group of bench.rows; all of them if none is named
"""

import argparse
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, get_args

from app.errors import Stop
from app.local.pipeline import engines
from bench import filters, live, paths, pipeline
from bench.idle import idle
from bench.logs import write_logs
from bench.outage import outage
from bench.report import PAGE, as_markdown, as_text, conditions
from bench.rows import Group, Reading, cells, figures
from bench.site import Site
from bench.sweeping import sweep
from bench.yardstick import Yardstick

NODES, EVENTS = 8, 200_000
MEASURES: Final[Sequence[tuple[Group, Callable[[Site], Iterator[Reading]]]]] = [
    ("ship", filters.ship),
    ("enrich", filters.enrich),
    ("enrich", filters.enrich_story),
    ("paths", paths.classify),
    ("pipeline", pipeline.against_elasticsearch),
    ("pipeline", pipeline.against_nothing),
    ("pipeline", pipeline.stage_by_stage),
    ("scale", pipeline.by_workers),
    ("start", live.start),
    ("trickle", live.trickle),
    ("trickle", live.trickle_to_nothing),
    ("idle", idle),
    ("sweep", sweep),
    ("outage", outage),
]
_SHOW_MEMORY: Final[tuple[Group, ...]] = ("ship", "pipeline", "trickle")


def main() -> None:
    given = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    groups: list[Group] = given.rows or list(get_args(Group))
    try:
        status = bench(groups, given.repeat, write=given.write)
    except KeyboardInterrupt:
        status = 130
    except (Stop, OSError) as error:
        sys.exit(f"bench: {error}")
    sys.exit(status)


def bench(groups: list[Group], repeat: int, *, write: bool) -> int:
    chosen = {*groups, *(_SHOW_MEMORY if "memory" in groups else ())}
    needed = [(group, measure) for group, measure in MEASURES if group in chosen]
    readings: list[Reading] = []
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="tetrastash-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        logs = write_logs(folder / "logs", NODES, EVENTS // NODES)
        size = sum(path.stat().st_size for path in logs)
        yardstick = Yardstick(logs[0])
        print(f"DIR={folder}", file=sys.stderr)
        with engines(folder) as (kafka, elasticsearch):
            site = Site(folder, kafka, elasticsearch, logs, EVENTS)
            if chosen & {"pipeline", "trickle"}:
                pipeline.warm_up(site)
            for _ in range(repeat):
                for group, measure in needed:
                    yardstick.measure()
                    try:
                        for reading in measure(site):
                            print(f"{reading.row.strip()}: {reading.ours:.2f}", file=sys.stderr, flush=True)
                            readings.append(reading)
                            yardstick.measure()
                    except Stop as error:  # the others are measured all the same
                        failures.append(f"{group} could not be measured: {error}")
    rows = cells(figures(readings), groups)
    where = conditions(EVENTS, size, repeat, yardstick.measured)
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    print(f"\n{command}: {where}\n\n{as_text(rows)}")
    if write and not failures:
        PAGE.write_text(as_markdown(rows, command, where), "utf-8")
    for failure in failures:
        print(f"bench: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What an event costs, in CPU time.")
    parser.add_argument("rows", nargs="*", metavar="ROWS", help=f"some of {', '.join(get_args(Group))}; all by default")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="measure N times, and take the median")
    parser.add_argument("--write", action="store_true", help=f"keep the table in {PAGE}")
    given = parser.parse_args()
    unknown = [row for row in given.rows if row not in get_args(Group)]
    if unknown:
        parser.error(f"unknown rows {unknown!r}; expected some of {', '.join(get_args(Group))}")
    if given.write and given.rows:
        parser.error("--write keeps the whole table; expected no rows with it")
    if given.repeat < 1:
        parser.error(f"--repeat is {given.repeat}; expected 1 or more")
    return given


if __name__ == "__main__":
    main()
