"""Where a process comes from: its parent, its earlier images, the ids and names of its ancestors."""

from collections.abc import Sequence
from typing import Any, Final

from agents import Fields, agent
from schemas.lineage import Execution, Lineage, Source
from schemas.tetragon import Event
from schemas.times import rfc3339

MOST_PREVIOUS: Final = 5
MOST_IDS: Final = 20  # as many as Elastic's event analyzer reads
MOST_NAMES: Final = 10  # public rules look at most seven ancestors up


@agent(
    events=None,
    adds={"process.parent", "process.previous", "process.Ext.ancestry", "tetragon.lineage"},
)
def ancestry(event: Event, lineage: Lineage) -> Fields:  # noqa: ARG001 - lineage tells all
    fields: dict[str, Any] = {"tetragon.lineage": _summary(lineage)}
    ids = [each.exec_id for each in lineage.ancestors[:MOST_IDS] if each.exec_id]
    if lineage.unknown and len(ids) < MOST_IDS:
        ids.append(lineage.unknown)
    if ids:
        fields["process.Ext.ancestry"] = ids
    if lineage.ancestors:
        fields["process.parent"] = _parent(lineage.ancestors[0])
    elif lineage.parent_is_previous_image:
        fields["process.parent"] = _parent(lineage.previous[0])
    elif lineage.unknown:
        fields["process.parent"] = {"entity_id": lineage.unknown}
    if lineage.previous:
        fields["process.previous"] = [_image(each) for each in lineage.previous[-MOST_PREVIOUS:] if each.binary]
    return fields


def _summary(lineage: Lineage) -> dict[str, Any]:
    known = lineage.ancestors
    summary: dict[str, Any] = {"depth": len(known), "complete": lineage.complete}
    names = [each.name for each in known[:MOST_NAMES] if each.binary]
    if names:
        summary["names"] = names
        summary["path"] = " > ".join([*reversed(names), lineage.process.name])
        summary["source"] = _source(known)
    if lineage.suspect:
        summary["suspect"] = True
    if lineage.parent_is_previous_image:
        summary["parent_is_previous_image"] = True
    return summary


_SOURCES: Final = {
    Source.STUB: "stub",
    Source.EMBEDDED: "embedded",
    Source.PROCFS: "procfs",
    Source.EXEC: "exec",
}


def _source(known: Sequence[Execution]) -> str:
    first = known[0].source
    for each in known:
        if each.source is not first:
            return "mixed"
    return _SOURCES[first]


def _parent(execution: Execution) -> dict[str, Any]:
    parent: dict[str, Any] = _image(execution)
    if execution.exec_id:
        parent["entity_id"] = execution.exec_id
    if execution.pid is not None:
        parent["pid"] = execution.pid
    if execution.binary:
        parent["name"] = execution.name
        parent["args_count"] = len(parent["args"])
        parent["command_line"] = execution.command_line
    if execution.cwd:
        parent["working_directory"] = execution.cwd
    if execution.start:
        parent["start"] = rfc3339(execution.start)
    if execution.uid is not None:
        parent["user"] = {"id": str(execution.uid)}
    return parent


def _image(execution: Execution) -> dict[str, Any]:
    return {"executable": execution.binary, "args": execution.args} if execution.binary else {}
