"""Where a process comes from: its parent, its earlier images, its ancestors, and how it came onto the node."""

from collections.abc import Iterator
from typing import Any, Final

from agents import Fields, agent
from schemas.ancestors import above_fields, ancestor_fields, image_fields, leader_fields, own_leader_fields
from schemas.descent import Descent, descent, is_session, own_entry, tags_of
from schemas.lineage import Execution, Lineage
from schemas.tetragon import BinaryProperties, Event, ProcessExec, ProcessExit
from schemas.times import SECOND

MOST_PREVIOUS: Final = 5
SHORT: Final = SECOND // 10  # a life of nothing but an errand


@agent(
    events=None,
    adds={
        "process.entry_leader",
        "process.parent",
        "process.previous",
        "process.Ext.ancestry",
        "tags",
        "tetragon.container.exec_session",
        "tetragon.lineage",
    },
)
def ancestry(event: Event, lineage: Lineage) -> Fields:
    process = lineage.process
    parent, ids, summary, path = above_fields(lineage.above)
    summary = dict(summary)
    fields: dict[str, Any] = {"tetragon.lineage": summary}
    if path:
        summary["path"] = f"{path}{process.name}"
    if parent is not None:
        fields["process.parent"] = parent
    if ids is not None:
        fields["process.Ext.ancestry"] = ids
    if lineage.suspect:
        summary["suspect"] = True
    if lineage.previous:
        images = [image_fields(each) for each in lineage.previous[-MOST_PREVIOUS:] if each.binary]
        if images:
            fields["process.previous"] = images
        if lineage.parent_is_previous_image:
            summary["parent_is_previous_image"] = True
            fields["process.parent"] = ancestor_fields(lineage.previous[0])
    shared = descent(lineage.above, process.container)
    entry = own_entry(lineage, shared)
    if entry:
        fields["process.entry_leader"] = own_leader_fields(entry, process)
    elif shared.entry is not None:
        entry = shared.entry.type
        fields["process.entry_leader"] = leader_fields(shared.entry)
    if shared.boundary is not None:
        summary["container_boundary"] = shared.boundary
    tags = [*tags_of(process.binary, entry, shared), *_events_tags(event, process, shared)]
    if "container_exec_session" in tags:
        fields["tetragon.container.exec_session"] = True
    if tags:
        fields["tags"] = tags
    return fields


def _events_tags(event: Event, process: Execution, shared: Descent) -> Iterator[str]:
    given = event.process
    if given is None:
        return
    if process.joined:
        if is_session(process, shared):
            yield "container_exec_session"
    elif given.in_init_tree and process.container:
        yield "container_entrypoint_descendant"
    if given.binary_properties is not None and type(event.body) is ProcessExec:
        yield from _nameless(given.binary_properties, given.binary)
    elif type(event.body) is ProcessExit:
        flags = given.flags
        if flags and flags != "unknown" and "execve" not in flags and "procFS" not in flags:
            yield "fork_only"
        if process.start and process.end and 0 <= process.end - process.start < SHORT:
            yield "short_lived"


def _nameless(held: BinaryProperties, binary: str) -> Iterator[str]:
    if held.file is not None and held.file.inode is not None and not held.file.inode.links:
        in_memory = "memfd:" in binary or binary.startswith(("/dev/fd/", "/proc/"))
        yield "fileless_exec" if in_memory else "deleted_binary_exec"
