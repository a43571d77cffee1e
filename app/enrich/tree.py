"""The executions that are remembered of one scope, by exec_id and by pid."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from app.enrich.changes import Changes
from schemas.lineage import Above, Execution, shared
from schemas.times import SECOND

OWNER: Final = "@process"

TTL: Final = 600 * SECOND  # of a dead one: late events come within 30 s, rules look back 5 minutes at most
MOST: Final = 16_384  # in one scope; beyond, the eighth goes that is missed least

MOST_WATCHED: Final = 65_536  # names of ways, eight or so a way

_DECODER: Final = msgspec.json.Decoder(Execution)

Pid: TypeAlias = int | tuple[str, int]  # with the node, where a scope holds several
Way: TypeAlias = tuple[Above, Sequence[str | Pid]]  # with all that it depends on


class Tree:
    """An execution is immutable: to change one is to put another in its place."""

    __slots__ = ("_changes", "_pids", "_scope", "_watched", "_watching", "_ways", "executions")

    def __init__(self, scope: str, changes: Changes) -> None:
        self.executions: dict[str, Execution] = {}
        # Not stored: it follows from the executions. A pid that was used once is most of them.
        self._pids: dict[Pid, str | tuple[str, ...]] = {}
        self._ways: dict[str, Way] = {}  # neither: they are found again
        self._watched: dict[str | Pid, list[str]] = {}  # what ways depend on, known or not, and their names
        self._watching = 0  # names in _watched, those of ways that are gone included
        self._scope = scope
        self._changes = changes

    def put(self, execution: Execution) -> None:
        exec_id = execution.exec_id
        known = self.executions.get(exec_id)
        self.executions[exec_id] = execution
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


def _recency(execution: Execution) -> tuple[bool, int, str]:
    return (not execution.end, execution.start, execution.exec_id)
