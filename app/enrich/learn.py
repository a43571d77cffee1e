"""What an event teaches about executions: its process's, its parent's and its ancestors'."""

import sys
from typing import Final

from msgspec.structs import replace

from app.enrich.boots import JUMP
from app.enrich.exec_id import TICK, decode_exec_id
from app.enrich.memory import Scope
from app.enrich.tree import MOST_IMAGES, Tree
from schemas.lineage import Execution, Source
from schemas.rights import raised_by_file, rights_of
from schemas.tetragon import UNSET_UID, Event, Process, ProcessExec, ProcessExit
from schemas.times import nanoseconds

LONGEST: Final = 1024  # characters of a string that is remembered; an event's own document has all of it


def learn(scope: Scope, event: Event, process: Process, start: int) -> tuple[Execution, Execution | None]:
    """Remembers what is new. The executions of the event's process and of its parent, if it brings one.

    `process` is the event's, and `start` its start in ns since 1970, 0 if unknown.
    """
    node = node_in(scope, event)
    for ancestor in reversed(event.ancestors):
        _learn_one(scope, ancestor, node)
    parent = _learn_one(scope, event.parent, node) if event.parent is not None else None
    body = event.body
    if type(body) is ProcessExec:
        return _learn_exec(scope, process, node, start, parent), parent
    learnt = _learn_one(scope, process, node, parent)
    if type(body) is ProcessExit and not learnt.exited:
        time = nanoseconds(body.time) or event.time or scope.clock.now or learnt.start or 1
        named, followed = learnt.exec_id != "", learnt.end != 0
        learnt = replace(learnt, end=time, exited=True)
        if named:
            scope.tree.put(learnt)
        if followed or not named:
            _end_others(scope.tree, learnt, learnt.start if named else 0)
    return learnt, parent


def _end_others(tree: Tree, exited: Execution, since: int) -> None:
    """An exit may name an image that its process is no longer, or none that Tetragon knows: what began in the pid after
    `since`, and before it, ended with it."""
    last = tree.latest(exited.node, exited.pid) if exited.pid is not None else None
    if last is not None and not last.end and since < last.start < exited.end:
        tree.put(replace(last, end=exited.end, exited=True))


def node_in(scope: Scope, event: Event) -> str:
    """Empty where it is the one that the scope is of."""
    return sys.intern(event.node_name) if event.node_name != scope.node else ""


def _learn_exec(scope: Scope, process: Process, node: str, start: int, parent: Execution | None) -> Execution:
    learnt = _execution(process, node, Source.EXEC, start, parent)
    if not process.exec_id:
        return learnt
    known = scope.tree.executions.get(process.exec_id)
    if known is None:
        return _add(scope, learnt)
    if 0 < known.start < scope.boots.of(node) - JUMP < start:
        # Every boot begins with the same steps, and the time that a scan tells is rounded.
        scope.tree.forget(known)
        return _add(scope, learnt)
    merged = _merge(scope, known, learnt)
    # It was found and not begun, whatever was known before.
    return merged if learnt.source is not Source.PROCFS else replace(merged, source=Source.PROCFS)


def _learn_one(scope: Scope, process: Process, node: str, parent: Execution | None = None) -> Execution:
    if not process.exec_id:
        return _embedded(process, node, parent)
    known = scope.tree.executions.get(process.exec_id)
    if known is None:
        return _add(scope, _embedded(process, node, parent))
    if (
        known.source is not Source.STUB
        and known.start
        and known.parent
        and (known.rights or not _tells_rights(process))
    ):
        return known
    return _merge(scope, known, _embedded(process, node, parent))


def _tells_rights(process: Process) -> bool:
    return bool(process.raw_credentials or process.raw_cap or process.raw_ns)


def _embedded(process: Process, node: str, parent: Execution | None) -> Execution:
    return _execution(process, node, Source.EMBEDDED, nanoseconds(process.start_time) or 0, parent)


