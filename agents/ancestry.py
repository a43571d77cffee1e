"""Where a process comes from: its parent, its earlier images, its ancestors, and how it came onto the node."""

from collections.abc import Sequence
from typing import Any, Final

from agents import FINDINGS, Fields, agent
from schemas.ancestry.ancestors import Kin, ancestor_fields, image_fields, kin, own_leader_fields
from schemas.ancestry.descent import is_session
from schemas.ancestry.suspicions import suspicions
from schemas.lineage import Lineage, Source
from schemas.programs import BOXES, RUNTIMES, takes_kernels_name
from schemas.rights import UNKNOWN
from schemas.shells import awaits_commands, called, is_health_check
from schemas.tetragon import Event, Process, ProcessExec, ProcessExit
from schemas.times import SECOND

MOST_PREVIOUS: Final = 5
SESSION: Final = "container_exec_session"
SHORT: Final = SECOND // 10  # a life of nothing but an errand
MOST_SIBLINGS: Final = 200  # in schemas.lineage.STORM

_MILLISECOND: Final = SECOND // 1000
_BOXES: Final = tuple(BOXES)


@agent(
    events=None,
    adds={
        "process.entry_leader",
        "process.interactive",
        "process.parent",
        "process.previous",
        "process.Ext.ancestry",
        "tags",
        "tetragon.boot",
        "tetragon.container.exec_session",
        "tetragon.kernel_thread",
        "tetragon.lineage",
        "tetragon.orphan",
        "tetragon.since_parent_start_ms",
        FINDINGS,
    },
)
def ancestry(event: Event, lineage: Lineage) -> Fields:
    process = lineage.process
    binary = process.binary
    applet = called(binary, process.arguments) if binary.endswith(_BOXES) else ""
    above = lineage.above
    like = kin(above, binary, process.container, applet)
    fields = dict(like.fields)
    if like.leads:
        fields["process.entry_leader"] = own_leader_fields(like.leads, process)
    if lineage.previous or lineage.suspect or process.alias:
        _add_unusual(fields, lineage)
    if above.ancestors and 0 < above.ancestors[0].start <= process.start:
        fields["tetragon.since_parent_start_ms"] = (process.start - above.ancestors[0].start) // _MILLISECOND
    if lineage.boot:
        fields["tetragon.boot"] = lineage.boot
    if lineage.orphan:
        fields["tetragon.orphan"] = True
    if like.thread:
        fields["tetragon.kernel_thread"] = True
    session = process.joined and is_session(process, like.descent)
    if like.shell and (like.typed or session) and awaits_commands(binary, process.arguments):
        fields["process.interactive"] = True
    given = event.process
    assert given is not None  # it is what the lineage is of
    if process.container and given.in_init_tree is not None:
        fields["tetragon.container.exec_session"] = not given.in_init_tree
    tags = [*like.tags, *_tags(event, given, lineage, like, session=session)]
    if tags:
        fields["tags"] = tags
        if type(event.body) is ProcessExec and process.source is Source.EXEC:
            found = suspicions(tags, lineage)
            if found:
                fields[FINDINGS] = found
    return fields


def _add_unusual(fields: dict[str, Any], lineage: Lineage) -> None:
    summary = fields["tetragon.lineage"] = dict(fields["tetragon.lineage"])
    if lineage.process.alias:
        summary["alias"] = lineage.process.alias
    if lineage.suspect:
        summary["suspect"] = True
    if lineage.previous:
        images = [image_fields(each) for each in lineage.previous[-MOST_PREVIOUS:] if each.binary]
        if images:
            fields["process.previous"] = images
        if lineage.parent_is_previous_image:
            summary["parent_is_previous_image"] = True
            fields["process.parent"] = ancestor_fields(lineage.previous[0])


def _tags(event: Event, given: Process, lineage: Lineage, like: Kin, *, session: bool) -> list[str]:
    """Those that its like need not have. `given` is the event's process."""
    process = lineage.process
    tags: list[str] = []
    if like.shell and like.descent.under_server and not is_health_check(process.binary, process.arguments):
        tags.append("shell_under_server")
    if "[" in process.arguments and takes_kernels_name(process.name, process.arguments):
        tags.append("kernel_thread_masquerade")
    if lineage.siblings > MOST_SIBLINGS:
        tags.append("fork_storm")
    if session:
        tags.append(SESSION)
    elif process.container and given.in_init_tree and not process.joined:
        tags.append("container_entrypoint_descendant")
    of_type = type(event.body)
    if of_type is ProcessExec:
        tags += _nameless(given, lineage)
    elif of_type is ProcessExit:
        flags = given.flags
        if flags and flags != "unknown" and "execve" not in flags and "procFS" not in flags:
            tags.append("fork_only")
        if process.start and process.end and 0 <= process.end - process.start < SHORT:
            tags.append("short_lived")
    return tags


def _nameless(given: Process, lineage: Lineage) -> Sequence[str]:
    """What is executed has no name in any file system: it never had, or it has no longer."""
    held = given.binary_properties
    file = held.file if held is not None else None
    unlinked = file is not None and file.inode is not None and not file.inode.links
    # Without Tetragon's --enable-process-cred its path is all that tells.
    if not unlinked and lineage.process.rights != UNKNOWN:
        return ()
    in_memory = "memfd:" in given.binary or given.binary.startswith("/dev/fd/") or _is_descriptor(given.binary)
    if not unlinked and not in_memory:
        return ()
    parent = lineage.previous[-1] if lineage.previous else lineage.parent
    if given.arguments == "init" and parent is not None and parent.name.startswith(RUNTIMES):
        return ()  # runc runs a copy of itself in what is to become a container
    return ("fileless_exec",) if in_memory else ("deleted_binary_exec",)


def _is_descriptor(binary: str) -> bool:
    """/proc/self/fd/5"""
    return binary.startswith("/proc/") and binary.split("/")[3:4] == ["fd"]
