"""Minutes without Elasticsearch, while events go on: what is held in memory meanwhile, and how soon all is stored."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from app.local.ports import HOST, free_ports
from bench.logs import write_logs
from bench.rows import Reading
from bench.site import Site, ended, listening, null_server, taken, until

NODES, RATE = 200, 25  # events a second of each node
LINES = 1_500  # made for each node; the writer begins again when it has written them
OUTAGE, LONGEST = 600, 900  # seconds: without Elasticsearch, and what catching up may take
BEHIND = 2  # seconds of events that are always on their way


def outage(site: Site) -> Iterator[Reading]:
    run = site.run()
    made, live = run.folder / "made", run.folder / "live"
    sources = write_logs(made, NODES, LINES)
    live.mkdir()
    logs = [live / path.name for path in sources]
    for path in logs:
        path.touch()
    [port] = free_ports(1)
    with ExitStack() as running:
        with null_server(run, port):  # a worker that has never seen Elasticsearch is not ready
            worker, _ = running.enter_context(listening(run, "work", elasticsearch=f"http://{HOST}:{port}"))
        shipper, _ = running.enter_context(listening(run, "ship", *logs))
        writing = run.python("bench.paced_writer", made, live, str(RATE), str(OUTAGE + LONGEST))
        writer = running.enter_context(ended(writing))
        time.sleep(OUTAGE)
        yield Reading("worker, outage", worker.memory() / 1e6)
        yield Reading("shipper, outage", shipper.memory() / 1e6)
        running.enter_context(null_server(run, port))
        began = time.monotonic()
        written, on_its_way = _Written(logs), NODES * RATE * BEHIND
        until(lambda: taken(port) >= written.lines() - on_its_way, worker, seconds=LONGEST, what="all was stored again")
        lasted = time.monotonic() - began
        writer.require_running()
        note = f"{taken(port) / lasted:,.0f} a second, of {written.lines():,}; worker {worker.memory() / 1e6:.0f} MB"
        yield Reading("  all is stored again", lasted, note=note)


class _Written:
    """Reads no line twice."""

    def __init__(self, logs: list[Path]) -> None:
        self._files = [path.open("rb") for path in logs]
        self._lines = 0

    def lines(self) -> int:
        self._lines += sum(file.read().count(b"\n") for file in self._files)
        return self._lines
