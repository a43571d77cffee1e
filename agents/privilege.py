"""What a process may do more, or less, than it did before: credentials, capabilities, namespaces, and why.

So do what gives power without changing who the process is: a set-id bit or capabilities on a file, a kernel module, a
program in the kernel that watches others, a trace of another process.
"""

from typing import Any, Final

from agents import Fields, Memory, agent
from schemas.actor import actor_of
from schemas.causes import changes_rights, execution_cause, explains, file_cause, of_setuid_file
from schemas.difference import Difference, difference
from schemas.elevation import Tags, call_tags, execution_tags, namespace_tags, verdict
from schemas.holder import Holder, after_call
from schemas.lineage import Execution, Lineage, Source
from schemas.operation import Operation, operations
from schemas.powers import POWERS, power_tags
from schemas.tetragon import Event, ProcessExec
from schemas.times import SECOND

SOON: Final = 60 * SECOND  # between a call of a forked process and its exec


@agent(events={"process_exec", "process_kprobe", "process_lsm", "process_tracepoint"}, adds={"tetragon.privilege"})
def privilege(event: Event, lineage: Lineage, memory: Memory) -> Fields:
    if type(event.body) is ProcessExec:
        return _executed(event, lineage, memory)
    for operation in operations(event):
        if operation.failed:
            continue
        if changes_rights(operation):
            return _called(event.time or 0, lineage.process, operation, memory)
        if operation.kind in POWERS and event.process is not None:
            tags = power_tags(operation, lineage.process, actor_of(event.process, lineage))
            if tags:
                fields = {"since": "call", "direction": "raised", "changes": [POWERS[operation.kind]]}
                return _told(fields, operation.kind, tags)
    return {}


def _executed(event: Event, lineage: Lineage, memory: Memory) -> Fields:
    process = lineage.process
    if process.source is Source.PROCFS:
        return {}  # it was found, not begun
    base = lineage.previous[-1] if lineage.previous else lineage.parent
    before = _held(base, memory) if base is not None else None
    after = Holder(process.uid, process.rights)
    found = difference(before, after) if before is not None else None
    assert event.process is not None
    cause = file_cause(event.process.binary_properties)
    if found is None and (not cause or (before is not None and before == after)):
        return {}
    fields: dict[str, Any] = {"direction": "raised"}
    if found is not None and base is not None and before is not None:
        fields |= found.fields
        fields["changes"] = found.changes
        fields["since"] = "previous" if lineage.previous else "parent"
        fields["direction"] = "raised" if cause else found.direction
        cause = cause or _noted_call(process, after, found, event.time or 0, memory)
        cause = cause or execution_cause(found, before, after, base, process)
    return _told(fields, cause, execution_tags(found, before, base, process, cause, lineage.ancestors))


def _called(time: int, process: Execution, call: Operation, memory: Memory) -> Fields:
    before = _held(process, memory)
    asked = call.kind != "credentials" and call.returned is None
    fields: dict[str, Any] = {"since": "call", **({"asked": True} if asked else {})}
    if call.kind in ("setns", "unshare"):
        _remember(process, time, before, call.kind, memory)
        spaces = {"namespaces": {"changed": call.namespaces}} if call.namespaces else {}
        fields |= {"direction": "changed", "changes": ["namespaces"], **spaces}
        return _told(fields, call.kind, namespace_tags(before, process, call))
    after = after_call(before, call)
    found = difference(before, after)
    if found is None:
        return {}
    fields |= {**found.fields, "direction": found.direction, "changes": found.changes}
    by_file = of_setuid_file(found, before, call)
    cause = "setuid_file" if by_file else call.kind
    # What an exec commits is the next image's, not this one's.
    _remember(process, time, after, cause, memory, only_cause=asked or by_file)
    return _told(fields, cause, call_tags(found, before, process, call, asked=asked))


def _remember(
    process: Execution, time: int, held: Holder, cause: str, memory: Memory, *, only_cause: bool = False
) -> None:
    if process.pid is not None:
        memory[_place(process)] = [process.exec_id, time, held.uid, held.rights, cause, only_cause]


def _held(process: Execution, memory: Memory) -> Holder:
    """What it may do since its last call, else since its exec."""
    note = memory.get(_place(process))
    if note is not None and note[0] == process.exec_id and not note[5]:
        return Holder(note[2], note[3])
    return Holder(process.uid, process.rights)


def _noted_call(process: Execution, after: Holder, found: Difference, time: int, memory: Memory) -> str:
    """The call that gave the pid these rights before its exec: a child is forked, sets its ids, and becomes another."""
    note = memory.get(_place(process))
    if note is None or not 0 <= time - note[1] <= SOON or Holder(note[2], note[3]).user != after.user:
        return ""
    return str(note[4]) if explains(note[4], found) else ""


def _place(process: Execution) -> str:
    return f"{process.node}:{process.pid}"


def _told(fields: dict[str, Any], cause: str, tags: Tags) -> Fields:
    named = {"cause": cause} if cause else {}
    return {"tetragon.privilege": {**fields, **named, **verdict(tags)}}
