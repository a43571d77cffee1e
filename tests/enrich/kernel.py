"""A machine whose processes are known for certain, and the lines that Tetragon would write of them.

Processes fork, execute and exit; who outlives the parent is init's child then; pids come round; and the machine is
booted, which nobody survives. Tetragon tells of an exec, an exit and a hook, and has what its `pkg/process` has: a
fork copies the parent's program, an exec without one replaces the image whose child it is said to be, and a restart
is a scan of /proc. This shares nothing with what it is there to test.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final, NamedTuple

import orjson
from msgspec import Struct

from schemas.times import SECOND, rfc3339

BEGIN: Final = 1_700_000_000 * SECOND
PIDS: Final = range(10, 40)  # so few that they come round
STEPS: Final = 120

_TICK: Final = SECOND // 100  # of the starts that /proc tells
_PROGRAMS: Final = ("/bin/sh", "/usr/bin/env", "/usr/bin/make", "/usr/bin/perl", "/usr/bin/python3")
_PAUSES: Final = (SECOND // 1000, SECOND // 600, SECOND // 30, SECOND // 3, SECOND, 5 * SECOND, 40 * SECOND)
_LONG_PAUSE: Final = 700 * SECOND  # longer than the dead are remembered


class Conditions(NamedTuple):
    """How Tetragon is set up, and what goes wrong."""

    cache: bool = True  # without it no event brings its parent
    ancestors: bool = False  # every event brings all of them
    unseen: float = 0.0  # share of events that Tetragon misses itself; but it sees all that exits
    unread: float = 0.0  # share of its lines that never arrive; those of exits do
    late: int = 0  # seconds that a line may come late
    restarts: int = 0  # how often Tetragon is restarted, more or less
    away: bool = False  # things happen while it is restarted
    boots: int = 0  # how often the machine is booted, more or less
    containers: int = 0  # how often one is started or entered, more or less


class Image(Struct, frozen=True, eq=False):
    exec_id: str
    pid: int
    start: int
    flags: str
    binary: str
    parent: str  # exec_id
    container: str = ""
    entered: bool = False  # and not begun by its first process


class Task(Struct, eq=False):
    """A process, from its fork to its exit; times are in ns since 1970."""

    pid: int
    fork: int
    parents: "list[Task]"  # whoever has been it, the present one last
    images: list[Image] = []
    end: int | None = None

    def __repr__(self) -> str:
        return f"<Task {self.pid} of {self.fork}>"  # it would be that of all others, too

    @property
    def parent(self) -> "Task | None":
        return self.parents[-1] if self.parents else None

    @property
    def now(self) -> Image:
        return self.images[-1]

    @property
    def copied(self) -> bool:
        """It has executed nothing since its fork."""
        return self.now.flags == "clone"


class Told(NamedTuple):
    arrival: int  # as `time`, in ns since 1970
    line: bytes
    task: Task
    time: int
    image: Image
    owners: dict[str, Task]  # in this boot, by exec_id


class Machine:
    def __init__(self, seed: int, conditions: Conditions, node: str = "node-1") -> None:
        self.tasks: list[Task] = []
        self.told: list[Told] = []
        self._owners: dict[str, Task] = {}  # in this boot, by exec_id
        self._node = node
        self._random = Random(seed)
        self._conditions = conditions
        self._now = BEGIN
        self._booted = BEGIN - 100 * SECOND
        self._last_pid = PIDS[0] - 1
        self._cache: dict[str, Image] = {}  # Tetragon's
        self._is_away = False
        self.init = self._begin()
        for _ in range(STEPS):
            self._step()
            if self._random.random() < conditions.restarts / STEPS:
                self._restart()
            if self._random.random() < conditions.boots / STEPS:
                self._boot()
            if self._random.random() < conditions.containers / STEPS:
                self._enter_container()
        self.told.sort(key=lambda told: told.arrival)

    def _step(self) -> None:
        random = self._random
        self._now += random.choice(_PAUSES) + random.randrange(1000)
        if random.random() < 0.01:
            self._now += _LONG_PAUSE
        running = self._running()
        task, pid = random.choice(running), self._free_pid(running)
        act = random.random()
        if act < 0.45:
            if pid is None:
                return
            child = self._fork(pid, task)
            if act > 0.3:
                self._now += random.randrange(SECOND // 10_000, SECOND // 300)
                self._execute(child, self._program())
        elif act < 0.65:
            copies = [each for each in running if each.copied]
            self._execute(random.choice(copies) if copies and random.random() < 0.7 else task, self._program())
        elif act < 0.82:
            self._exit(task)
        else:
            self._tell("process_kprobe", task, function_name="security_file_permission", policy_name="files")

    def _begin(self) -> Task:
        init = self._fork(1, None)
        self._execute(init, "/sbin/init")
        return init

    def _fork(self, pid: int, parent: Task | None) -> Task:
        task = Task(pid, self._now, [parent] if parent is not None else [])
        self.tasks.append(task)
        binary = ""
        if parent is not None:
            binary = parent.now.binary
            self._last_pid = pid
        self._image(task, self._now, "clone", binary, parent.now.exec_id if parent is not None else self._nobody)
        # Of a process that Tetragon does not know it cannot make a copy.
        if not self._misses() and (parent is None or parent.now.exec_id in self._cache):
            self._cache[task.now.exec_id] = task.now
        return task

    def _execute(self, task: Task, binary: str, container: str = "", *, entered: bool = False) -> None:
        if task.pid == 1 and not task.copied:
            return
        if task.copied:
            flags, above = "execve clone", task.parent.now.exec_id if task.parent is not None else self._nobody
        else:
            flags, above = "execve", task.now.exec_id
        self._image(task, self._now, flags, binary, above, container, entered=entered)
        if not self._misses():
            self._cache[task.now.exec_id] = task.now
            self._write("process_exec", task, self._now)

    def _enter_container(self) -> None:
        """A runtime does, which was outside, and ends: a new one, or one that runs."""
        random = self._random
        if len(self._running()) > len(PIDS) - 2:
            return
        inside = sorted({task.now.container for task in self._running()} - {""})
        runtime = self._child(random.choice([task for task in self._running() if not task.now.container]))
        self._execute(runtime, "/usr/bin/runc")
        first = self._child(runtime)
        if inside and random.random() < 0.5:
            self._execute(first, "/bin/sh", random.choice(inside), entered=True)
        else:
            self._execute(first, self._program(), f"{random.randrange(10**9):031}")
        self._exit(runtime)

    def _child(self, parent: Task) -> Task:
        self._now += self._random.randrange(SECOND // 300)
        pid = self._free_pid(self._running())
        assert pid is not None
        return self._fork(pid, parent)

    def _exit(self, task: Task) -> None:
        if task.pid == 1:
            return
        self._tell("process_exit", task, time=rfc3339(self._now))
        task.end = self._now
        for child in self._running():
            if child.parent is task:
                child.parents.append(self.init)

    def _restart(self) -> None:
        if self._conditions.away:
            self._is_away = True
            for _ in range(self._random.randrange(6)):
                self._step()
            self._is_away = False
        self._end_file()
        self._scan()

    def _boot(self) -> None:
        self._end_file()
        for task in self._running():
            task.end = self._now
        self._now += self._random.randrange(10 * SECOND, 1000 * SECOND)
        self._booted, self._owners, self._last_pid = self._now - 2 * SECOND, {}, PIDS[0] - 1
        self._is_away = True
        self.init = self._begin()
        for pid in PIDS[:3]:
            self._now += self._random.randrange(SECOND)
            service = self._fork(pid, self.init)
            self._now += self._random.randrange(SECOND // 100)
            self._execute(service, self._program())
        self._is_away = False
        self._scan()

    def _end_file(self) -> None:
        # What was written before lies in the file before.
        self.told = [told._replace(arrival=min(told.arrival, self._now)) for told in self.told]
        self._now += self._random.randrange(1, 3 * SECOND)

    def _scan(self) -> None:
        running = self._running()
        starts = {task: self._booted + (task.fork - self._booted) // _TICK * _TICK for task in running}
        for task in running:
            above = self._name(starts[task.parent], task.parent.pid) if task.parent is not None else self._nobody
            self._image(task, starts[task], "procFS auid rootcwd", task.now.binary, above)
        self._cache = {task.now.exec_id: task.now for task in running}
        for task in sorted(running, key=lambda task: (task.parent.pid if task.parent is not None else 0, task.pid)):
            self._write("process_exec", task, task.now.start)

    def _image(
        self,
        task: Task,
        start: int,
        flags: str,
        binary: str,
        parent: str,
        container: str = "",
        *,
        entered: bool = False,
    ) -> None:
        """In the container of the one before, or of who forked it, unless another is named."""
        before = task if task.images else task.parent
        if not container and before is not None:
            container, entered = before.now.container, before.now.entered
        name = self._name(start, task.pid)
        task.images.append(Image(name, task.pid, start, flags, binary, parent, container, entered))
        self._owners[task.now.exec_id] = task

    def _name(self, start: int, pid: int) -> str:
        return _named(self._node, start - self._booted, pid)

    @property
    def _nobody(self) -> str:
        """As Tetragon names a parent that it does not know."""
        return _named(self._node, 0, 1)

    def _misses(self) -> bool:
        return self._is_away or self._random.random() < self._conditions.unseen

    def _tell(self, name: str, task: Task, **more: Any) -> None:
        misses = self._misses()
        if not misses or (name == "process_exit" and not self._is_away):
            self._write(name, task, self._now, **more)

    def _write(self, name: str, task: Task, at: int, **more: Any) -> None:
        conditions = self._conditions
        known = self._cache.get(task.now.exec_id)
        if known is None:
            start = rfc3339(task.now.start)
            body: dict[str, Any] = {"process": {"pid": task.pid, "start_time": start, "flags": "unknown"}}
        else:
            body = {"process": _process(known)}
            above = [_process(each) for each in self._above(known)] if conditions.cache else []
            body |= {"parent": above[0]} if above else {}
            body |= {"ancestors": above[1:]} if above[1:] and conditions.ancestors else {}
        if self._random.random() < conditions.unread and name != "process_exit":
            return
        line = orjson.dumps({name: body | more, "node_name": self._node, "time": rfc3339(at)})
        arrival = self._now + (self._random.randrange(conditions.late * SECOND) if conditions.late else 0)
        self.told.append(Told(arrival, line, task, at, task.now, self._owners))

    def _above(self, image: Image) -> Iterator[Image]:
        above = self._cache.get(image.parent)
        while above is not None:
            yield above
            above = self._cache.get(above.parent) if above.pid > 2 else None

    def _running(self) -> list[Task]:
        return [task for task in self.tasks if task.end is None]

    def _free_pid(self, running: Sequence[Task]) -> int | None:
        """The next one, as Linux has it."""
        used = {task.pid for task in running}
        order = [*range(self._last_pid + 1, PIDS.stop), *range(PIDS.start, self._last_pid + 1)]
        return next((pid for pid in order if pid not in used), None)

    def _program(self) -> str:
        random = self._random
        return random.choice(_PROGRAMS) if random.random() < 0.5 else f"/bin/tool-{random.randrange(10**6)}"


def _named(node: str, since_boot: int, pid: int) -> str:
    return b64encode(f"{node}:{since_boot}:{pid}".encode()).decode()


def _process(image: Image) -> dict[str, Any]:
    return {
        "exec_id": image.exec_id,
        "pid": image.pid,
        "uid": 0,
        "cwd": "/",
        "binary": image.binary,
        "flags": image.flags,
        "start_time": rfc3339(image.start),
        "parent_exec_id": image.parent,
        **({"docker": image.container, "in_init_tree": not image.entered} if image.container else {}),
    }
