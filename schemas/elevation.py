"""What a change of rights means: its cause, as far as it shows, and how bad that is, from 0 to 4."""

from collections.abc import Mapping, Sequence
from typing import Final

from schemas.difference import Difference
from schemas.holder import Holder
from schemas.lineage import Execution
from schemas.operation_shape import Operation
from schemas.programs import ABUSABLE, RUNTIMES, SCRATCH, SET_ID, SWITCHERS, TRUSTED
from schemas.rights import mask_of, read
from schemas.tetragon import BinaryProperties


def _mask(names: str) -> int:
    return mask_of([f"CAP_{name}" for name in names.split()])


_OVERFLOWING: Final = frozenset(("-u#-1", "-u#4294967295", "#-1", "#4294967295"))  # sudo took them for 0 once

# Each of them is as good as root, on the host too.
SENSITIVE: Final = _mask("SYS_ADMIN SYS_MODULE SYS_RAWIO SYS_PTRACE SYS_BOOT SYSLOG DAC_READ_SEARCH NET_ADMIN BPF")
# What a file may give is worse if it leads to any user or any file.
_TAKING: Final = _mask("SETUID SETGID SYS_ADMIN SYS_PTRACE SYS_MODULE DAC_OVERRIDE DAC_READ_SEARCH BPF")
_SETUID: Final = _mask("SETUID")
_SYS_ADMIN: Final = _mask("SYS_ADMIN")
_HOST: Final = frozenset(("mnt", "net", "pid", "user"))  # the namespaces whose host's is a way out

_LOGIN: Final = range(1000, 65534)
_SERVICE: Final = range(1, 1000)

TECHNIQUES: Final[Mapping[str, str]] = {
    "capabilities_gained": "T1068",
    "elevated_child": "T1548.003",
    "file_capabilities_exec": "T1548.001",
    "host_namespace": "T1611",
    "left_container": "T1611",
    "namespace_joined": "T1611",
    "pkexec_without_arguments": "T1068",
    "root_child_of_user": "T1068",
    "sensitive_capabilities": "T1610",
    "service_to_root": "T1068",
    "setgid_exec": "T1548.001",
    "setuid_exec": "T1548.001",
    "su": "T1548",
    "sudo": "T1548.003",
    "sudo_as_overflowing_user": "T1548.003",
    "doas": "T1548",
    "pkexec": "T1548",
    "uid_to_root": "T1068",
    "unshare": "T1611",
    "user_namespace": "T1611",
}

Tags = dict[str, int]  # with their severities


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
    may = read(before.rights).effective or 0
    if 0 in before.ids or may & (_SYS_ADMIN if found.changes == ("namespaces",) else _SETUID):
        # Root's next image has all that root may, whatever the one before had laid down.
        return "exec_as_root" if found.changes == ("capabilities",) and 0 in after.ids else "permitted"
    return "setuid_file" if found.to_root and execution.name in SET_ID else ""


def execution_tags(
    found: Difference | None, before: Holder | None, base: Execution | None, execution: Execution, cause: str,
    ancestors: Sequence[Execution],
) -> Tags:  # fmt: skip
    after = Holder(execution.uid, execution.rights)
    tags: Tags = {}
    if cause == "setuid_file":
        tags["setuid_exec"] = _severity_of_setuid(execution)
    elif cause == "setgid_file":
        tags["setgid_exec"] = 1
    elif cause == "file_capabilities":
        tags["file_capabilities_exec"] = 3 if found is not None and found.gained & _TAKING else 1
    raised = cause == "setuid_file" or (found is not None and found.direction == "raised")
    if raised and execution.name in SWITCHERS:
        tags[execution.name] = 1
        if execution.name == "sudo" and not _OVERFLOWING.isdisjoint(execution.args):
            tags["sudo_as_overflowing_user"] = 4
        if execution.name == "pkexec" and not execution.arguments:
            tags["pkexec_without_arguments"] = 4
    elif after.user == 0 and ancestors and ancestors[0].name in SWITCHERS:
        tags["elevated_child"] = 1
    if raised and after.user == 0 and execution.auid in _LOGIN:
        tags["login_user_root"] = 1
    if found is not None and before is not None and base is not None:
        _add_difference(tags, found, before, base, execution, cause, ancestors)
    return tags


