"""What happened inside the workers, by their own metrics: each life's last values, summed."""

import re
import urllib.request
from collections import Counter
from collections.abc import Iterable
from typing import Final

from tests.faults.children import UP, Child

EVERY_SECONDS: Final = 0.5

# A run in which one of these never happened has proved nothing of it.
REQUIRED: Final = {
    "holes": "tetrastash_holes_total",
    "stale generations": "tetrastash_stale_batches_total",
    "repeats (409)": "tetrastash_repeated_documents_total",
    "restores": "tetrastash_restores_total",
    "cleaned checkpoints": "tetrastash_cleaned_checkpoints_total",
}
NOTED: Final = {
    "kept memories": "tetrastash_kept_memories_total",
    "skipped records": "tetrastash_skipped_records_total",
    "checkpoints": "tetrastash_checkpoints_total",
    "failed sends": "tetrastash_failed_sends_total",
    "second copies removed": "tetrastash_swept_copies_total",
    "rounds of sweeping without an end": "tetrastash_sweep_troubles_total",
    "agent errors": "tetrastash_agent_errors_total",
    "lost to retention": "tetrastash_retention_lost_records_total",
}

_SAMPLE: Final = re.compile(r"^(tetrastash_\w+)(?:\{[^}]*\})? ([0-9.e+-]+)$", re.MULTILINE)


class Occurrences:
    def __init__(self) -> None:
        self._lives: dict[tuple[str, int], Counter[str]] = {}
        self._looked_at = 0.0

    def look(self, children: Iterable[Child], now: float, *, at_once: bool = False) -> None:
        """Every half second, or at once. A process that does not answer keeps its last values."""
        if not at_once and now < self._looked_at + EVERY_SECONDS:
            return
        self._looked_at = now
        for child in children:
            if child.state == UP:
                values = _read(child.port)
                if values:
                    self._lives[child.name, child.lives] = values

    def total(self, metric: str) -> int:
        return sum(life[metric] for life in self._lives.values())

    def latest(self, child: Child, metric: str) -> int:
        """Of the child's present life."""
        return self._lives.get((child.name, child.lives), Counter())[metric]

    def required(self) -> dict[str, int]:
        return {name: self.total(metric) for name, metric in REQUIRED.items()}

    def noted(self) -> dict[str, int]:
        return {name: self.total(metric) for name, metric in NOTED.items()}


def is_ready(child: Child) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{child.port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _read(port: int) -> Counter[str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=0.3) as answer:
            text = answer.read().decode()
    except (OSError, ValueError):
        return Counter()
    values: Counter[str] = Counter()
    for name, value in _SAMPLE.findall(text):
        values[name] += int(float(value))
    return values
