"""Processes and their events as Tetragon writes them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from examples.pods import Pod

UNSET: Final = 4_294_967_295  # the login uid of what no login started

_HOST_CAPABILITIES: Final = [
    *("CAP_CHOWN", "DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"),
    *("CAP_NET_BIND_SERVICE", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_SYS_RESOURCE"),
]
_POD_CAPABILITIES: Final = ["CAP_CHOWN", "DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID", "CAP_NET_RAW"]
_NAMESPACES: Final = ("uts", "ipc", "mnt", "pid", "pid_for_children", "net", "time", "cgroup", "user")
_IN_ORDER: Final = (
    *("exec_id", "pid", "uid", "cwd", "binary", "arguments", "flags", "start_time", "auid", "pod", "docker"),
    *("parent_exec_id", "refcnt", "cap", "ns", "tid", "process_credentials", "binary_properties", "user"),
    "in_init_tree",
)


@dataclass
class Process:
    """One image that runs in a pid; an exec without a clone puts another one in its place.

    `start` is in ns since 1970; the kernel is its own parent.
    """

    exec_id: str
    pid: int
    binary: str
    arguments: str
    flags: str
    start: int
    parent: "Process | None"
    pod: Pod | None = None
    uid: int = 0
    auid: int = UNSET
    cwd: str = "/"
    is_setuid: bool = False
    children: int = 0


def exec_event(process: Process, node: str, time: int) -> dict[str, Any]:
    return _event("process_exec", {"process": _executed(process), "parent": _parent(process)}, node, time)


def exit_event(process: Process, node: str, time: int, status: int, signal: str) -> dict[str, Any]:
    ended: dict[str, Any] = {"signal": signal} if signal else {}
    ended |= {"status": status} if status else {}
    return _event(
        "process_exit",
        {"process": _ordered(_known(process)), "parent": _parent(process), **ended, "time": timestamp(time)},
        node,
        time,
    )


def encoded(arguments: tuple[str, ...]) -> str:
    """As Tetragon joins them: one that holds a space is quoted, and what it holds is not escaped."""
    text = ""
    for argument in arguments:
        text += f' "{argument}"' if " " in argument else f" {argument}" if text else argument
    return text


def timestamp(nanoseconds: int) -> str:
    """RFC 3339 with 0, 3, 6 or 9 digits of fraction, whichever is enough."""
    seconds, fraction = divmod(nanoseconds, 10**9)
    digits = f"{fraction:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{'.' * bool(digits)}{digits}Z"


def _event(member: str, body: dict[str, Any], node: str, time: int) -> dict[str, Any]:
    return {
        member: body,
        "node_name": node,
        "time": timestamp(time),
        "cluster_name": "examples",
        "node_labels": {"kubernetes.io/hostname": node, "kubernetes.io/os": "linux", "node.example.com/pool": "blue"},
    }


def _known(process: Process) -> dict[str, Any]:
    """What every event says of a process. Zeros and empty strings are left out, wrapped numbers are not."""
    known = {
        "exec_id": process.exec_id,
        "pid": process.pid,
        "uid": process.uid,
        "binary": process.binary,
        "flags": process.flags,
        "start_time": timestamp(process.start),
        "auid": process.auid,
        "parent_exec_id": (process.parent or process).exec_id,
        "tid": process.pid,
        **({"cwd": process.cwd} if process.cwd else {}),
        **({"arguments": process.arguments} if process.arguments else {}),
    }
    if process.pod:
        known["pod"] = process.pod.shown(process.pid)
        known["docker"] = process.pod.container_id[:31]
        known["in_init_tree"] = "inInitTree" in process.flags
    else:
        known["user"] = {"name": "ubuntu" if process.uid else "root"}
    return known


def _executed(process: Process) -> dict[str, Any]:
    capabilities = _POD_CAPABILITIES if process.pod else _HOST_CAPABILITIES
    own = process.parent.uid if process.is_setuid and process.parent else process.uid
    ids = {"uid": own, "gid": own, "euid": process.uid, "egid": own, "suid": process.uid, "sgid": own}
    known = _known(process) | {
        "refcnt": 1,
        "cap": {} if process.uid else {"permitted": capabilities, "effective": capabilities},
        "ns": _namespaces(process.pod),
        "process_credentials": {**ids, "fsuid": process.uid, "fsgid": own},
    }
    if process.is_setuid:
        known["binary_properties"] = {"setuid": 0, "privileges_changed": ["PRIVILEGES_RAISED_EXEC_FILE_SETUID"]}
    return _ordered(known)


def _namespaces(pod: Pod | None) -> dict[str, Any]:
    first = 4_026_531_834
    if pod is None:
        return {name: {"inum": first + number, "is_host": True} for number, name in enumerate(_NAMESPACES)}
    return {name: {"inum": first + pod.namespaces + number} for number, name in enumerate(_NAMESPACES)}


def _parent(process: Process) -> dict[str, Any]:
    parent = process.parent or process
    return _ordered(_known(parent) | ({"refcnt": parent.children} if parent.children else {}))


def _ordered(known: dict[str, Any]) -> dict[str, Any]:
    return {name: known[name] for name in _IN_ORDER if name in known}
