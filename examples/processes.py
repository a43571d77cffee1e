"""A generated Tetragon log: process_exec and process_exit events of nodes that do a day's work.

    python -m examples.processes --seed 1 --events 20000 --nodes 8 --out DIR

The same arguments give the same bytes, and more events only add to them. Each node (examples/node.py) is a small
simulation: activities (examples/activities.py) take turns to clone, exec and exit processes.
"""

import argparse
import heapq
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO

from examples.node import Node


def lines(seed: int, events: int, nodes: int) -> Iterator[tuple[str, bytes]]:
    """The node's name and the line, without its end; of all nodes together in order of time."""
    merged = heapq.merge(*(Node(seed, index).lines() for index in range(nodes)), key=itemgetter(0))
    return ((name, line) for _, name, line in islice(merged, events))


def write(folder: Path, seed: int, events: int, nodes: int) -> list[Path]:
    """One log for each node; the paths of those that got a line."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        logs: dict[str, IO[bytes]] = {}
        for name, line in lines(seed, events, nodes):
            if name not in logs:
                logs[name] = stack.enter_context((folder / f"{name}.log").open("wb"))
            logs[name].write(line + b"\n")
    return sorted(folder / f"{name}.log" for name in logs)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.processes", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    given = parser.parse_args()
    for path in write(given.out, given.seed, given.events, given.nodes):
        print(path)


if __name__ == "__main__":
    main()
