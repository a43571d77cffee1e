"""What only a running system shows: logs that grow while they are followed, and how soon a document is there."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from app.errors import Stop
from bench.logs import count_lines, write_logs
from bench.recording_proxy import read_record
from bench.rows import Reading, share
from bench.site import Site, ended, listening, recording_proxy, until

NODES, RATE = 200, 20  # events a second of each node
WARM_UP, WINDOW, AFTER = 5, 60, 2  # seconds of writing: before, while, and after it counts
PATIENCE = 30  # seconds for what is still on its way when writing ends
FEW = 1_000  # lines that wait in Kafka when a worker starts


def trickle(site: Site) -> Iterator[Reading]:
    made = site.folder / "made"
    if not made.exists():
        write_logs(made, NODES, (WARM_UP + WINDOW + AFTER) * RATE)
    run = site.run()
    live, record = run.folder / "live", run.folder / "record"
    live.mkdir()
    logs = [live / path.name for path in sorted(made.iterdir())]
    for path in logs:
        path.touch()
    with ExitStack() as running:
        url = running.enter_context(recording_proxy(run, record))
        worker, _ = running.enter_context(listening(run, "work", elasticsearch=url))
        shipper, _ = running.enter_context(listening(run, "ship", *logs))
        seconds = str(WARM_UP + WINDOW + AFTER)
        writer = running.enter_context(ended(run.python("bench.paced_writer", made, live, str(RATE), seconds)))
        until(lambda: logs[-1].stat().st_size > 0, writer, seconds=20, what="it wrote", every=0.01)
        time.sleep(WARM_UP)
        begin, before = time.time_ns(), worker.cpu() + shipper.cpu()
        time.sleep(WINDOW)
        end, after = time.time_ns(), worker.cpu() + shipper.cpu()
        writer.finish(60)
        written = count_lines(logs)
        left = _left_after(PATIENCE, record, written)
        worker.require_running()
        shipper.require_running()
        yield Reading("worker, trickle", worker.memory() / 1e6)
        yield Reading("shipper, trickle", shipper.memory() / 1e6)
        shipper.stop()
        worker.stop()
    at, stored = read_record(record)
    count = sum(begin <= answered < end for answered in stored)
    waited = sorted((after - time) / 1e9 for time, after in zip(at, stored, strict=True) if begin <= time < end)
    if not count or not waited:
        raise Stop(f"Of {written:,} events none was stored that was written in the measured time.")
    # CPU for what is not stored yet counts as well, so a row that is behind says less than it seems to.
    behind = f": behind, {left:,} of {written:,} not stored {PATIENCE} s later" if left else ""
    yield Reading("trickle", (after - before) / count * 1e6, note=f"{count / WINDOW:,.0f} events a second{behind}")
    yield Reading("  file to stored, p50", share(waited, 0.5))
    yield Reading("  file to stored, p99", share(waited, 0.99), note=f"longest {waited[-1]:.2f} s")


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
    with recording_proxy(run, record) as url, ended(run.tetrastash("work", elasticsearch=url)) as worker:
        until(lambda: bool(read_record(record)[1]), worker, seconds=60, what="a document was stored")
        first = min(read_record(record)[1])
        yield Reading("first document", (first - worker.began) / 1e9)
        worker.stop()
