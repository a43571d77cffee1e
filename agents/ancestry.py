"""Where a process comes from: its parent, its earlier images, its ancestors, and how it came onto the node."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from agents import FINDINGS, Fields, agent
from schemas.ancestors import ancestor_fields, image_fields, kin, own_leader_fields
from schemas.descent import Descent, is_session
from schemas.lineage import Execution, Lineage, Source
from schemas.suspicions import suspicions
from schemas.tetragon import BinaryProperties, Event, ProcessExec, ProcessExit
from schemas.times import SECOND

MOST_PREVIOUS: Final = 5
SESSION: Final = "container_exec_session"
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
        FINDINGS,
    },
)
def ancestry(event: Event, lineage: Lineage) -> Fields:
    process = lineage.process
    like = kin(lineage.above, process.binary, process.container)
    fields = dict(like.fields)
    if like.leads:
        fields["process.entry_leader"] = own_leader_fields(like.leads, process)
    if lineage.previous or lineage.suspect:
        _add_unusual(fields, lineage)
    tags = [*like.tags, *_tags_of_event(event, process, like.descent)]
    if tags:
        fields["tags"] = tags
        if SESSION in tags:
            fields["tetragon.container.exec_session"] = True
        if type(event.body) is ProcessExec and process.source is Source.EXEC:
            found = suspicions(tags, lineage)
            if found:
                fields[FINDINGS] = found
    return fields


def _add_unusual(fields: dict[str, Any], lineage: Lineage) -> None:
    summary = fields["tetragon.lineage"] = dict(fields["tetragon.lineage"])
    if lineage.suspect:
        summary["suspect"] = True
    if lineage.previous:
        images = [image_fields(each) for each in lineage.previous[-MOST_PREVIOUS:] if each.binary]
        if images:
            fields["process.previous"] = images
        if lineage.parent_is_previous_image:
            summary["parent_is_previous_image"] = True
            fields["process.parent"] = ancestor_fields(lineage.previous[0])


def _tags_of_event(event: Event, process: Execution, shared: Descent) -> Sequence[str]:
    given = event.process
    if given is None:
        return ()
    tags: list[str] = []
    if process.joined:
        if is_session(process, shared):
            tags.append(SESSION)
    elif process.container and given.in_init_tree:
        tags.append("container_entrypoint_descendant")
    of_type = type(event.body)
    if of_type is ProcessExec:
        if given.binary_properties is not None:
            tags += _nameless(given.binary_properties, given.binary)
    elif of_type is ProcessExit:
        flags = given.flags
        if flags and flags != "unknown" and "execve" not in flags and "procFS" not in flags:
            tags.append("fork_only")
        if process.start and process.end and 0 <= process.end - process.start < SHORT:
            tags.append("short_lived")
    return tags


def _nameless(held: BinaryProperties, binary: str) -> Iterator[str]:
    if held.file is not None and held.file.inode is not None and not held.file.inode.links:
        in_memory = "memfd:" in binary or binary.startswith(("/dev/fd/", "/proc/"))
        yield "fileless_exec" if in_memory else "deleted_binary_exec"
