"""What only a running system shows: logs that grow while they are followed, and how soon a document is there."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from app.errors import Stop
from bench.logs import count_lines, write_logs
from bench.recording_proxy import read_record
from bench.rows import Reading, share
from bench.site import Run, Site, ended, listening, null_server, recording_proxy, until

NODES, RATE = 200, 20  # events a second of each node
WARM_UP, WINDOW, SHORT_WINDOW, AFTER = 5, 60, 20, 2  # seconds of writing: before, while, and after it counts
PATIENCE = 15  # seconds for what is still on its way when writing ends
FEW = 1_000  # lines that wait in Kafka when a worker starts


class Lived(NamedTuple):
    """Bytes resident at most, CPU seconds, and seconds from file to stored of each event, the shortest first."""

    worker: int
    shipper: int
    cpu: float
    stored: int
    waited: list[float]
    left: int


def trickle(site: Site) -> Iterator[Reading]:
    lived = _live(site, site.run(), site.elasticsearch.port, WINDOW)
    yield Reading("worker, trickle", lived.worker / 1e6)
    yield Reading("shipper, trickle", lived.shipper / 1e6)
    yield _cost("trickle", lived, WINDOW)
    yield Reading("  file to stored, p50", share(lived.waited, 0.5))
    yield Reading("  file to stored, p99", share(lived.waited, 0.99), note=f"longest {lived.waited[-1]:.2f} s")


def trickle_to_nothing(site: Site) -> Iterator[Reading]:
    """Where Elasticsearch takes so many events only on a larger machine, this is what ours alone does with them."""
    run = site.run()
    with null_server(run) as port:
        lived = _live(site, run, port, SHORT_WINDOW)
    yield _cost("trickle, null server", lived, SHORT_WINDOW)
    yield Reading("  file to answer, p99", share(lived.waited, 0.99), note=f"longest {lived.waited[-1]:.2f} s")


def _live(site: Site, run: Run, port: int, window: int) -> Lived:
    """`port` is of what takes the bulk requests."""
    made = site.folder / "made"
    if not made.exists():
        write_logs(made, NODES, (WARM_UP + WINDOW + AFTER) * RATE)
    live, record = run.folder / "live", run.folder / "record"
    live.mkdir()
    logs = [live / path.name for path in sorted(made.iterdir())]
    for path in logs:
        path.touch()
    with ExitStack() as running:
        url = running.enter_context(recording_proxy(run, port, record))
        worker, _ = running.enter_context(listening(run, "work", elasticsearch=url))
        shipper, _ = running.enter_context(listening(run, "ship", *logs))
        seconds = str(WARM_UP + window + AFTER)
        writer = running.enter_context(ended(run.python("bench.paced_writer", made, live, str(RATE), seconds)))
        until(lambda: logs[-1].stat().st_size > 0, writer, seconds=20, what="it wrote", every=0.01)
        time.sleep(WARM_UP)
        begin, before = time.time_ns(), worker.cpu() + shipper.cpu()
        time.sleep(window)
        end, after = time.time_ns(), worker.cpu() + shipper.cpu()
        writer.finish(60)
        written = count_lines(logs)
        left = _left_after(PATIENCE, record, written)
        resident = worker.memory(), shipper.memory()
        shipper.stop()
        worker.stop()
    at, stored = read_record(record)
    count = sum(begin <= answered < end for answered in stored)
    waited = sorted((answered - time) / 1e9 for time, answered in zip(at, stored, strict=True) if begin <= time < end)
    if not count or not waited:
        raise Stop(f"Of {written:,} events none was stored that was written in the measured time.")
    return Lived(*resident, after - before, count, waited, left)


def _cost(row: str, lived: Lived, window: int) -> Reading:
    # CPU for what is not stored yet counts as well, so a row that is behind says less than it seems to.
    behind = f": behind, {lived.left:,} not stored {PATIENCE} s later" if lived.left else ""
    return Reading(row, lived.cpu / lived.stored * 1e6, note=f"{lived.stored / window:,.0f} events a second{behind}")


def _left_after(seconds: float, record: Path, written: int) -> int:
    """Events that are still not stored when all are, or when that time is over."""
    deadline = time.monotonic() + seconds
    while (left := written - len(read_record(record)[0])) > 0 and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def start(site: Site) -> Iterator[Reading]:
    run = site.run()
    log, record = run.folder / "few.log", run.folder / "record"
    with site.logs[0].open("rb") as lines:
        log.write_bytes(b"".join(next(lines) for _ in range(FEW)))
    run.once("ship", "--once", log, seconds=60)
    with (
        recording_proxy(run, site.elasticsearch.port, record) as url,
        ended(run.tetrastash("work", elasticsearch=url)) as worker,
    ):
        until(lambda: bool(read_record(record)[1]), worker, seconds=60, what="a document was stored")
        first = min(read_record(record)[1])
        yield Reading("first document", (first - worker.began) / 1e9)
        worker.stop()
