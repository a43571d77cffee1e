"""The input: a log for each of some nodes, all of the same number of events."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from examples.node import Node
from examples.story import story

SEED: Final = 1
STORY_RATE: Final = 100  # events a second, of all nodes together


def write_logs(folder: Path, nodes: int, events: int) -> list[Path]:
    """`events` of each node, the same bytes every time."""
    folder.mkdir(parents=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return sorted(pool.map(partial(_write, folder, events), range(nodes)))


def write_story(folder: Path) -> list[Path]:
    """An ordinary day of 20 nodes, and one intrusion; one log for all of it, in order of time."""
    folder.mkdir(parents=True)
    path = folder / "story.log"
    path.write_bytes(b"".join(line + b"\n" for _, _, line in story(SEED, nodes=20, minutes=10, rate=STORY_RATE)))
    return [path]


def count_lines(paths: Sequence[Path]) -> int:
    return sum(path.read_bytes().count(b"\n") for path in paths)


def _write(folder: Path, events: int, index: int) -> Path:
    node = Node(SEED, index)
    path = folder / f"{node.name}.log"
    path.write_bytes(b"".join(line + b"\n" for _, _, line in islice(node.lines(), events)))
    return path
