"""Where a process comes from: its parent, its earlier images, the ids and names of its ancestors."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from orjson import Fragment

from agents import Fields, agent
from schemas.fragment import fragment
from schemas.lineage import Above, Execution, Lineage, Source
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
    parent, ids, summary, path = _above(lineage.above)
    summary = dict(summary)
    fields: dict[str, Any] = {"tetragon.lineage": summary}
    if path:
        summary["path"] = f"{path}{lineage.process.name}"
    if parent is not None:
        fields["process.parent"] = parent
    if ids is not None:
        fields["process.Ext.ancestry"] = ids
    if lineage.suspect:
        summary["suspect"] = True
    if lineage.previous:
        fields["process.previous"] = [_image(each) for each in lineage.previous[-MOST_PREVIOUS:] if each.binary]
        if lineage.parent_is_previous_image:
            summary["parent_is_previous_image"] = True
            fields["process.parent"] = _parent(lineage.previous[0])
    return fields


# All children of one process have the same above them: what they share is made, and written as JSON, once.
@lru_cache(maxsize=4096)
def _above(above: Above) -> tuple[Fragment | None, Fragment | None, Fields, str]:
    """The parent's fields, the ids, what `tetragon.lineage` has of it, and the path down to the parent."""
    known = above.ancestors
    ids = [each.exec_id for each in known[:MOST_IDS] if each.exec_id]
    if above.unknown and len(ids) < MOST_IDS:
        ids.append(above.unknown)
    summary: dict[str, Any] = {"depth": len(known), "complete": above.complete}
    names = [each.name for each in known[:MOST_NAMES] if each.binary]
    if names:
        summary["names"] = names
        summary["source"] = _source(known)
    parent = None
    if known:
        parent = _parent(known[0])
    elif above.unknown:
        parent = fragment({"entity_id": above.unknown})
    return parent, fragment(ids) if ids else None, summary, "".join(f"{name} > " for name in reversed(names))


def _source(known: Sequence[Execution]) -> str:
    sources = {each.source for each in known}
    return _SOURCES[sources.pop()] if len(sources) == 1 else "mixed"


_SOURCES: Final = {
    Source.STUB: "stub",
    Source.EMBEDDED: "embedded",
    Source.PROCFS: "procfs",
    Source.EXEC: "exec",
}


def _parent(execution: Execution) -> Fragment:
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
    return fragment(parent)


def _image(execution: Execution) -> dict[str, Any]:
    return {"executable": execution.binary, "args": execution.args} if execution.binary else {}
