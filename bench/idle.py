"""Many logs of which nobody writes to any: what following them costs."""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from bench.measured import Measured
from bench.rows import Reading
from bench.site import Run, Site, listening, metric, until

FILES: Final = 10_000  # of one event each
REST: Final = 30  # seconds until all of them rest, and the folder was read again
WINDOW: Final = 60  # seconds that are measured
RATE: Final = 20  # events a second of the one that grows


def idle(site: Site) -> Iterator[Reading]:
    """Peak memory is that of a whole life: sending what the files hold, saving the positions, and following them."""
    run = site.run()
    logs = _make(run, site.logs[0])
    with listening(run, "ship", run.folder / "idle" / "*.log") as (shipper, port):
        until(lambda: _sent(port) == FILES, shipper, seconds=120, what="all was sent")
        time.sleep(REST)
        yield Reading("10,000 idle files", _share(shipper, lambda: time.sleep(WINDOW)))
        resting = _resident(shipper.pid)
        grows = logs[FILES // 2]
        yield Reading("  while one of them grows", _share(shipper, lambda: _write(grows, logs[0].read_bytes())))
        until(lambda: _sent(port) == FILES + RATE * WINDOW, shipper, seconds=20, what="the new lines were sent")
        yield Reading("  shipper, idle files", shipper.memory() / 1e6, note=f"{resting / 1e6:.0f} MB while all rest")
        shipper.stop()


def _make(run: Run, source: Path) -> list[Path]:
    folder = run.folder / "idle"
    folder.mkdir()
    logs = [folder / f"node-{number:05}.log" for number in range(FILES)]
    with source.open("rb") as lines:
        for path, line in zip(logs, islice(lines, FILES), strict=True):
            path.write_bytes(line)
    return logs


def _write(log: Path, line: bytes) -> None:
    with log.open("ab", buffering=0) as file:
        for _ in range(RATE * WINDOW):
            file.write(line)
            time.sleep(1 / RATE)


def _share(process: Measured, meanwhile: Callable[[], None]) -> float:
    """Percent of a core."""
    began, before = time.monotonic(), process.cpu()
    meanwhile()
    return (process.cpu() - before) / (time.monotonic() - began) * 100


def _sent(port: int) -> int:
    return metric(port, "tetrastash_shipped_lines_total")


def _resident(pid: int) -> int:
    """Bytes at the moment."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
