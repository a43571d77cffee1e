"""What its ancestors make of a process: how it came onto the node, which container it is in, what it is called."""

from functools import lru_cache
from typing import Final

import msgspec

from schemas.lineage import Above, Execution, Source, basename
from schemas.places import SCRATCH, from_scratch
from schemas.programs import is_installer, is_interpreter, is_kernels_name, serves
from schemas.shells import is_shell

# Who lets somebody or something in, by the entry's type in ECS; the earlier one is believed. Their own kind below them
# are they themselves, which have laid down rights.
_DOORS: Final = (
    ("sshd", frozenset(("dropbear", "sshd", "sshd-auth", "sshd-session"))),
    ("unknown", frozenset(("in.telnetd",))),
    ("terminal", frozenset(("agetty", "getty", "login"))),
    ("ssm", frozenset(("amazon-ssm-agent", "ssm-agent-worker", "ssm-session-worker"))),
    ("teleport", frozenset(("teleport",))),
    ("kubelet", frozenset(("kubelet",))),
)
_DOOR_OF: Final = {name: place for place, (_, names) in enumerate(_DOORS) for name in names}
_INIT: Final = len(_DOORS)
_CLOSED: Final = _INIT + 1
_REMOTE: Final = frozenset(("sshd", "ssm", "teleport"))

NEAR: Final = 4  # ancestors between a server and the shells that it started


class Entry(msgspec.Struct, frozen=True, gc=False, eq=False):
    """The first process of a session, of a service or of a container."""

    type: str
    leader: Execution | None  # None: it is above what is known


class Descent(msgspec.Struct, frozen=True, gc=False, eq=False):
    """What all children of one process in one container share."""

    entry: Entry | None  # of an ancestor
    door: int  # by which that came: its place in _DOORS
    boundary: int | None  # so many of the nearest ancestors are in the container too; None without one, or if unknown
    under_server: bool  # the nearest that is no shell is a server
    installed: bool  # by a package manager or by configuration management


@lru_cache(maxsize=4096)
def descent(above: Above, container: str) -> Descent:
    known = above.ancestors
    door, leader = _CLOSED, None
    boundary = None
    if container:
        boundary = _inside(above, container)
        entry = Entry("container", known[boundary - 1] if boundary else None) if boundary != 0 else None
    else:
        for child, parent in zip(known[-2::-1], known[:0:-1], strict=True):
            through = _door(child.name, parent)
            if through < door:
                door, leader = through, child
        entry = Entry(_type(door), leader) if leader is not None else None
    above_shells = next((each.binary for each in known[:NEAR] if not is_shell(each)), "")
    return Descent(entry, door, boundary, serves(above_shells), any(map(_installs, known)))


def own_entry(name: str, container: str, above: Above, shared: Descent) -> str:
    """The entry's type, if a process of this name is itself its leader, else empty."""
    if container:
        return "container" if shared.boundary == 0 else ""
    if not above.ancestors:
        return ""
    through = _door(name, above.ancestors[0])
    return _type(through) if through < shared.door else ""


def is_session(process: Execution, shared: Descent) -> bool:
    """Somebody entered the container and started it, or what it descends from."""
    leader = shared.entry.leader if shared.entry is not None else None
    return process.joined and not process.probe and not (leader is not None and leader.probe)


def tags_of(binary: str, entry: str, shared: Descent, *, shell: bool) -> tuple[str, ...]:
    """`entry` is its type, empty if not known. What its arguments decide is not among them."""
    tags = _own_tags(binary)
    if shell:
        tags = ("shell", *tags)
    if shared.installed:
        tags = (*tags, "pkg_mgr_descendant")
    if entry in _REMOTE:
        tags = (*tags, "remote_session_descendant")
    return tags


@lru_cache(maxsize=4096)
def _own_tags(binary: str) -> tuple[str, ...]:
    told = {
        "interpreter": is_interpreter(basename(binary)),
        "exec_from_scratch": from_scratch(binary),
        "kernel_thread_masquerade": is_kernels_name(binary),
    }
    return tuple(tag for tag, holds in told.items() if holds)


def _installs(execution: Execution) -> bool:
    # A name is easily taken: what lies where anybody may write is no package manager.
    return is_installer(execution.name) and not execution.binary.startswith(SCRATCH)


def _door(child: str, parent: Execution) -> int:
    """`child` is a name."""
    place = _DOOR_OF.get(parent.name)
    if place is not None:
        return place if _DOOR_OF.get(child) != place else _CLOSED
    return _INIT if parent.pid == 1 else _CLOSED


def _type(door: int) -> str:
    return _DOORS[door][0] if door < _INIT else "init"


def _inside(above: Above, container: str) -> int | None:
    known = above.ancestors
    for place, each in enumerate(known):
        if each.container != container:
            # Of a stub not even that is known.
            return place if each.source is not Source.STUB or each.container else None
    return len(known) if above.complete else None
