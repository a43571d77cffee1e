"""Logs as Tetragon writes them: one a node, rotated by rename, some backups packed, lines torn between writes."""

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from examples.node import Node
from examples.rotation import backup_of, pack

# Their record keys fall into all of four partitions, two nodes into each.
NODES: Final = (1, 2, 3, 4, 6, 8, 9, 13)
RATES: Final = (400.0, 700.0)  # events a second, of all nodes together
TICK_SECONDS: Final = 0.02
ROTATE_SECONDS: Final = (8.0, 20.0)  # between two rotations, whichever node's turn it is
PACK_SECONDS: Final = (1.0, 4.0)  # from a rotation to the packing of the backup

_LABEL: Final = b'"node.example.com/pool":"blue"'


class _Log:
    """One node's. `complete` are its files in the order of writing."""

    def __init__(self, folder: Path, seed: int, number: int) -> None:
        node = Node(seed, number - 1)
        self.lines: Iterator[bytes] = (line for _, _, line in node.lines())
        self.path = folder / f"{node.name}.log"
        self.complete = [self.path]
        self.torn = b""
        self._file = self.path.open("ab", buffering=0)

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def rotate(self) -> Path:
        """To be called between two lines."""
        backup = backup_of(self.path, time.time_ns())
        self._file.close()
        self.path.rename(backup)
        self._file = self.path.open("ab", buffering=0)
        self.complete[-1:] = [backup, self.path]
        return backup

    def pack(self, backup: Path) -> None:
        self.complete[self.complete.index(backup)] = pack(backup)
        backup.unlink()

    def close(self) -> None:
        self._file.close()


class Writer(threading.Thread):
    """Numbers every event. Nothing that it writes is ever deleted, so the complete logs are there in the end."""

    def __init__(self, folder: Path, seed: int, rates: tuple[float, float] = RATES) -> None:
        super().__init__(name="writer", daemon=True)
        self.written = 0
        self.rotations = 0
        self.packed = 0
        self._rates = rates
        self._random = Random(f"{seed}/writer")
        self._logs = [_Log(folder, seed, number) for number in NODES]
        self._stopping = threading.Event()

    def paths(self) -> list[Path]:
        return [log.path for log in self._logs]

    def complete(self) -> list[Path]:
        """All files, each node's in the order of writing. To be asked after the end."""
        return [path for log in self._logs for path in log.complete]

    def stop(self) -> None:
        """Returns when the last line is whole."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        random = self._random
        began = change_at = rotate_at = time.monotonic()
        packing: list[tuple[float, _Log, Path]] = []
        owed, rate, last = 0.0, 0.0, began
        for now in self._ticks():
            if now >= change_at:
                rate, change_at = random.uniform(*self._rates), now + 5
            owed += rate * (now - last)
            last = now
            count, owed = int(owed), owed % 1
            self._write(count)
            if now >= rotate_at:
                rotate_at = now + random.uniform(*ROTATE_SECONDS)
                log = random.choice(self._logs)
                self._mend(log)
                backup = log.rotate()
                self.rotations += 1
                if random.random() < 0.5:
                    packing.append((now + random.uniform(*PACK_SECONDS), log, backup))
            for due in [due for due in packing if due[0] <= now]:
                packing.remove(due)
                due[1].pack(due[2])
                self.packed += 1
        for log in self._logs:
            self._mend(log)
            log.close()

    def _ticks(self) -> Iterator[float]:
        while not self._stopping.wait(TICK_SECONDS):
            yield time.monotonic()

    def _write(self, count: int) -> None:
        for log, numbers in itertools.groupby(sorted(self._random.randrange(len(self._logs)) for _ in range(count))):
            self._append(self._logs[log], sum(1 for _ in numbers))

    def _append(self, log: _Log, count: int) -> None:
        data = log.torn
        for line in itertools.islice(log.lines, count):
            data += line.replace(_LABEL, b'"node.example.com/number":"%d"' % self.written) + b"\n"
            self.written += 1
        cut = self._random.randrange(len(data)) if self._random.random() < 0.05 else len(data)
        log.write(data[:cut])
        log.torn = data[cut:]

    def _mend(self, log: _Log) -> None:
        log.write(log.torn)
        log.torn = b""
