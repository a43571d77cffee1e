"""`python -m bench.paced_writer <made logs> <live logs> <events a second and node> <seconds>`: writes logs as if live.

Every event gets the time of its writing; nodes take turns, so that events come evenly. A log that ends begins again.
"""

import os
import sys
import time
from itertools import cycle
from pathlib import Path

from schemas.times import rfc3339


def stamped(line: bytes, now: int) -> bytes:
    """The line with another time of the event; `now` in ns since 1970."""
    begin = line.rindex(b'"time":')  # the event's own member stands before node_name, and may have a time as well
    begin = line.index(b'"', begin + 7) + 1
    end = line.index(b'"', begin)
    return line[:begin] + rfc3339(now).encode() + line[end:]


def main(made: str, live: str, rate: str, seconds: str) -> None:
    sources = sorted(Path(made).iterdir())
    pause = 1 / (float(rate) * len(sources))
    readers = [path.open("rb") for path in sources]
    writers = [os.open(Path(live, path.name), os.O_WRONLY | os.O_APPEND | os.O_CREAT) for path in sources]
    began = time.monotonic()
    due = began
    for reader, writer in cycle(zip(readers, writers, strict=True)):
        wait = due - time.monotonic()
        if wait > 0.002:  # a nap for every line would cost more than the line
            time.sleep(wait)
        if due - began > float(seconds):
            break
        line = reader.readline()
        if not line:
            reader.seek(0)
            line = reader.readline()
        os.write(writer, stamped(line, time.time_ns()))
        due += pause


if __name__ == "__main__":
    main(*sys.argv[1:])
