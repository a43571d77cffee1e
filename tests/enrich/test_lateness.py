"""In whatever order half a minute's events come: what comes after them is told as it was, and so in any order."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from app.enrich.memory import Memory
from schemas.lineage import basename
from tests.enrich.told import NODE, T0, documents, event, process

Image = dict[str, Any]

LATEST: Final = 30  # seconds
PIDS: Final = range(10, 16)  # so few that they come round

_KINDS: Final = st.sampled_from(["start", "start", "start", "fork", "replace", "replace", "hook", "exit", "exit"])
STEPS: Final = st.lists(
    st.tuples(_KINDS, st.integers(0, 9), st.integers(1, 8), st.integers(0, LATEST)), min_size=1, max_size=25
)


class Running(Struct, eq=False):
    pid: int
    images: list[Image]
    parent: "Running | None" = None
    forked_by: Image | None = None
    ended: bool = False

    @property
    def now(self) -> Image:
        return self.images[-1]

    @property
    def given(self) -> Image | None:
        """What Tetragon has for its parent: without a fork in between, what the same process was before."""
        return self.images[-2] if len(self.images) > 1 else self.forked_by


class Node:
    """Knows its processes, and tells of them what Tetragon would."""

    def __init__(self, *, parents: bool) -> None:
        self.parents = parents
        self.init = Running(1, [process(1, T0 - 1000, "/sbin/init", b64encode(f"{NODE}:1:0".encode()).decode())])
        self.all = [self.init]
        self.now = T0

    def tell(self, kind: str, of: Running, time: float) -> bytes:
        return event(f"process_{kind}", time, of.now, of.given if self.parents else None)

    def step(self, kind: str, choice: int) -> bytes | None:
        running = [each for each in self.all if not each.ended]
        one = running[choice % len(running)]
        pid = next((pid for pid in PIDS if all(each.pid != pid for each in running)), None)
        if kind in ("start", "fork") and pid is not None:
            # Until it executes, a child has its parent's program.
            binary, flags = (one.now["binary"], "clone") if kind == "fork" else (f"/bin/{self.now}", "execve clone")
            image = process(pid, self.now, binary, one.now["exec_id"], flags=flags)
            self.all.append(Running(pid, [image], one, one.now))
            return self.tell("hook" if kind == "fork" else "exec", self.all[-1], self.now).replace(b"_hook", b"_kprobe")
        if kind == "hook":
            return self.tell("kprobe", one, self.now)
        if one is self.init or kind not in ("replace", "exit"):
            return None
        if kind == "exit":
            one.ended = True
            return self.tell("exit", one, self.now)
        copied = one.now["flags"] == "clone"
        above = one.images.pop()["parent_exec_id"] if copied else one.now["exec_id"]
        flags = "execve" if one.images else "execve clone"
        one.images.append(process(one.pid, self.now, f"/bin/{self.now}", above, flags=flags))
        return self.tell("exec", one, self.now)

    def asked(self) -> Iterator[tuple[Running, bytes]]:
        """An event of each process that runs, when nothing is late any more."""
        return ((each, self.tell("kprobe", each, self.now + LATEST)) for each in self.all if not each.ended)


def told(of: Running) -> dict[str, Any]:
    """What a document must say of it."""
    ancestors: list[Image] = []
    here = of
    while here.parent is not None and here.forked_by is not None:
        ancestors.append(here.forked_by)
        here = here.parent
    return {
        "ancestry": [each["exec_id"] for each in ancestors],
        "names": [basename(each["binary"]) for each in ancestors],
        "previous": [each["binary"] for each in of.images[:-1]][-5:],
        "orphan": of.parent is not None and of.parent.ended,
        "complete": True,
    }


def said(document: dict[str, Any]) -> dict[str, Any]:
    of, lineage = document["process"], document["tetragon"]["lineage"]
    return {
        "ancestry": of.get("Ext", {}).get("ancestry", []),
        "names": lineage.get("names", []),
        "previous": [each["executable"] for each in of.get("previous", [])],
        "orphan": document["tetragon"].get("orphan", False),
        "complete": lineage["complete"],
    }


@given(STEPS, st.booleans())
@settings(deadline=None, max_examples=150)
def test_what_comes_after_late_events_is_told_as_it_was(
    steps: Sequence[tuple[str, int, int, int]], parents: bool
) -> None:
    node = Node(parents=parents)
    lines: list[tuple[int, bytes]] = []
    for kind, choice, seconds, late in steps:
        node.now += seconds
        line = node.step(kind, choice)
        if line is not None:
            lines.append((node.now + late, line))
    of, asked = zip(*node.asked(), strict=True)
    first = node.tell("exec", node.init, T0)
    in_order, late_ones = Memory(), Memory()
    documents(first, *(line for _, line in lines), memory=in_order)
    documents(first, *(line for _, line in sorted(lines, key=lambda each: each[0])), memory=late_ones)
    expected, found = documents(*asked, memory=in_order), documents(*asked, memory=late_ones)

    assert [said(each) for each in expected] == [told(each) for each in of]
    assert found == expected
