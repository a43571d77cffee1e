"""Tetragon's logs of nodes on an ordinary day, and of one intrusion among it.

    python -m examples.story --seed 1 --nodes 20 --minutes 10 --rate 50 --out DIR

Each node's log is DIR/<node>/tetragon.log with its backups. The same arguments give the same bytes; and the ordinary
day is the same, byte for byte, with the intrusion and without (--no-intrusion).
"""

import argparse
import heapq
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

from examples import activities, cluster, host, software
from examples.intrusion import intrude
from examples.node import START, Node
from examples.rotation import Log

Line: TypeAlias = tuple[int, str, bytes]  # time in ns since 1970, node's name, line without its end

MINUTE: Final = 60 * 10**9
ORDINARY_PIDS: Final = range(300, 30_001)
INTRUDERS_PIDS: Final = range(30_001, 32_769)  # never an ordinary process's, so that the day is the same without them
ACTIVITIES: Final = {
    cluster.serve: 30,
    cluster.backend: 10,
    activities.probe: 20,
    cluster.look_after: 12,
    activities.workers: 8,
    host.session: 4,
    host.failed_login: 4,
    host.unit: 6,
    activities.job: 5,
    cluster.start_container: 4,
    host.rotation: 3,
    software.upgrade: 2,
    software.build: 2,
    cluster.debug: 1,
    host.modules: 1,
}


def story(seed: int, nodes: int, minutes: float, rate: float, start: int = START, first: int = 1) -> Iterator[Line]:
    """Everything, in order of time. `first` is the number in the first node's name."""
    ordinary_day = ordinary(seed, nodes, minutes, rate, start, first)
    return heapq.merge(ordinary_day, intrusion(seed, nodes, minutes, start, first), key=itemgetter(0))


def ordinary(seed: int, nodes: int, minutes: float, rate: float, start: int = START, first: int = 1) -> Iterator[Line]:
    """`rate` in events a second, of all nodes together."""
    gap = 10**9 * nodes / rate
    each = (_day(seed, index, minutes, gap, start) for index in range(first - 1, first - 1 + nodes))
    return heapq.merge(*each, key=itemgetter(0))


def intrusion(seed: int, nodes: int, minutes: float, start: int = START, first: int = 1) -> Iterator[Line]:
    """Into one of the nodes, in the middle half of the time."""
    random = Random(f"{seed}/intrusion")
    index = first - 1 + random.randrange(nodes)
    steps = sum(1 for _ in intrude(_intruded(seed, index, start)))
    node = _intruded(seed, index, start)
    node.random = random
    node.longest_tick = int(min(node.longest_tick, max(100, minutes * MINUTE / 10_000)))
    begin, pause = node.now + int(minutes * MINUTE / 4), minutes * MINUTE / 2 / steps
    node.now = begin
    for number, _ in enumerate(intrude(node), start=1):
        yield from ((when, node.name, line) for when, line in node.taken())
        node.now = max(node.now, begin + int(pause * (number + random.random() / 2)))
    yield from ((when, node.name, line) for when, line in node.taken())


def _intruded(seed: int, index: int, start: int) -> Node:
    """The same machine with the same processes as on its ordinary day, but with steps of its own."""
    node = _node(seed, index, start, INTRUDERS_PIDS)
    node.taken()
    return node


def _node(seed: int, index: int, start: int, pids: range) -> Node:
    node = Node(seed, index, start, cluster.PODS, pids)
    for pod in node.pods:
        pod.shared = cluster.SHARED
        # What the intrusion gets out by, and what far too many pods are.
        pod.is_privileged = pod.workload == "cms"
    host.boot(node)
    return node


def _day(seed: int, index: int, minutes: float, gap: float, start: int) -> Iterator[Line]:
    """`gap` in ns, from one of the node's events to the next in the mean."""
    node = _node(seed, index, start, ORDINARY_PIDS)
    node.longest_tick = int(min(node.longest_tick, max(100, gap)))
    end, due = node.now + int(minutes * MINUTE), float(node.now)
    yield from sorted((when, node.name, line) for when, line in node.taken())
    running = [_begun(node) for _ in range(6)]
    while node.now < end:
        turn = node.random.randrange(len(running))
        if next(running[turn], None) is None:
            running[turn] = _begun(node)
        for when, line in node.taken():
            yield when, node.name, line
            due += node.random.expovariate(1 / gap)
        node.now = max(node.now, int(due))


def _begun(node: Node) -> Iterator[bool]:
    [activity] = node.random.choices(list(ACTIVITIES), list(ACTIVITIES.values()))
    return activity(node)


def as_time_comes(lines: Iterator[Line]) -> Iterator[Line]:
    for line in lines:
        time.sleep(max(0, line[0] - time.time_ns()) / 10**9)
        yield line


def write(folder: Path, lines: Iterator[Line], largest: int, packs: bool) -> list[Path]:
    """The nodes' logs. `largest` in bytes, of a log before it is renamed."""
    with ExitStack() as stack:
        logs: dict[str, Log] = {}
        for when, node, line in lines:
            if node not in logs:
                logs[node] = stack.enter_context(closing(Log(folder / node, largest, packs)))
            logs[node].write(line, when)
    return [log.path for log in logs.values()]


def _time(text: str) -> int:
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        given = None
    if given is None or given.tzinfo is None:
        expected = "expected a time with its zone, such as 2026-01-05T08:00:00+00:00"
        raise argparse.ArgumentTypeError(f"{text!r} is no time: {expected}")
    return int(given.timestamp()) * 10**9


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.story", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--first-node", type=int, default=1, help="the number in the first node's name")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=50, help="events a second, of all nodes together")
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--start", type=_time, default=START, metavar="TIME", help="of the first events; without it always the same"
    )
    when.add_argument("--live", action="store_true", help="begin now, and write each line when its time has come")
    parser.add_argument("--no-intrusion", action="store_true", help="the ordinary day alone")
    parser.add_argument("--max-size-mb", type=float, default=1, help="of a log, before it is renamed")
    parser.add_argument("--compress", action="store_true", help="pack the renamed logs")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    given = parser.parse_args()
    if min(given.nodes, given.first_node) < 1 or min(given.minutes, given.rate, given.max_size_mb) <= 0:
        parser.error("--nodes, --first-node, --minutes, --rate and --max-size-mb: expected numbers greater than 0")
    if given.out.exists() and (not given.out.is_dir() or any(given.out.iterdir())):
        parser.error(f"--out: {str(given.out)!r} is there and no empty folder; name a new one, nothing is written over")
    start = time.time_ns() if given.live else given.start
    of_all = (given.seed, given.nodes, given.minutes, given.rate, start, given.first_node)
    lines = ordinary(*of_all) if given.no_intrusion else story(*of_all)
    try:
        paths = write(
            given.out,
            as_time_comes(lines) if given.live else lines,
            int(given.max_size_mb * (1 << 20)),
            given.compress,
        )
    except OSError as error:
        sys.exit(f"story: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    for path in paths:
        print(path)


if __name__ == "__main__":
    main()
