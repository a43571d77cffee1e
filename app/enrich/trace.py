"""The way up from a process through what is remembered."""

from functools import lru_cache
from typing import Final

from app.enrich.exec_id import TICK, ExecId, decode_exec_id
from app.enrich.memory import Scope
from app.enrich.tree import MOST_IMAGES, Pid, Tree, pid_of
from schemas.lineage import STORM, Above, Execution, Lineage, Source
from schemas.programs import RUNTIMES
from schemas.times import SECOND

FARTHEST: Final = 64  # ancestors; nothing honest is deeper

SLACK: Final = SECOND  # by which a child may seem older than its parent: a scan rounds down, and clocks are set

_ROOT: Final = Above(complete=True)


def trace(scope: Scope, process: Execution, given: Execution | None, time: int) -> Lineage:
    """`given` is the parent that the event brought; `time` is the event's, in ns since 1970."""
    tree = scope.tree
    pid, node, start = process.pid, process.node, process.start
    parent = tree.executions.get(process.parent) or given or _Way(tree, node, time).find(process.parent, process)
    previous: tuple[Execution, ...] = ()
    unknown = process.parent if parent is None else ""
    if parent is not None and parent.pid == pid and pid is not None:
        previous, parent, unknown = _images(tree, process, parent, time)
    suspect = orphan = False
    if parent is not None and _cannot_be_parent(parent, process):
        parent = _image_at_birth(_Way(tree, node, time), parent, process)
        suspect = parent is None
    if parent is None:
        above = _ROOT if pid is not None and pid <= 2 else _nothing_above("" if suspect else unknown, pid)
    else:
        way = tree.way_from(parent)
        above = way[0] if way is not None else _up(tree, parent, node, time)
        # Of what a scan finds the time is that of the fork, when the parent ran for certain.
        orphan = parent.end != 0 and time >= start and _had_exited(tree, parent, time)
    return Lineage(
        process,
        previous,
        above,
        suspect,
        parent is None and bool(previous) and not suspect,
        orphan,
        tree.children(process.parent, start - STORM, start) if start else 0,
        scope.boots.text(node),
    )


@lru_cache(maxsize=4096)
def _nothing_above(unknown: str, pid: int | None) -> Above:
    """`unknown` is where the way ended, `pid` that of the process below."""
    decoded = decode_exec_id(unknown) if unknown else None
    if decoded is None:
        return Above(unknown=unknown)
    if decoded.pid == 0:
        return Above(complete=decoded.since_boot > 0)
    if decoded.pid == pid:
        return Above()  # an earlier image, which is nobody's parent
    return Above(unknown=unknown if decoded.since_boot > 0 else "", unknown_pid=decoded.pid)


def _image_at_birth(way: "_Way", parent: Execution, child: Execution) -> Execution | None:
    """A parent may have become another image since: Tetragon's scan names the present one."""
    image: Execution | None = parent
    for _ in range(MOST_IMAGES):
        if image is None or image.pid != parent.pid or image.pid is None:
            return None
        if not _cannot_be_parent(image, child):
            return image
        image = way.find(image.parent, image)
    return None


def _had_exited(tree: Tree, parent: Execution, time: int) -> bool:
    """Of a process that has had other images since, the last one exits. Whose pid is another's by now is gone."""
    if parent.exited or parent.pid is None:
        return parent.exited and parent.end < time
    last = tree.latest(parent.node, parent.pid)
    if last is not None and last.exec_id == parent.exec_id:
        return parent.end < time  # what came after it is forgotten, as only the dead are
    for here in tree.line(last, MOST_IMAGES):
        if here.exec_id == parent.exec_id or _was_until_exec(parent, here):
            return last is not None and last.exited and last.end < time
        if not _is_image(tree, here.parent, parent.pid):
            return parent.end <= here.start < time
    return False


def _was_until_exec(copy: Execution, execution: Execution) -> bool:
    """A copy of who forked it, until it executes. Its exec is of another parent if who forked has ended before.

    It may as well have ended unseen, and another have got its pid; that is no exit that is known.
    """
    return copy.end == execution.start


def _is_image(tree: Tree, exec_id: str, pid: int) -> bool:
    known = tree.executions.get(exec_id)
    named = known if known is not None and known.pid is not None else decode_exec_id(exec_id)
    return named is None or named.pid == pid


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
        above = way.find(unknown, above)
    return tuple(reversed(images)), above, unknown if above is None else ""


def _up(tree: Tree, parent: Execution, node: str, time: int) -> Above:
    way = _Way(tree, node, time)
    ancestors = [parent]
    unknown = ""
    joined: Above | None = None
    here = parent
    while not (here.pid is not None and here.pid <= 2) and len(ancestors) < FARTHEST:
        unknown = here.parent
        above = way.find(unknown, here)
        images = 0
        while above is not None and above.pid == here.pid and above.pid is not None and images < MOST_IMAGES:
            unknown = above.parent
            above = way.find(unknown, above)
            images += 1
        if above is None or images == MOST_IMAGES:
            break
        unknown = ""
        if _cannot_be_parent(above, here):
            above = _image_at_birth(way, above, here)
            if above is None:
                break
        known = tree.way_from(above)
        if known is not None:
            joined = known[0]
            ancestors += joined.ancestors
            way.asked += known[1]
            break
        ancestors.append(above)
        here = above
    if len(ancestors) > FARTHEST:
        del ancestors[FARTHEST:]
        unknown, joined = "", None
    last = ancestors[-1].pid
    end = joined if joined is not None else _ROOT if last is not None and last <= 2 else _nothing_above(unknown, last)
    found = Above(tuple(ancestors), end.unknown, end.unknown_pid, end.complete)
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

    def find(self, exec_id: str, child: Execution) -> Execution | None:
        """By name; else what ran in the pid that the name tells when `child` began, if that is not its own pid."""
        if not exec_id:
            return None
        self.asked.append(exec_id)
        found = self._tree.executions.get(exec_id)
        if found is not None:
            return found
        decoded = decode_exec_id(exec_id)
        if decoded is None or decoded.pid == child.pid or decoded.pid == 0:
            return None
        # Since then, the pid may have become another's.
        time = min(child.start or self._time, self._time)
        before, after = self._tree.around(self._node, decoded.pid, time)
        if before is None and after is None:
            self.asked.append(pid_of(self._node, decoded.pid))
            return None
        self.guessed = True
        if before is not None:
            likeliest = before if not 0 < before.end < time else None
        else:
            likeliest = after if after is not None and after.start <= time + SLACK else None
        if likeliest is None or not _may_be(likeliest, decoded):
            return None
        # A pid may be used again so soon that a guess takes a grandchild for the parent.
        descends = any(each.exec_id == child.exec_id for each in self._tree.line(likeliest, FARTHEST))
        return likeliest if not descends else None


def _may_be(execution: Execution, named: ExecId) -> bool:
    """Another image of the process that has that name."""
    if not named.since_boot:
        return True
    if execution.source is Source.EMBEDDED:
        return False  # what others brought along may have been dead by then
    own = decode_exec_id(execution.exec_id)
    # A scan names a process by its fork, and all its images are younger.
    return own is None or own.since_boot >= named.since_boot or named.since_boot % TICK != 0


def _cannot_be_parent(parent: Execution, child: Execution) -> bool:
    if child.start and (parent.forked or parent.start) > child.start + SLACK:
        return True
    if not parent.container or child.container or child.source is Source.STUB:
        return False
    # A runtime is in the container for a moment, while it makes it.
    return not parent.name.startswith(RUNTIMES)
