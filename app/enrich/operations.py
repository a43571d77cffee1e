"""What an operation makes of a document: the kind of event that it is, and its fields."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson

from app.enrich.file_fields import file_fields
from app.enrich.network_fields import network_fields
from schemas.fragment import fragment
from schemas.operation import Ids, Kind, Operation
from schemas.tetragon import UNSET_UID, Credentials, Event, Process

Fields = dict[str, Any]


class Mapped(msgspec.Struct, frozen=True, gc=False):
    """Shared by documents: nobody adds to what it holds."""

    event: Fields  # category, type, and what is known of action and outcome
    parts: Mapping[str, Fields | orjson.Fragment]  # top-level members of the document
    rest: Fields | orjson.Fragment  # tetragon.operation


# By kind: categories and types of ECS, and the action as the rules that are written for them call it.
KINDS: Final[dict[Kind, tuple[tuple[str, ...], tuple[str, ...], str]]] = {
    "access": (("file",), ("access",), "access"),
    "chmod": (("file",), ("change",), "changed-file-permissions-of"),
    "chown": (("file",), ("change",), "changed-file-ownership-of"),
    "close": (("file",), ("access",), "close"),
    "create": (("file",), ("creation",), "creation"),
    "link": (("file",), ("creation",), "link"),
    "mkdir": (("file",), ("creation",), "creation"),
    "open": (("file",), ("access",), "open"),
    "read": (("file",), ("access",), "open"),
    "removexattr": (("file",), ("change",), "attributes-modified"),
    "rename": (("file",), ("change",), "rename"),
    "rmdir": (("file",), ("deletion",), "deletion"),
    "setattr": (("file",), ("change",), "attributes-modified"),
    "setxattr": (("file",), ("change",), "attributes-modified"),
    "splice": (("file",), ("access",), "splice"),
    "symlink": (("file",), ("creation",), "link"),
    "truncate": (("file",), ("change",), "modification"),
    "unlink": (("file",), ("deletion",), "deletion"),
    "utimes": (("file",), ("change",), "attributes-modified"),
    "write": (("file",), ("change",), "modification"),
    "execute": (("process",), ("info",), "execute"),  # the start is the exec event's to tell
    "chdir": (("process",), ("change",), "chdir"),
    "chroot": (("process",), ("change",), "chroot"),
    "mmap_exec": (("library",), ("start",), "load"),
    "accept": (("network",), ("connection", "start"), "connection_accepted"),
    "bind": (("network",), ("info",), "bind"),
    "connect": (("network",), ("connection", "start"), "connection_attempted"),
    "dns": (("network",), ("protocol",), "dns"),
    "disconnect": (("network",), ("connection", "end"), "disconnect_received"),
    "drop": (("network",), ("info",), "packet_dropped"),
    "listen": (("network",), ("info",), "listen"),
    "receive": (("network",), ("connection", "info"), "receive"),
    "send": (("network",), ("connection", "info"), "send"),
    "socket": (("network",), ("info",), "socket"),
    "capable": (("process",), ("info",), "capability_check"),
    "credentials": (("process",), ("change",), "credentials_change"),
    "setcap": (("process",), ("change",), "capset"),
    "setgid": (("process",), ("change",), "gid_change"),
    "setns": (("process",), ("change",), "setns"),
    "setuid": (("process",), ("change",), "uid_change"),
    "unshare": (("process",), ("change",), "unshare"),
    "bpf": (("process",), ("info",), "bpf"),
    "module": (("driver",), ("info",), "module"),
    "module_load": (("driver",), ("start",), "load_module"),
    "module_request": (("driver",), ("info",), "request_module"),
    "module_unload": (("driver",), ("end",), "unload_module"),
    "mount": (("process", "configuration"), ("change",), "mount"),
    "perf_event": (("process",), ("info",), "perf_event"),
    "pivot_root": (("process", "configuration"), ("change",), "pivot_root"),
    "ptrace": (("process",), ("access",), "ptrace"),
    "signal": (("process",), ("info",), "signal"),
    "syscall": (("process",), ("info",), "syscall"),
    "umount": (("process", "configuration"), ("change",), "umount"),
    "vm_write": (("process",), ("access",), "process_vm_writev"),
}
_OTHER: Final = ("name", "relative", "truncated", "namespaces")
_NAMED: Final = ("path", "target", *_OTHER)
_NUMBERS: Final = ("flags", "size", "request", "pid", "returned")
_PARTS: Final = ("ids", "capabilities", "credentials", "namespace", "module", "bpf")
# They make the credentials the process's own; others are the kernel's work within a call, or only look at them.
_COMMITTING: Final = frozenset(("commit_creds", "task_fix_setgid", "task_fix_setuid"))
_OF_IDS: Final = frozenset(("credentials", "setgid", "setuid"))
_HASHES: Final = ("md5", "sha1", "sha256", "sha512")
_WITHOUT_FILE: Final = frozenset(("mount", "pivot_root", "umount"))


def add_operations(document: Fields, event: Event, found: tuple[Operation, ...]) -> None:
    """`found` is what `event` did, at least one; `event.*` is there already, the kind of event is set here."""
    first = found[0]
    # Hardly a connection has the ports of another one, but the same is done to the same file again and again.
    made = _shared(found) if first.socket is None else mapped(found)
    document["event"].update(made.event)
    document.update(made.parts)
    document["tetragon"]["operation"] = made.rest
    if first.kind in _OF_IDS:
        action, changes = _changes(first, event.process)
        if action:
            document["event"]["action"] = action
        if changes:
            if first.credentials is not None and event.process is not None:
                _keep(document["tetragon"], event.process)
                _become(document, first.credentials, changes)
            document["user"] = {**_opened(document.get("user")), "changes": changes}


def add_hash(document: Fields, ima_hash: str, hook: str) -> None:
    """Of the file that is executed, or of the one that the hook is about; ECS has no place for some algorithms."""
    algorithm, _, digest = ima_hash.partition(":")
    if algorithm not in _HASHES or not digest:
        return
    if hook.startswith("bprm_"):
        document.setdefault("process", {})["hash"] = {algorithm: digest}
    else:
        document["file"] = {**_opened(document.get("file")), "hash": {algorithm: digest}}


# Operations of the same arguments are the same object.
@lru_cache(maxsize=4096)
def _shared(operations: tuple[Operation, ...]) -> Mapped:
    made = mapped(operations)
    parts = {name: fragment(fields) for name, fields in made.parts.items()}
    return Mapped(made.event, parts, fragment(made.rest))


def mapped(operations: tuple[Operation, ...]) -> Mapped:
    """`operations` of one event, at least one; the first names it."""
    first = operations[0]
    categories, types, action = KINDS[first.kind]
    if first.bpf is not None and (first.bpf.program_type or first.bpf.command == "BPF_PROG_LOAD"):
        categories, types, action = ("driver", "process"), ("start",), "bpf_prog_load"
    for other in operations[1:]:
        more = KINDS[other.kind]
        categories += tuple(each for each in more[0] if each not in categories)
        types += tuple(each for each in more[1] if each not in types)
    if first.kind == "open" and first.changes_file:
        types = ("change",)
    event: Fields = {"category": categories, "type": types, "action": action}
    if first.failed:
        event["outcome"] = "failure"
    elif first.returned is not None:
        event["outcome"] = "unknown" if first.under_way else "success"
    if first.denied:
        event["type"] = (*types, "denied")
        if "network" not in categories:  # of a network alone ECS lets be said that it was denied
            event["category"] = (*categories, "intrusion_detection")
    if first.socket is not None:
        parts = network_fields(first, first.socket)
        if first.kind == "dns":
            parts["network"] = {**parts.get("network", {}), "protocol": "dns"}
            if first.name:
                parts["dns"] = {"question": {"name": first.name}}
        return Mapped(event, parts, _rest(first))
    file = file_fields(first) if first.kind not in _WITHOUT_FILE else {}
    return Mapped(event, {"file": file} if file else {}, _rest(first, named=not file))


def _opened(part: orjson.Fragment | Fields | None) -> Fields:
    fields: Fields = orjson.loads(orjson.dumps(part)) if part is not None else {}
    return fields


def _changes(operation: Operation, process: Process | None) -> tuple[str, Fields]:
    """The action, where the kind of operation does not tell it, and `user.changes`; empty where there is none.

    What is committed are all credentials, mostly the same as before: `process` has those of its exec.
    """
    if operation.kind == "setuid":
        return "", _user(_asked(operation.ids), None)
    if operation.kind == "setgid":
        return "", _user(None, _asked(operation.ids))
    new = operation.credentials
    if new is None or process is None or operation.hook not in _COMMITTING:
        return "", {}
    before = process.process_credentials or Credentials()
    effective = before.euid if before.euid is not None else process.uid
    user = _changed((new.euid, effective), (new.uid, before.uid))
    group = _changed((new.egid, before.egid), (new.gid, before.gid))
    action = "uid_change" if user is not None else "gid_change" if group is not None else ""
    return action, _user(user, group)


def _keep(tetragon: Fields, process: Process) -> None:
    """Who the process was, in Tetragon's words."""
    own = tetragon["process"] = _opened(tetragon.get("process"))
    if process.uid is not None and process.uid != UNSET_UID:
        own["uid"] = process.uid
    if process.process_credentials is not None:
        own["process_credentials"] = msgspec.to_builtins(process.process_credentials)


