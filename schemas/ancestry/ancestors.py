"""The fields that all children of one process have alike: what they share is made, and written as JSON, once."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from orjson import Fragment

from schemas.ancestry.descent import Descent, Entry, descent, own_entry, tags_of
from schemas.command import program_fields
from schemas.fragment import fragment
from schemas.lineage import Above, Execution, Source, basename
from schemas.programs import SHELLS
from schemas.rights import IDS, read
from schemas.times import rfc3339

MOST_IDS: Final = 20  # as many as Elastic's event analyzer reads
MOST_NAMES: Final = 10  # public rules look at most seven ancestors up


class Kin(msgspec.Struct, frozen=True, gc=False, eq=False):
    """What all processes of one binary, in one container, below one process have alike."""

    fields: Mapping[str, Any]
    leads: str  # the type of the entry that such a process itself leads; empty if it leads none
    shell: bool
    typed: bool  # of an entry where somebody types
    thread: bool  # of the kernel
    tags: tuple[str, ...]
    descent: Descent


# A process comes again at its exit, and its like beside it.
@lru_cache(maxsize=8192)
def kin(above: Above, binary: str, container: str, applet: str) -> Kin:
    """`applet` names which of the programs that its binary holds, empty for one that is itself."""
    parent, ids, summary, path = _above_fields(above)
    shared = descent(above, container)
    lineage = dict(summary)
    name = basename(binary)
    if path:
        lineage["path"] = f"{path} > {name}" if name else path
    if shared.boundary is not None:
        lineage["container_boundary"] = shared.boundary
    fields: dict[str, Any] = {"tetragon.lineage": lineage}
    if parent is not None:
        fields["process.parent"] = parent
    if ids is not None:
        fields["process.Ext.ancestry"] = ids
    leads = own_entry(name, container, above, shared)
    entry = leads
    if not leads and shared.entry is not None:
        entry = shared.entry.type
        fields["process.entry_leader"] = _leader_fields(shared.entry)
    elif not leads and above.complete:
        entry = UNKNOWN_ENTRY
        fields["process.entry_leader"] = _NO_LEADER
    shell = (applet or name) in SHELLS
    return Kin(
        fields,
        leads,
        shell,
        entry in _TYPED,
        _is_thread(binary, above),
        tags_of(binary, entry, shared, shell=shell),
        shared,
    )


def _is_thread(binary: str, above: Above) -> bool:
    """Below pid 2, or pid 2 itself. What is executed has a path."""
    if not (binary.startswith("[") and binary.endswith("]")):
        return False
    known = above.ancestors
    first = known[-1].pid if known else above.unknown_pid
    return first == 2 or (above.complete and len(known) < 2 and first in (0, None))


@lru_cache(maxsize=4096)
def _above_fields(above: Above) -> tuple[Fragment | None, Fragment | None, dict[str, Any], str]:
    """The parent's fields, the ids, what `tetragon.lineage` has of it, and the path down to the parent."""
    known = above.ancestors
    ids = [each.exec_id for each in known[:MOST_IDS] if each.exec_id]
    if above.unknown and len(ids) < MOST_IDS:  # its parent's exec_id is known, if nothing else
        ids.append(above.unknown)
    summary: dict[str, Any] = {"depth": len(known), "complete": above.complete}
    names = [each.name for each in known[:MOST_NAMES] if each.binary]
    if names:
        summary["names"] = names
        summary["source"] = _source(known)
    parent = None
    if known:
        told = _fields(known[0])
        parent = fragment(told) if told else None
    elif above.unknown or above.unknown_pid is not None:
        told = {"entity_id": above.unknown, "pid": above.unknown_pid}
        parent = fragment({name: value for name, value in told.items() if value not in ("", None)})
    return parent, fragment(ids) if ids else None, summary, " > ".join(reversed(names))


def own_leader_fields(entry: str, process: Execution) -> Mapping[str, Any]:
    return {"entry_meta": {"type": entry}, **_fields(process), "same_as_process": True}


@lru_cache(maxsize=4096)
def _leader_fields(entry: Entry) -> Fragment:
    """Of an ancestor; an entry is hashed by its identity."""
    leader = {**_fields(entry.leader), "same_as_process": False} if entry.leader is not None else {}
    return fragment({"entry_meta": {"type": entry.type}, **leader})


def ancestor_fields(execution: Execution) -> Fragment:
    return fragment(_fields(execution))


def image_fields(execution: Execution) -> dict[str, Any]:
    return {"executable": execution.binary, "args": execution.args} if execution.binary else {}


def _fields(execution: Execution) -> dict[str, Any]:
    fields = program_fields(execution)
    if execution.start:
        fields["start"] = rfc3339(execution.start)
    if execution.uid is not None:
        fields["user"] = {"id": str(execution.uid)}
    if execution.rights:
        fields |= _ids(execution.rights)
    return fields


@lru_cache(maxsize=4096)
def _ids(rights: str) -> dict[str, Any]:
    """Not to be changed."""
    known = dict(zip(IDS, read(rights).ids, strict=False))  # nothing without Tetragon's --enable-process-cred
    return {place: {"id": str(known[name])} for place, name in _PLACES if known.get(name) is not None}


def _source(known: Sequence[Execution]) -> str:
    sources = {each.source for each in known}
    return _SOURCES[sources.pop()] if len(sources) == 1 else "mixed"


# Where ECS has the ids that only credentials tell; the effective user is told always.
_TYPED: Final = frozenset(("sshd", "ssm", "terminal"))
UNKNOWN_ENTRY: Final = "unknown"  # all ancestors are known, and none of them is a way in
_NO_LEADER: Final = fragment({"entry_meta": {"type": UNKNOWN_ENTRY}})
_PLACES: Final = (("group", "egid"), ("real_user", "uid"), ("real_group", "gid"))
# One known from nothing but an id has no name, and without a name there is no source.
_SOURCES: Final = {
    Source.EMBEDDED: "embedded",
    Source.PROCFS: "procfs",
    Source.EXEC: "exec",
}
