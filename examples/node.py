"""A machine with Tetragon: its processes are cloned, executed and ended, and each such step is a line of its log."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Final, TypedDict, Unpack

from examples import activities
from examples.events import Process, encoded, exec_event, exit_event, hook_event
from examples.messages import EVENT
from examples.pods import WORKLOADS, Pod, Workload, pods_of

PIDS: Final = range(300, 1_025)  # few, so that they come round again within some hundred commands
START: Final = 1_767_600_000 * 10**9  # 2026-01-05T08:00:00Z


class Changes(TypedDict, total=False):
    """What a new image does not take over from its parent."""

    uid: int
    auid: int
    cwd: str
    pod: Pod | None
    is_setuid: bool
    in_init_tree: bool
    is_probe: bool


class Node:
    """`start` in ns since 1970; `pids` are given out in turn, from near their end."""

    def __init__(
        self,
        seed: int,
        index: int,
        start: int = START,
        workloads: Sequence[Workload] = WORKLOADS,
        pids: range = PIDS,
    ) -> None:
        self.name = f"node-{index + 1:02}"
        self.index = index
        self.random = Random(f"{seed}/{index}")
        self.now = start + index * 137_000_003
        self.boot = self.now - self.random.randrange(10**14, 10**15)
        self.pods = pods_of(self.random, workloads)
        self.services: dict[str, Process] = {}
        self.containers: list[tuple[Process, Process]] = []  # the runtime's shim, and the first process within
        self.orphans: list[Process] = []
        self.longest_tick = 4_000_000  # ns from one event of an activity to its next, at most
        self._pids = pids
        self._last_pid = pids.stop - 401
        self._alive: set[int] = set()
        self._log: list[tuple[int, bytes]] = []
        # Each build of Tetragon's JSON encoder decides once whether a space follows a comma.
        self._comma = "," if index % 2 else ", "

    def lines(self) -> Iterator[tuple[int, str, bytes]]:
        """Time in ns since 1970, the node's name, the line. Without end, in order of time."""
        activities.boot(self)
        running = [activities.begin(self) for _ in range(6)]
        while True:
            for time, line in self.taken():
                yield time, self.name, line
            self.now += int(self.random.expovariate(1 / 60e6))
            turn = self.random.randrange(len(running))
            if next(running[turn], None) is None:
                running[turn] = activities.begin(self)

    def taken(self) -> list[tuple[int, bytes]]:
        """What was written since this was asked last: time in ns since 1970, the line."""
        log, self._log = self._log, []
        return log

    def kernel(self) -> Process:
        return Process(self._exec_id(1, 0), 0, "<kernel>", "", "procFS", self.boot, parent=None, auid=0, cwd="")

    def found(self, parent: Process, seconds: int, pid: int, binary: str, *arguments: str, pod: Pod | None) -> Process:
        """A process that ran already when Tetragon came, begun `seconds` after the boot."""
        flags = "procFS rootcwd inInitTree" if pod else "procFS rootcwd"
        start = self.boot + seconds * 10**9
        exec_id = self._exec_id(seconds * 10**9, pid)
        process = Process(
            exec_id, pid, binary, encoded(arguments), flags, start, parent, pod, in_init_tree=pod is not None
        )
        self._alive.add(pid)
        self._write(exec_event(process, self.name, start), start)
        return process

    def clone(self, parent: Process, binary: str, *arguments: str, **changes: Unpack[Changes]) -> Process:
        """A new pid that runs `binary`: what a shell does with a command."""
        parent.children += 1
        return self._execute(parent, self._free_pid(), binary, arguments, changes)

    def exec(self, previous: Process, binary: str, *arguments: str, **changes: Unpack[Changes]) -> Process:
        """The same pid runs `binary` from now on: what `exec` in a shell does. The parent is the image before."""
        return self._execute(previous, previous.pid, binary, arguments, changes)

    def fork(self, parent: Process, **changes: Unpack[Changes]) -> Process:
        """A new pid with the parent's image. No event tells of it until it does something or ends."""
        self._tick()
        parent.children += 1
        pid = self._free_pid()
        return replace(
            parent,
            exec_id=self._exec_id(self.now - self.boot, pid),
            pid=pid,
            flags="clone inInitTree" if parent.in_init_tree else "clone",
            start=self.now,
            parent=parent,
            children=0,
            **changes,
        )

    def exit(self, process: Process, status: int = 0, signal: str = "") -> None:
        self._tick()
        self._alive.discard(process.pid)
        forker = process.parent
        while forker is not None and forker.pid == process.pid:
            forker = forker.parent
        if forker is not None:
            forker.children -= 1
        self._write(exit_event(process, self.name, self.now, status, signal), self.now)

    def report(self, member: str, process: Process, body: dict[str, Any]) -> None:
        """An event of a policy: `member` is its name, `body` what it has besides processes."""
        self._tick()
        # Tetragon gives loader events no time.
        time = None if member == "process_loader" else self.now
        self._write(hook_event(member, process, body, self.name, time), self.now)

    def _execute(self, parent: Process, pid: int, binary: str, arguments: tuple[str, ...], changes: Changes) -> Process:
        self._tick()
        kept: Changes = {
            "uid": parent.uid,
            "auid": parent.auid,
            "cwd": parent.cwd,
            "pod": parent.pod,
            "in_init_tree": parent.in_init_tree,
            "is_probe": parent.is_probe,
        }
        process = Process(
            self._exec_id(self.now - self.boot, pid),
            pid,
            binary,
            encoded(arguments),
            "",
            self.now,
            parent,
            **(kept | changes),
        )
        flags = {
            "execve": True,
            "rootcwd": process.cwd == "/",
            "clone": pid != parent.pid,
            "inInitTree": process.in_init_tree,
        }
        process.flags = " ".join(flag for flag, is_set in flags.items() if is_set)
        self._write(exec_event(process, self.name, self.now), self.now)
        return process

    def _tick(self) -> None:
        self.now += self.random.randrange(self.longest_tick // 50, self.longest_tick)

    def _free_pid(self) -> int:
        while True:
            self._last_pid = self._last_pid + 1 if self._last_pid + 1 in self._pids else self._pids.start
            if self._last_pid not in self._alive:
                self._alive.add(self._last_pid)
                return self._last_pid

    def _exec_id(self, ktime: int, pid: int) -> str:
        return b64encode(f"{self.name}:{ktime}:{pid}".encode()).decode()

    def _write(self, event: dict[str, Any], time: int) -> None:
        self._log.append((time, str(EVENT(event, self._comma)).encode()))