def _become(document: Fields, new: Credentials, changes: Fields) -> None:
    """Committed is who the process is from now on: rules on `uid_change` ask whether `user.id` is root's."""
    told = {
        "user": new.euid,
        "real_user": new.uid,
        "saved_user": new.suid,
        "group": new.egid,
        "real_group": new.gid,
        "saved_group": new.sgid,
    }
    ids = {place: {"id": str(each)} for place, each in told.items() if each is not None}
    document.setdefault("process", {}).update(ids)
    real, effective = new.uid if new.uid is not None else new.euid, new.euid
    if "id" in changes and real is not None:
        user = document["user"] = {"id": str(real)}  # the name was the other's
        if effective not in (None, real):
            user["effective"] = {"id": str(effective)}


def _changed(*pairs: tuple[int | None, int | None]) -> int | None:
    """The first new one that is not as it was."""
    return next((new for new, before in pairs if None not in (new, before) and new != before), None)


def _user(user: int | None, group: int | None) -> Fields:
    fields: Fields = {}
    if user is not None:
        fields["id"] = str(user)
    if group is not None:
        fields["group"] = {"id": str(group)}
    return fields


def _asked(ids: Ids | None) -> int | None:
    if ids is None:
        return None
    return next((each for each in (ids.effective, ids.real, ids.fs, ids.saved) if each is not None), None)


def _rest(operation: Operation, *, named: bool = False) -> Fields:
    """What ECS has no name for; `named`: the paths too."""
    fields: Fields = {"kind": operation.kind}
    socket = operation.socket
    if socket is not None:
        cookie = str(socket.cookie) if socket.cookie is not None else ""  # more than a long holds
        ends = {"family": socket.family, "type": socket.type, "state": socket.state, "cookie": cookie}
        if told := {name: value for name, value in ends.items() if value}:
            fields["socket"] = told
    for name in _NAMED if named else _OTHER:
        value = getattr(operation, name)
        if value:
            fields[name] = value
    for name in _NUMBERS:
        number = getattr(operation, name)
        if number is not None:
            fields[name] = number
    for name in _PARTS:
        part = getattr(operation, name)
        if part is not None and (held := msgspec.to_builtins(part)):  # without what is not told
            fields["user_namespace" if name == "namespace" else name] = held
    return fields