def _execution(process: Process, node: str, source: Source, start: int, parent: Execution | None) -> Execution:
    """Two hundred thousand are remembered: what `parent` has, or others, is not kept once more."""
    if not process.binary:
        source = Source.STUB
    elif "procFS" in process.flags:
        source = Source.PROCFS
    joined = process.in_init_tree is False and process.docker != ""
    return Execution(
        process.exec_id,
        process.pid,
        parent.exec_id
        if parent is not None and process.parent_exec_id in (parent.exec_id, "")
        else process.parent_exec_id,
        sys.intern(process.binary[:LONGEST]),
        process.arguments[:LONGEST],
        sys.intern(process.cwd[:LONGEST]),
        start,
        process.uid,
        process.auid if process.auid != UNSET_UID else None,
        sys.intern(process.docker[:LONGEST]),
        node,
        source,
        rights=sys.intern(rights_of(process)),
        raised=raised_by_file(process),
        joined=joined,
        probe=joined and _is_probe(process),
    )


def _is_probe(process: Process) -> bool:
    pod = process.pod
    return pod is not None and pod.container is not None and pod.container.maybe_exec_probe


def _merge(scope: Scope, known: Execution, learnt: Execution) -> Execution:
    """The better source is believed, the other fills what it leaves open."""
    better, other = (learnt, known) if learnt.source > known.source else (known, learnt)
    merged = Execution(
        known.exec_id,
        better.pid if better.pid is not None else other.pid,
        better.parent or other.parent,
        better.binary or other.binary,
        better.arguments or other.arguments,
        better.cwd or other.cwd,
        better.start or other.start,
        better.uid if better.uid is not None else other.uid,
        better.auid if better.auid is not None else other.auid,
        better.container or other.container,
        known.node,
        better.source,
        known.end,
        known.exited,
        better.rights or other.rights,
        known.raised or learnt.raised,
        known.joined or learnt.joined,
        known.probe or learnt.probe,
        known.alias,
        known.forked,
    )
    if merged != known:
        scope.tree.put(merged)
    return merged


def _add(scope: Scope, learnt: Execution) -> Execution:
    tree = scope.tree
    tree.late += tree.has_children(learnt.exec_id)
    if learnt.pid is not None:
        learnt = _in_turn(scope, learnt, learnt.pid)
    tree.put(learnt)
    return learnt


def _in_turn(scope: Scope, learnt: Execution, pid: int) -> Execution:
    """Two executions in one pid follow each other: the earlier has ended when the later starts."""
    tree = scope.tree
    start = learnt.start
    if not start:
        held = tree.latest(learnt.node, pid)
        if held is not None and not held.end:
            tree.put(replace(held, end=held.start or 1))
        return learnt
    before, after = tree.around(learnt.node, pid, start)
    if before is not None and not before.exited and not 0 < before.end <= start:
        tree.put(replace(before, end=start))
    elif before is not None and before.exited and before.end > _latest_start(learnt) and not learnt.end:
        learnt = replace(learnt, end=before.end, exited=True)
    if after is not None:
        if learnt.source is Source.PROCFS:
            learnt = _found(scope, learnt, pid)
        elif not learnt.end:
            learnt = replace(learnt, end=after.start)
    if start < scope.boots.of(learnt.node) - JUMP and not learnt.end:
        learnt = replace(learnt, end=scope.boots.of(learnt.node))  # late, from before the boot
    return learnt


def _latest_start(execution: Execution) -> int:
    """A scan rounds down."""
    return execution.start + (TICK if execution.source is Source.PROCFS else 0)


def _found(scope: Scope, learnt: Execution, pid: int) -> Execution:
    """A scan names it by its fork: others that executed in its pid since then did so before the scan, or after it."""
    tree = scope.tree
    last = tree.latest(learnt.node, pid)
    for image in tree.line(last, MOST_IMAGES):
        if image.pid != pid:
            break
        if image.parent == learnt.exec_id or _lies_between(tree, learnt, image.parent):
            return replace(learnt, end=image.start)  # the scan comes late
    if last is not None and not last.end:
        # It runs another image now: the exec was missed.
        tree.put(replace(last, end=max(scope.clock.now, last.start, 1)))
    elif last is not None and last.exited and not learnt.end:
        return replace(learnt, end=last.end, exited=True)
    return learnt


def _lies_between(tree: Tree, learnt: Execution, exec_id: str) -> bool:
    """It names an image that is not known yet, of the same process and after `learnt`."""
    if exec_id in tree.executions:
        return False
    named, own = decode_exec_id(exec_id), decode_exec_id(learnt.exec_id)
    return named is not None and own is not None and named.pid == own.pid and named.since_boot > own.since_boot
