"""What a process may do more, or less, than it did before: credentials, capabilities, namespaces, and why.

So do what gives power without changing who the process is: a set-id bit or capabilities on a file, a kernel module, a
program in the kernel that watches others, a trace of another process, a change of accounts. What a process holds since
an earlier image or an ancestor of its got it, `tetragon.privilege.origin` tells. From severity 2 on a tag is a finding,
`privilege.<tag>`. All tags are in docs/privilege.md.
"""

from collections.abc import Sequence
from typing import Any, Final
from zlib import crc32

from agents import FINDINGS, Fields, Memory, agent
from schemas.actor import actor_of
from schemas.escape.actor import begins_container, is_own, is_runtimes
from schemas.finding import FOUND
from schemas.lineage import Execution, Lineage, Source
from schemas.operation import Operation, operations
from schemas.privilege.alarms import findings_of
from schemas.privilege.causes import (
    changes_rights,
    execution_cause,
    explains,
    file_cause,
    is_runtime,
    of_setuid_file,
)
from schemas.privilege.deeds import CHANGES, DOERS, deed_tags
from schemas.privilege.difference import Difference, difference
from schemas.privilege.elevation import Tags, call_tags, execution_tags, namespace_tags, use_tags, verdict
from schemas.privilege.holder import Holder, after_call
from schemas.privilege.origin import Origin, origin_of
from schemas.privilege.powers import POWERS, power_tags
from schemas.tetragon import Event, Process, ProcessExec
from schemas.times import SECOND

SOON: Final = 60 * SECOND  # between a call of a forked process and its exec

_DEPLOYED: Final = frozenset(("bpf_load", "module_load", "namespace_joined"))  # what a container may be there for


_USES: Final = 256  # of capabilities, of one node, that are remembered


@agent(
    events={"process_exec", "process_kprobe", "process_lsm", "process_tracepoint"},
    adds={"tetragon.privilege", FINDINGS},
)
def privilege(event: Event, lineage: Lineage, memory: Memory) -> Fields:
    if type(event.body) is ProcessExec:
        return _executed(event, lineage, memory)
    for operation in operations(event):
        if operation.failed:
            continue
        if changes_rights(operation):
            return _called(event, lineage, operation, memory)
        if event.process is None:
            continue
        fields: dict[str, Any] = {"since": "call", "direction": "raised"}
        if operation.kind == "capable":
            tags = _used(event.process, lineage.process, operation, memory)
            fields["direction"], fields["changes"] = "changed", ["capabilities"]
        elif operation.kind in POWERS:
            tags = _deployed(power_tags(operation, lineage.process, actor_of(event.process, lineage)), event, lineage)
            fields["changes"] = [POWERS[operation.kind]]
        else:
            continue
        if tags:
            return _told(fields, operation.kind, tags, _origin(lineage, memory), operation=operation)
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
    deeds: Tags = {}
    if process.name in DOERS or event.process.environment_variables:
        deeds = deed_tags(event.process, process, actor_of(event.process, lineage), bool(cause))
    origin = _origin(lineage, memory)
    fields: dict[str, Any] = {"direction": "raised"}
    begins = False
    if found is None and (not cause or (before is not None and before == after)):
        if deeds:
            fields |= {"since": "execution", "changes": [CHANGES[tag] for tag in deeds]}
            return _told(fields, "", deeds, origin)
        return _told({}, "", {}, origin) if origin is not None else {}
    if found is not None and base is not None and before is not None:
        fields |= found.fields
        fields["changes"] = found.changes
        fields["since"] = "previous" if lineage.previous else "parent"
        fields["direction"] = "raised" if cause else found.direction
        begins = begins_container(process, base, lineage)
        if begins and not cause:
            cause = "container"  # whatever the runtime called to make it
        cause = cause or _noted_call(process, after, found, event.time or 0, memory)
        cause = cause or execution_cause(found, before, after, base, process)
    tags = execution_tags(found, before, base, process, cause, lineage.ancestors, begins=begins)
    return _told(fields, cause, tags | deeds, origin, found.shown if found is not None else ())


def _called(event: Event, lineage: Lineage, call: Operation, memory: Memory) -> Fields:
    process, time = lineage.process, event.time or 0
    before = _held(process, memory)
    asked = call.kind != "credentials" and call.returned is None
    fields: dict[str, Any] = {"since": "call", **({"asked": True} if asked else {})}
    if call.kind in ("setns", "unshare"):
        _remember(process, time, before, call.kind, memory)
        spaces = {"namespaces": {"changed": call.namespaces}} if call.namespaces else {}
        fields |= {"direction": "changed", "changes": ["namespaces"], **spaces}
        shown = ("namespaces.changed",) if spaces else ()
        works = is_runtime(process) or is_runtimes(process, lineage)
        tags = {} if works else _deployed(namespace_tags(before, process, call), event, lineage)
        return _told(fields, call.kind, tags, _origin(lineage, memory), shown)
    after = after_call(before, call)
    found = difference(before, after)
    if found is None:
        return {}
    fields |= {**found.fields, "direction": found.direction, "changes": found.changes}
    by_file = of_setuid_file(found, before, call)
    cause = "setuid_file" if by_file else call.kind
    origin = _origin(lineage, memory)
    # What an exec commits is the next image's, not this one's.
    _remember(process, time, after, cause, memory, only_cause=asked or by_file)
    return _told(fields, cause, call_tags(found, before, process, call, asked=asked), origin, found.shown)


def _deployed(tags: Tags, event: Event, lineage: Lineage) -> Tags:
    """What the program does that the container is there for is less grave: it was deployed for that."""
    process = event.process
    if process is None or not process.docker or _DEPLOYED.isdisjoint(tags):
        return tags
    if not is_own(lineage.process, lineage, actor_of(process, lineage)):
        return tags
    return {tag: max(FOUND, severity - 1) if tag in _DEPLOYED else severity for tag, severity in tags.items()}


def _used(process: Process, execution: Execution, call: Operation, memory: Memory) -> Tags:
    if not use_tags(execution, call, first=False):
        return {}
    image = process.pod.container.image if process.pod is not None and process.pod.container is not None else None
    use = f"{image.name if image is not None else execution.container} {execution.binary} {call.name}"
    slot = f"use{crc32(use.encode()) % _USES}"
    first = memory.get(slot) != use
    if first:
        memory[slot] = use
    return use_tags(execution, call, first=first)


def _origin(lineage: Lineage, memory: Memory) -> Origin | None:
    return origin_of(lineage, lambda execution: _held(execution, memory))


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


def _told(
    fields: dict[str, Any],
    cause: str,
    tags: Tags,
    origin: Origin | None = None,
    shown: Sequence[str] = (),
    operation: Operation | None = None,
) -> Fields:
    if cause:
        fields["cause"] = cause
        shown = (*shown, "cause")
    if origin is not None:
        fields["origin"] = origin.fields
    findings = findings_of(tags, shown, operation)
    told = {"tetragon.privilege": {**fields, **verdict(tags)}}
    return {**told, FINDINGS: findings} if findings else told
