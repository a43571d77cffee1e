"""`make demo`: the whole way from log files to Elasticsearch, on this machine, by the same commands that anyone uses.

    python -m app.local.demo [--once] [--json] [--no-browser]

Everything lies in one temporary folder, which goes when the demo ends. The demo itself puts nothing into Kafka or
Elasticsearch: it writes log files, starts `tetrastash setup`, `ship` and `work`, and watches.
"""

import argparse
import asyncio
import contextlib
import gzip
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final, NoReturn

import orjson
from aiokafka.errors import KafkaError
from elasticsearch import ApiError, TransportError
from rich.console import Console

from app.errors import Stop
from app.local import browser
from app.local.books import Books
from app.local.child import Child
from app.local.pipeline import engines, environment_for, run_setup, shipping_and_working
from app.local.ports import HOST, free_ports
from app.local.report import an_execution, as_text, kinds, process_tree
from app.local.screen import Clock, Screen
from app.local.watch import Watch
from app.settings import Settings, read_settings
from examples import processes, story

SAMPLES: Final = Path(processes.__file__).with_name("corpus")
NODES: Final = 8
EVENTS: Final = 20_000
# Of other nodes, so that none has two pasts.
STORY: Final = {"seed": 1, "nodes": 12, "minutes": 10, "rate": 5, "first": NODES + 1}
LIVE: Final = {"seed": 2, "nodes": 4, "minutes": 30, "rate": 10, "first-node": NODES + 13}
LARGEST: Final = 1 << 18  # bytes of a node's log, before it is renamed
ROOM: Final = 1 << 30  # bytes; the logs, Kafka's copy and Elasticsearch's take a third of it


def main() -> None:
    parser = argparse.ArgumentParser(prog="make demo", description="See tetrastash work on this machine.")
    parser.add_argument("--once", action="store_true", help="end when all is stored; exit status 0 if nothing is lost")
    parser.add_argument("--json", action="store_true", help="the books as one line of JSON, the last one on stdout")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        books = demo(given)
    except KeyboardInterrupt:
        # Without --once that is how it is meant to end.
        sys.exit(130 if given.once else 0)
    except (Stop, OSError, KafkaError, ApiError, TransportError) as error:
        sys.exit(f"demo: {error}")
    sys.exit(1 if books.lost else 0)


def demo(given: argparse.Namespace) -> Books:
    screen, clock = Screen(), Clock()
    require_room(Path(tempfile.gettempdir()), ROOM)
    with tempfile.TemporaryDirectory(prefix="tetrastash-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        logs = write_logs(folder / "logs", now=time.time_ns())
        lines = lines_in(folder / "logs")
        screen.say(f"{lines:,} lines in {len(logs)} logs in {folder / 'logs'}")
        with engines(folder) as (kafka, elasticsearch):
            screen.say(f"Kafka and Elasticsearch run after {clock.took('engines')} s")
            environment = environment_for(kafka, elasticsearch, folder)
            screen.say(run_setup(environment))
            listen = f"{HOST}:{free_ports(1)[0]}"
            live = folder / "live"
            followed = (*logs, live / "*" / "tetragon.log")
            with shipping_and_working(environment, followed, folder, listen) as commands:
                children = (kafka, elasticsearch, *commands)
                asked = watch(read_settings(environment), listen, children, lines, screen, clock, given, live)
                return asyncio.run(asked)


def require_room(folder: Path, room: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < room:
        raise Stop(
            f"Folder {str(folder)!r} has {free >> 20} MiB free. Expected {room >> 20} MiB for the demo's data; "
            "free some, or name another folder in TMPDIR."
        )


def write_logs(folder: Path, now: int) -> list[Path]:
    """Each public sample is a log of its own, and so is each generated node. The story ends `now`, in ns since 1970."""
    made = processes.write(folder, seed=1, events=EVENTS, nodes=NODES)
    told = story.story(**STORY, start=now - int(STORY["minutes"] * story.MINUTE))
    made += story.write(folder, told, LARGEST, packs=True)
    return made + [Path(shutil.copy(path, folder / f"{path.stem}.log")) for path in sorted(SAMPLES.iterdir())]


def lines_in(folder: Path) -> int:
    """Those of the logs and of their backups."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(
        (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).count(b"\n")
        for path in files
    )


async def watch(
    settings: Settings,
    listen: str,
    children: Sequence[Child],
    lines: int,
    screen: Screen,
    clock: Clock,
    given: argparse.Namespace,
    live: Path,
) -> Books:
    async with Watch(settings, children) as seen:
        books = await until_stored(seen, lines, screen, clock)
        await show(seen)
        screen.say(f"Elasticsearch: {settings.elasticsearch}/{settings.data_stream}/_search?pretty")
        screen.say(f"The worker:    http://{listen}/readyz and http://{listen}/metrics")
        screen.say(f"The page:      http://{listen}/")
        if given.json:
            summary = {**asdict(books), "lost": books.lost, "seconds": clock.seconds}
            print(orjson.dumps(summary).decode(), flush=True)
        if not given.once:
            screen.say("Commands of your own, from another shell:")
            screen.say(f"  export TETRASTASH_KAFKA={settings.kafka} TETRASTASH_ELASTICSEARCH={settings.elasticsearch}")
            screen.say("  .venv/bin/tetrastash tap documents -o compact")
            if not given.no_browser:
                browser.show(f"http://{listen}/")
            with living(live):
                await follow(seen, books, screen)
        return books


async def until_stored(seen: Watch, lines: int, screen: Screen, clock: Clock) -> Books:
    begun = clock.now()

    def progress(books: Books) -> None:
        if books.documents and "first_document" not in clock.seconds:
            clock.took("first_document", begun)
        screen.progress(books)

    await seen.until_balanced(lines, progress)
    clock.took("stored", begun)
    # Once more, after a while: what is stored twice comes late.
    await asyncio.sleep(1)
    books = await seen.look(lines)
    screen.settled()
    clock.took("total")
    if books.lost:
        screen.say(f"{books.lost:,} of {lines:,} lines are neither stored nor rejected, and nothing changes any more.")
    return books


async def show(seen: Watch) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    documents = await seen.of_node("node-01")
    console.print(kinds(await seen.count_by_event()))
    if (document := an_execution(documents)) is not None:
        console.print("\nOne document:", as_text(document), sep="\n")
    if (tree := process_tree(documents)) is not None:
        console.print("\nOne process tree:", tree, sep="\n")
    console.print()


@contextlib.contextmanager
def living(folder: Path) -> Iterator[None]:
    """A few more nodes, whose lines come when their time has come."""
    options = [f"--{name}={value}" for name, value in LIVE.items()]
    nodes = Child("python -m examples.story --live", folder.with_name("live.log"))
    nodes.launch([sys.executable, "-m", "examples.story", "--live", *options, "--out", folder], folder.exists)
    try:
        yield
    finally:
        nodes.stop()


async def follow(seen: Watch, books: Books, screen: Screen) -> NoReturn:
    screen.say(f"{LIVE['nodes']} more nodes write their logs now, {LIVE['rate']} lines a second; Ctrl-C ends it.")
    while True:
        before, books = books, await seen.look(books.lines)
        if books.documents != before.documents:
            screen.say(f"{books.documents:,} documents")
        await asyncio.sleep(1)


if __name__ == "__main__":
    main()
