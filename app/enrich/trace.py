"""The way up from a process through what is remembered."""

from typing import Final

from app.enrich.exec_id import decode_exec_id
from app.enrich.memory import Scope
from schemas.lineage import Execution, Lineage
from schemas.times import SECOND

FARTHEST: Final = 64  # ancestors; nothing honest is deeper
STEPS: Final = 128  # on the whole way, images of one pid included: wrong data may go in circles

# They put a process into a container while they are in it themselves.
_RUNTIMES: Final = ("runc", "crun", "youki", "containerd-shim", "conmon", "docker", "podman", "crio", "kata")


def trace(scope: Scope, process: Execution, given: Execution | None, time: int) -> Lineage:
    """`given` is the parent that the event brought; `time` is the event's, in ns."""
    way = _Way(scope, process.node, time)
    executions = scope.tree.executions
    previous: list[Execution] = []
    above = given if given is not None else way.find(process.parent, process)
    unknown = process.parent if above is None else ""
    # Without a fork in between, Tetragon's parent is what the same process was before.
    while above is not None and above.pid == process.pid and above.pid is not None:
        if above.exec_id == process.exec_id or not way.step():
            above = None
            break
        previous.insert(0, above)
        unknown = above.parent
        above = way.find(above.parent, process)
    suspect = above is not None and _cannot_be_parent(above, process)
    if suspect or above is None:
        root = process.pid is not None and process.pid <= 2
        return Lineage(process, previous, (), "" if root else unknown, root, suspect, bool(previous) and not root)
    ancestors = [above]
    unknown = ""
    while not (complete := above.pid is not None and above.pid <= 2) and len(ancestors) < FARTHEST and way.step():
        below, unknown = above, above.parent
        above = executions.get(unknown) or way.find(unknown, below)
        while above is not None and above.pid == below.pid and above.pid is not None and way.step():
            unknown = above.parent
            above = way.find(unknown, below)
        if above is None:
            break
        ancestors.append(above)
        unknown = ""
    return Lineage(process, previous, ancestors, unknown, complete, False, False)


class _Way:
    __slots__ = ("_node", "_scope", "_steps", "_time")

    def __init__(self, scope: Scope, node: str, time: int) -> None:
        self._scope = scope
        self._node = node
        self._time = time
        self._steps = 0

    def step(self) -> bool:
        self._steps += 1
        return self._steps < STEPS

    def find(self, exec_id: str, child: Execution) -> Execution | None:
        """By name; else what ran in the pid that the name tells."""
        if not exec_id:
            return None
        found = self._scope.tree.executions.get(exec_id)
        if found is not None:
            return found if found.exec_id != child.exec_id else None
        decoded = decode_exec_id(exec_id)
        if decoded is None or decoded.pid == child.pid or decoded.pid == 0:
            return None
        latest = self._scope.tree.latest(self._node, decoded.pid)
        if latest is None or latest.start > self._time or 0 < latest.end < self._time:
            return None
        return latest


def _cannot_be_parent(parent: Execution, child: Execution) -> bool:
    if parent.start and child.start and parent.start > child.start + SECOND:
        return True
    return bool(parent.container) and not child.container and not parent.name.startswith(_RUNTIMES)
