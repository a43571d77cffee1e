"""The same events as they would come otherwise: late by up to half a minute, or of a Tetragon that was restarted.

This knows processes by itself, and shares nothing with what it is there to test.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from random import Random
from typing import Any, Final, TypeVar

import orjson

from schemas.times import SECOND, nanoseconds, rfc3339

T = TypeVar("T")

Line = tuple[int, str, bytes]  # time in ns since 1970, the node's name, the line

LATEST: Final = 30 * SECOND
# As /proc has it, links lead to what they link to.
_LINKS: Final = {
    "/bin/bash": "/usr/bin/bash",
    "/bin/cat": "/usr/bin/cat",
    "/bin/sh": "/usr/bin/dash",
    "/usr/bin/awk": "/usr/bin/mawk",
    "/usr/bin/python3": "/usr/bin/python3.13",
}
_TICK: Final = SECOND // 100  # of what /proc tells


def late(timed: Iterable[tuple[int, T]], seed: int) -> list[T]:
    """Each arrives up to LATEST after its time."""
    random = Random(seed)
    arrivals = [(time + random.randrange(LATEST), each) for time, each in timed]
    return [each for _, each in sorted(arrivals, key=itemgetter(0))]


class Restarted:
    """`lines` of one node whose Tetragon is restarted at a time in ns: it scans /proc and goes on with new names.

    `scan` is what it finds; `after` what the later lines become, in their order.
    """

    def __init__(self, lines: Sequence[Line], at: int) -> None:
        self.before = [line for line in lines if line[0] < at]
        later = [(line, orjson.loads(line[2])) for line in lines if line[0] >= at]
        self._forks: dict[int, int] = {}  # since the boot, by pid
        self._images: dict[int, dict[str, Any]] = {}  # that run, by pid
        self._boot = 0
        for _, _, line in self.before:
            self._follow(orjson.loads(line))
        for _, event in later:
            for of in _processes(event):
                if of["pid"] and of["pid"] not in self._images and self._boot + _since_boot(of) < at:
                    self._images[of["pid"]], self._forks[of["pid"]] = of, _since_boot(of)
        self._names = {of["exec_id"]: self._name(of) for of in self._images.values()}
        self.scan = list(self._scan(lines[0][1]))
        self.after = [(time, node, orjson.dumps(self._renamed(event))) for (time, node, _), event in later]

    def _follow(self, event: dict[str, Any]) -> None:
        [(name, body)] = [(name, body) for name, body in event.items() if name.startswith("process_")]
        if "process" not in body:
            return
        of = body["process"]
        if name == "process_exec":
            self._boot = (nanoseconds(of["start_time"]) or 0) - _since_boot(of)
            if of["pid"] not in self._images or "clone" in of["flags"]:
                self._forks[of["pid"]] = _since_boot(of) - 3_000_000  # a moment before it executed
            self._images[of["pid"]] = of
        elif name == "process_exit":
            self._images.pop(of["pid"], None)

    def _name(self, of: dict[str, Any]) -> str:
        fork = self._forks[of["pid"]]
        if "procFS" in of["flags"]:
            fork = _since_boot(of)
        return b64encode(f"{_node(of)}:{fork // _TICK * _TICK}:{of['pid']}".encode()).decode()

    def _scan(self, node: str) -> Iterator[Line]:
        for of in sorted(self._images.values(), key=lambda each: (_pid(each["parent_exec_id"]), each["pid"])):
            found = self._found(of)
            above = self._images.get(_pid(found["parent_exec_id"]))
            body = {"process": found, **({"parent": self._found(above)} if above is not None else {})}
            event = {"process_exec": body, "node_name": node, "time": found["start_time"], "cluster_name": "examples"}
            yield nanoseconds(found["start_time"]) or 0, node, orjson.dumps(event)

    def _found(self, of: dict[str, Any]) -> dict[str, Any]:
        name = self._names[of["exec_id"]]
        parent = of["parent_exec_id"]
        parent = self._names.get(parent, parent)
        while _pid(parent) == of["pid"] and parent != name:
            parent = name  # of an earlier image, which nobody knows any more; the scan tells of its own parent
        return {
            **{key: value for key, value in of.items() if key != "binary_properties"},
            "exec_id": name,
            "binary": of["binary"] if "procFS" in of["flags"] else _LINKS.get(of["binary"], of["binary"]),
            "flags": "procFS auid rootcwd" + (" inInitTree" if of.get("in_init_tree") else ""),
            "parent_exec_id": parent if parent != name else _exec_id_of_init(of),
            "start_time": rfc3339(self._boot + _since_boot({"exec_id": name})),
        }

    def _renamed(self, event: dict[str, Any]) -> dict[str, Any]:
        for name, body in event.items():
            if name.startswith("process_") and "process" in body:
                for place in ("process", "parent"):
                    of = body.get(place)
                    if of is None:
                        continue
                    if of["exec_id"] in self._names:
                        body[place] = {
                            **self._found(of),
                            **({"refcnt": of["refcnt"]} if "refcnt" in of else {}),
                        }
                    elif of["parent_exec_id"] in self._names:
                        body[place] = {**of, "parent_exec_id": self._names[of["parent_exec_id"]]}
        return event


def _processes(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, body in event.items():
        if name.startswith("process_"):
            for place in ("process", "parent"):
                if place in body:
                    yield body[place]


def _decoded(exec_id: str) -> tuple[str, int, int]:
    node, since_boot, pid = b64decode(exec_id).decode().rsplit(":", 2)
    return node, int(since_boot), int(pid)


def _node(of: dict[str, Any]) -> str:
    return _decoded(of["exec_id"])[0]


def _since_boot(of: dict[str, Any]) -> int:
    return _decoded(of["exec_id"])[1]


def _pid(exec_id: str) -> int:
    return _decoded(exec_id)[2]


def _exec_id_of_init(of: dict[str, Any]) -> str:
    """What outlives its parent is init's."""
    return b64encode(f"{_node(of)}:2000000000:1".encode()).decode()