def _add_difference(
    tags: Tags, found: Difference, before: Holder, base: Execution, execution: Execution, cause: str,
    ancestors: Sequence[Execution],
) -> None:  # fmt: skip
    if found.to_root and not cause and not any(_raises(each) for each in ancestors[:3]):
        # Where Tetragon tells no credentials, a set-id binary nobody has heard of looks the same.
        tags["root_child_of_user"] = 4 if execution.rights else 2
        if execution.auid is None and before.user in _SERVICE:
            tags["service_to_root"] = 3
    if found.gained and not cause:
        tags["capabilities_gained"] = 3
    if found.is_nested:
        tags["user_namespace"] = 3 if base.container else 2
    if before.user == 0 and "user" in found.changes and Holder(execution.uid, execution.rights).user != 0:
        tags["drop"] = 0
    if base.container and not _HOST.isdisjoint(found.to_host):
        tags["host_namespace"] = 4
    if base.container and not execution.container and "mnt" in found.to_host:
        tags["left_container"] = 4
    if cause == "container" and execution.container and (read(execution.rights).permitted or 0) & SENSITIVE:
        tags["sensitive_capabilities"] = 2


def _raises(execution: Execution) -> bool:
    return execution.raised or execution.name in SWITCHERS


def _severity_of_setuid(execution: Execution) -> int:
    if execution.name in ABUSABLE or execution.binary.startswith((*SCRATCH, "/home/")):
        return 4
    return 1 if execution.name in SET_ID else 3


def call_tags(found: Difference, before: Holder, execution: Execution, call: Operation, *, asked: bool) -> Tags:
    """Of a call that changes ids or capabilities, or `asked` the kernel to."""
    if of_setuid_file(found, before, call):
        # The next image is not known yet: its own event says what it is.
        return {"setuid_exec": 1}
    tags: Tags = {}
    trusted = execution.name in TRUSTED or execution.name.startswith("systemd") or is_runtime(execution)
    if found.to_root and not trusted:
        tags["uid_to_root"] = 2 if execution.container else 3 if asked else 4
        if execution.auid is None and before.user in _SERVICE:
            tags["service_to_root"] = 3
    if found.gained and not found.is_nested and not trusted:
        tags["capabilities_gained"] = 1 if call.kind == "setcap" else 3
    if found.is_nested:
        tags["user_namespace"] = 3 if execution.container else 2
    if before.user == 0 and "user" in found.changes and not found.to_root:
        tags["drop"] = 0
    return tags


def of_setuid_file(found: Difference, before: Holder, call: Operation) -> bool:
    """An exec of a set-id binary commits credentials too, but leaves the real user alone, as an exploit does not."""
    held = call.credentials
    if call.kind != "credentials" or held is None or not found.to_root:
        return False
    real = before.ids[0]
    return held.uid not in (None, 0) and held.suid == 0 and real in (None, held.uid)


def namespace_tags(before: Holder, execution: Execution, call: Operation) -> Tags:
    """Of a call that makes or joins namespaces."""
    if is_runtime(execution):
        return {}
    contained = bool(execution.container)
    if call.kind == "setns":
        return {"namespace_joined": 3 if contained else 1}
    tags: Tags = {}
    if "user" in call.namespaces and before.user != 0:
        tags["user_namespace"] = 3 if contained else 2
    if not {"mnt", "pid", "user"}.isdisjoint(call.namespaces):
        may = read(before.rights).effective
        tags["unshare"] = 3 if contained and may is not None and not may & _SYS_ADMIN else 1
    return tags


def is_runtime(execution: Execution) -> bool:
    """It makes containers, on the host."""
    return not execution.container and execution.name.startswith(RUNTIMES)
