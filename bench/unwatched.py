"""How late a change of logs that rest is noticed where nothing tells of it, and what asking for them costs.

python -m bench.unwatched [LOGS]
"""

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from app.ship.book import Book
from app.ship.shipper import LOOK_SECONDS
from app.ship.tail import Tail

SETTLED_SECONDS: Final = 20.0


def step(tail: Tail) -> None:
    tail.look(time.monotonic())
    for log in tail.awake():
        while (block := log.next_block(time.monotonic())) is not None:
            tail.settle(block)


def follow(tail: Tail, seconds: float) -> float:
    """Share of a core."""
    began, before = time.monotonic(), time.process_time()
    while time.monotonic() - began < seconds:
        step(tail)
        time.sleep(LOOK_SECONDS)
    return (time.process_time() - before) / (time.monotonic() - began)


def lateness(tail: Tail, count: int) -> float:
    """Seconds until the last of them was noticed; all have just changed."""
    began = time.monotonic()
    noticed: set[str] = set()
    while len(noticed) < count:
        time.sleep(LOOK_SECONDS)
        tail.look(time.monotonic())
        noticed |= {log.path for log in tail.awake()}
    return time.monotonic() - began


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        logs = [Path(folder, f"{number}.log") for number in range(count)]
        for log in logs:
            log.write_bytes(b"one\n")
        tail = Tail([f"{folder}/*.log"], Book(), node="n", host="h", once=False, wall=time.time)
        step(tail)
        while tail.awake():
            follow(tail, 1.0)
        share = follow(tail, SETTLED_SECONDS)
        for log in logs:
            with log.open("ab") as file:
                file.write(b"two\n")
        print(f"{count} logs: {lateness(tail, count):.2f} s late at most, {share:.1%} of a core while they rest")
        tail.close()


if __name__ == "__main__":
    main()
