"""The way up from a process through what is remembered."""

from typing import Final

from app.enrich.exec_id import decode_exec_id
from app.enrich.memory import Scope
from app.enrich.tree import Pid, Tree, pid_of
from schemas.lineage import Above, Execution, Lineage
from schemas.programs import RUNTIMES
from schemas.times import SECOND

FARTHEST: Final = 64  # ancestors; nothing honest is deeper
MOST_IMAGES: Final = 32  # of one pid on the way; wrong data may go in circles

_NOTHING: Final = Above()
_ROOT: Final = Above(complete=True)


def trace(scope: Scope, process: Execution, given: Execution | None, time: int) -> Lineage:
    """`given` is the parent that the event brought; `time` is the event's, in ns since 1970."""
    tree = scope.tree
    pid = process.pid
    parent = given if given is not None else _Way(tree, process.node, time).find(process.parent, pid)
    previous: tuple[Execution, ...] = ()
    unknown = process.parent if parent is None else ""
    if parent is not None and parent.pid == pid and pid is not None:
        previous, parent, unknown = _images(tree, process, parent, time)
    if parent is None:
        if pid is not None and pid <= 2:
            return Lineage(process, previous, _ROOT, False, False)
        return Lineage(process, previous, Above(unknown=unknown) if unknown else _NOTHING, False, bool(previous))
    if _cannot_be_parent(parent, process):
        return Lineage(process, previous, _NOTHING, True, False)
    way = tree.way_from(parent)
    above = way[0] if way is not None else _up(tree, parent, process.node, time)
    return Lineage(process, previous, above, False, False)


def _images(
    tree: Tree, process: Execution, image: Execution, time: int
) -> tuple[tuple[Execution, ...], Execution | None, str]:
    """Without a fork in between, Tetragon's parent is what the same process was before.

    The earlier images, oldest first; the parent of the first, or the exec_id of the one that is not known.
    """
    way = _Way(tree, process.node, time)
    images: list[Execution] = []
    above: Execution | None = image
    unknown = ""
    while above is not None and above.pid == process.pid:
        if above.exec_id == process.exec_id or len(images) == MOST_IMAGES:
            above = None
            break
        images.append(above)
        unknown = above.parent
        above = way.find(unknown, process.pid)
    return tuple(reversed(images)), above, unknown if above is None else ""


def _up(tree: Tree, parent: Execution, node: str, time: int) -> Above:
    way = _Way(tree, node, time)
    ancestors = [parent]
    unknown = ""
    here = parent
    while not (here.pid is not None and here.pid <= 2) and len(ancestors) < FARTHEST:
        unknown = here.parent
        above = way.find(unknown, here.pid)
        images = 0
        while above is not None and above.pid == here.pid and above.pid is not None and images < MOST_IMAGES:
            unknown = above.parent
            above = way.find(unknown, here.pid)
            images += 1
        if above is None or images == MOST_IMAGES:
            break
        unknown = ""
        known = tree.way_from(above)
        if known is not None:
            ancestors += known[0].ancestors
            unknown = known[0].unknown
            way.asked += known[1]
            break
        ancestors.append(above)
        here = above
    if len(ancestors) > FARTHEST:
        del ancestors[FARTHEST:]
        unknown = ""
    last = ancestors[-1].pid
    found = Above(tuple(ancestors), unknown, last is not None and last <= 2)
    if parent.exec_id and not way.guessed:
        way.asked.append(parent.exec_id)
        tree.keep_way(found, way.asked)
    return found


class _Way:
    __slots__ = ("_node", "_time", "_tree", "asked", "guessed")

    def __init__(self, tree: Tree, node: str, time: int) -> None:
        self._tree = tree
        self._node = node
        self._time = time
        self.asked: list[str | Pid] = []  # exec_ids, and pids of which no execution is known
        self.guessed = False  # something depends on the time too

    def find(self, exec_id: str, child: int | None) -> Execution | None:
        """By name; else what ran in the pid that the name tells, if that is not `child`'s own."""
        if not exec_id:
            return None
        self.asked.append(exec_id)
        found = self._tree.executions.get(exec_id)
        if found is not None:
            return found
        decoded = decode_exec_id(exec_id)
        if decoded is None or decoded.pid == child or decoded.pid == 0:
            return None
        latest = self._tree.latest(self._node, decoded.pid)
        if latest is None:
            self.asked.append(pid_of(self._node, decoded.pid))
            return None
        self.guessed = True
        if latest.start > self._time or 0 < latest.end < self._time:
            return None
        return latest


def _cannot_be_parent(parent: Execution, child: Execution) -> bool:
    if parent.start and child.start and parent.start > child.start + SECOND:
        return True
    # A runtime is in the container for a moment, while it makes it.
    return bool(parent.container) and not child.container and not parent.name.startswith(RUNTIMES)
