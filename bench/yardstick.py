"""How fast this machine is just now: a figure taken while others use its cores cannot be compared without it."""

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import orjson

_LINES: Final = 2_000


class Yardstick:
    """µs of CPU to decode an event of `log` with orjson and encode it again, each time that it is asked."""

    def __init__(self, log: Path) -> None:
        with log.open("rb") as lines:
            self._lines: Sequence[bytes] = list(islice(lines, _LINES))
        self.measured: list[float] = []

    def measure(self) -> None:
        began = time.thread_time()
        for line in self._lines:
            orjson.dumps(orjson.loads(line))
        self.measured.append((time.thread_time() - began) / len(self._lines) * 1e6)
