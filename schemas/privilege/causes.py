"""Why a process may do more, or less, than before: as far as it shows."""

from typing import Final

from schemas.lineage import Execution
from schemas.operation.shape import Operation
from schemas.places import is_anybodys, is_systems
from schemas.privilege.difference import Difference
from schemas.privilege.holder import Holder
from schemas.programs import RUNTIMES, SET_ID, SWITCHERS, TRUSTED
from schemas.rights import mask_of, read
from schemas.tetragon import BinaryProperties

_SETUID: Final = mask_of(["CAP_SETUID"])
_SYS_ADMIN: Final = mask_of(["CAP_SYS_ADMIN"])

_CALLS: Final = frozenset(("setcap", "setgid", "setns", "setuid", "unshare"))
_COMMITS: Final = frozenset(("commit_creds", "task_fix_setgid", "task_fix_setuid"))

# What a call can explain of the difference that its process's next execution shows.
_EXPLAINED: Final = {
    "setcap": "capabilities",
    "setgid": "group",
    "setns": "namespaces",
    "setuid": "user",
    "unshare": "namespaces",
}


def file_cause(properties: BinaryProperties | None) -> str:
    """What Tetragon says of the binary: `setuid_file`, `setgid_file`, `file_capabilities`; empty if it says nothing."""
    if properties is None:
        return ""
    changed = properties.privileges_changed
    if "PRIVILEGES_RAISED_EXEC_FILE_SETUID" in changed:
        return "setuid_file"
    if "PRIVILEGES_RAISED_EXEC_FILE_CAP" in changed:
        return "file_capabilities"
    if "PRIVILEGES_RAISED_EXEC_FILE_SETGID" in changed:
        return "setgid_file"
    if properties.setuid is not None:
        return "setuid_file"
    return "setgid_file" if properties.setgid is not None else ""


def execution_cause(found: Difference, before: Holder, after: Holder, base: Execution, execution: Execution) -> str:
    """Why a process starts with other rights than its parent's or its earlier image's, if no file or call says so.

    Empty if nothing that is known explains it.
    """
    if execution.container != base.container:
        return "container"
    if found.is_nested:
        return "user_namespace"
    if found.direction == "lowered":
        return "dropped"
    if base.raised or is_switcher(base):
        return "permitted"  # to its child; what it holds itself, Tetragon tells only of the moment of its exec
    may = read(before.rights).effective or 0
    if 0 in before.ids or may & (_SYS_ADMIN if found.changes == ("namespaces",) else _SETUID):
        # Root's next image has all that root may, whatever the one before had laid down.
        return "exec_as_root" if found.changes == ("capabilities",) and 0 in after.ids else "permitted"
    return "setuid_file" if found.to_root and is_known_set_id(execution) else ""


def explains(cause: str, found: Difference) -> bool:
    """`cause` is the kind of an operation, or what its event was put down to. Committed credentials may be any."""
    return cause not in _EXPLAINED or _EXPLAINED[cause] in found.changes


def changes_rights(call: Operation) -> bool:
    """For good: the kernel also takes other credentials for a moment, to do something in somebody's name."""
    return call.kind in _CALLS or (call.kind == "credentials" and call.hook in _COMMITS)


def of_setuid_file(found: Difference, before: Holder, call: Operation) -> bool:
    """An exec of a set-id binary commits credentials too, but leaves the real user alone, as an exploit does not."""
    held = call.credentials
    if call.kind != "credentials" or held is None or not found.to_root:
        return False
    real = before.ids[0]
    return held.uid not in (None, 0) and held.suid == 0 and real in (None, held.uid)


def is_known_set_id(execution: Execution) -> bool:
    return execution.name in SET_ID and is_systems(execution.binary)


def is_switcher(execution: Execution) -> bool:
    return execution.name in SWITCHERS and is_systems(execution.binary)


def is_trusted(execution: Execution) -> bool:
    named = execution.name in TRUSTED or execution.name.startswith("systemd")
    return (named and is_systems(execution.binary)) or is_runtime(execution)


def is_planted(execution: Execution) -> bool:
    """Where anybody can put a file of any name."""
    return is_anybodys(execution.binary)


def is_runtime(execution: Execution) -> bool:
    """It makes containers, on the host; distributions of Kubernetes have theirs below /var/lib."""
    return not execution.container and execution.name.startswith(RUNTIMES) and not is_planted(execution)
