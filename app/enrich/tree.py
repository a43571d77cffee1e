"""The executions that are remembered of one scope, by exec_id and by pid."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

from app.enrich.changes import Changes
from schemas.lineage import Above, Execution, Source, shared
from schemas.times import SECOND

OWNER: Final = "@process"

TTL: Final = 600 * SECOND  # of a dead one: late events come within 30 s, rules look back 5 minutes at most
MOST: Final = 16_384  # in one scope; beyond, the eighth goes that is missed least

MOST_IMAGES: Final = 32  # of one pid on a way; wrong data may go in circles
MOST_WATCHED: Final = 65_536  # names of ways, eight or so a way

_DECODER: Final = msgspec.json.Decoder(Execution)

Pid: TypeAlias = int | tuple[str, int]  # with the node, where a scope holds several
Way: TypeAlias = tuple[Above, Sequence[str | Pid]]  # with all that it depends on


class Tree:
    """An execution is immutable: to change one is to put another in its place."""

    __slots__ = (
        "_changes",
        "_children",
        "_pids",
        "_scope",
        "_watched",
        "_watching",
        "_ways",
        "aliased",
        "aliases",
        "executions",
        "late",
    )

    def __init__(self, scope: str, changes: Changes) -> None:
        self.executions: dict[str, Execution] = {}
        self.aliased = 0  # aliases given so far, and executions learnt after their children; both only to be counted
        self.late = 0
        # Not stored: these follow from the executions. A pid that was used once, a parent of one, is most of them.
        self.aliases: dict[str, str] = {}  # to the exec_id of the one that has it
        self._pids: dict[Pid, str | tuple[str, ...]] = {}
        self._children: dict[str, int | list[int]] = {}  # their starts in order, by the parent's exec_id
        self._ways: dict[str, Way] = {}  # neither: they are found again
        self._watched: dict[str | Pid, list[str]] = {}  # what ways depend on, known or not, and their names
        self._watching = 0  # names in _watched, those of ways that are gone included
        self._scope = scope
        self._changes = changes

    def put(self, execution: Execution) -> None:
        exec_id = execution.exec_id
        known = self.executions.get(exec_id)
        self.executions[exec_id] = execution
        self._relate(known, execution)
        if exec_id in self._watched:
            self._forget_ways(exec_id)
        self._changes.note(
            (self._scope, OWNER, exec_id),
            2 * len(exec_id)
            + len(execution.binary)
            + len(execution.arguments)
            + len(execution.cwd)
            + len(execution.rights),
        )
        if known is None or known.pid != execution.pid:
            self._index(known, execution)
            if len(self.executions) > MOST:
                self._shrink(MOST - MOST // 8)

    def latest(self, node: str, pid: int) -> Execution | None:
        """The execution that runs in `pid` now, else the one that ran in it last."""
        found = self._pids.get(pid_of(node, pid))
        if found is None:
            return None
        if isinstance(found, str):
            return self.executions[found]
        return max(map(self.executions.__getitem__, found), key=_recency)

    def around(self, node: str, pid: int, time: int) -> tuple[Execution | None, Execution | None]:
        """The last execution in `pid` that started by then, and the first that started after."""
        found = self._pids.get(pid_of(node, pid))
        if found is None:
            return None, None
        if isinstance(found, str):
            only = self.executions[found]
            return (only, None) if only.start <= time else (None, only)
        before = after = None
        for each in sorted(map(self.executions.__getitem__, found), key=_seniority):
            if each.start > time:
                after = each
                break
            before = each
        return before, after

    def living(self, node: str, pid: int) -> Execution | None:
        """The execution in `pid` that is not known to have ended, if there is just one."""
        found = self._pids.get(pid_of(node, pid), ())
        alive = [each for each in map(self.executions.__getitem__, _several(found)) if not each.end]
        return alive[0] if len(alive) == 1 else None

    def children(self, parent: str, since: int, until: int) -> int:
        """How many processes the execution of that name started after `since`, and not after `until`."""
        held = self._children.get(parent)
        if held is None:
            return 0
        if isinstance(held, int):
            return 1 if since < held <= until else 0
        return bisect_right(held, until) - bisect_right(held, since)

    def has_children(self, parent: str) -> bool:
        return parent in self._children

    def line(self, execution: Execution | None, most: int) -> Iterator[Execution]:
        """It, its parent, and so on up, as far as they are known by name."""
        here = execution
        for _ in range(most):
            if here is None:
                return
            yield here
            here = self.executions.get(here.parent)

    def of_node(self, node: str) -> Iterator[Execution]:
        return (each for each in list(self.executions.values()) if each.node == node)

    def forget(self, execution: Execution) -> None:
        self._drop(execution)

    def way_from(self, parent: Execution) -> Way | None:
        """What `keep_way` was given, unless something on it has changed since."""
        return self._ways.get(parent.exec_id)

    def keep_way(self, above: Above, asked: Sequence[str | Pid]) -> None:
        """The first ancestor names the way. `asked`: all exec_ids looked for, and the pids of which none was known."""
        if self._watching > MOST_WATCHED:
            self._forget_all_ways()
        self._watching += len(asked)
        name = above.ancestors[0].exec_id
        self._ways[name] = (above, asked)
        for each in asked:
            self._watched.setdefault(each, []).append(name)

    def _forget_all_ways(self) -> None:
        self._ways.clear()
        self._watched.clear()
        self._watching = 0

    def _forget_ways(self, changed: str | Pid) -> None:
        names = self._watched.pop(changed)
        self._watching -= len(names)
        for name in names:
            self._ways.pop(name, None)

    def sweep(self, now: int) -> None:
        """Forgets the dead whose time is over and from whom nothing that lives descends."""
        needed = self._ancestors_of_the_living()
        expired = now - TTL
        for execution in list(self.executions.values()):
            if execution.end and execution.end <= expired and execution.exec_id not in needed:
                self._drop(execution)

    def value(self, name: str) -> bytes | None:
        execution = self.executions.get(name)
        return msgspec.json.encode(execution) if execution is not None else None

    def restore(self, name: str, value: bytes | None) -> None:
        self._forget_all_ways()
        known = self.executions.pop(name, None)
        restored = shared(_DECODER.decode(value)) if value is not None else None
        if restored is not None:
            self.executions[name] = restored
        self._relate(known, restored)
        self._index(known, restored)

    def _shrink(self, keep: int) -> None:
        # The dead go first; then the living without children, of which the longest-lived are the likeliest to have
        # ended unseen; ancestors of the living last, for they are few and everything hangs on them.
        needed = self._ancestors_of_the_living()
        order = sorted(
            self.executions.values(),
            key=lambda each: (each.exec_id in needed, not each.end, each.end or each.start, each.exec_id),
        )
        for execution in order[: len(order) - keep]:
            self._drop(execution)

    def _drop(self, execution: Execution) -> None:
        del self.executions[execution.exec_id]
        self._relate(execution, None)
        if execution.exec_id in self._watched:
            self._forget_ways(execution.exec_id)
        self._index(execution, None)
        self._changes.note((self._scope, OWNER, execution.exec_id), 0)

    def _index(self, before: Execution | None, after: Execution | None) -> None:
        if before is not None and before.pid is not None:
            pid = pid_of(before.node, before.pid)
            rest = tuple(exec_id for exec_id in _several(self._pids.pop(pid)) if exec_id != before.exec_id)
            if rest:
                self._pids[pid] = rest if len(rest) > 1 else rest[0]
        if after is not None and after.pid is not None:
            pid = pid_of(after.node, after.pid)
            if pid in self._watched:
                self._forget_ways(pid)
            held = self._pids.get(pid)
            self._pids[pid] = after.exec_id if held is None else (*_several(held), after.exec_id)

    def _relate(self, before: Execution | None, after: Execution | None) -> None:
        """Keeps what follows from the executions when `after` comes in the place of `before`."""
        old = _birth(before) if before is not None else None
        new = _birth(after) if after is not None else None
        if old != new:
            if old is not None:
                self._remove_child(*old)
            if new is not None:
                self._add_child(*new)
        if before is not None and before.alias and self.aliases.get(before.alias) == before.exec_id:
            del self.aliases[before.alias]
        if after is not None and after.alias:
            self.aliases[after.alias] = after.exec_id

    def _add_child(self, parent: str, start: int) -> None:
        held = self._children.get(parent)
        if held is None:
            self._children[parent] = start
        elif isinstance(held, int):
            self._children[parent] = sorted((held, start))
        else:
            insort(held, start)

    def _remove_child(self, parent: str, start: int) -> None:
        held = self._children[parent]
        if isinstance(held, int):
            del self._children[parent]
        else:
            del held[bisect_left(held, start)]
            if not held:
                del self._children[parent]

    def _ancestors_of_the_living(self) -> set[str]:
        executions = self.executions
        needed: set[str] = set()
        for execution in executions.values():
            if not execution.end:
                parent = execution.parent
                while parent not in needed and (above := executions.get(parent)) is not None:
                    needed.add(parent)
                    parent = above.parent
        return needed


def pid_of(node: str, pid: int) -> Pid:
    return (node, pid) if node else pid


def _several(held: str | tuple[str, ...]) -> tuple[str, ...]:
    return (held,) if isinstance(held, str) else held


def _birth(execution: Execution) -> tuple[str, int] | None:
    """Its parent and start, if it counts as a child: one that executed, or ended without."""
    # Of one that only forked, and is to execute, the execution will be counted.
    if execution.source is not Source.EXEC and not execution.exited:
        return None
    return (execution.parent, execution.start) if execution.start and execution.parent else None


def _seniority(execution: Execution) -> tuple[int, str]:
    return (execution.start, execution.exec_id)


def _recency(execution: Execution) -> tuple[bool, int, str]:
    return (not execution.end, execution.start, execution.exec_id)
