"""Processes and their events as Tetragon has them: times in ns since 1970, numbers as numbers, zeros or not."""

from dataclasses import dataclass
from typing import Any, Final

from examples.pods import Pod

USERS: Final = {0: "root", 33: "www-data", 104: "syslog", 105: "messagebus", 106: "_apt", 998: "gitlab-runner"}
UNSET: Final = 4_294_967_295  # the login uid of what no login started

HOST_CAPABILITIES: Final = [
    *("CAP_CHOWN", "DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"),
    *("CAP_NET_BIND_SERVICE", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_SYS_RESOURCE"),
]
_POD_CAPABILITIES: Final = ["CAP_CHOWN", "DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID", "CAP_NET_RAW"]
_NAMESPACES: Final = ("uts", "ipc", "mnt", "pid", "pid_for_children", "net", "time", "cgroup", "user")


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
    in_init_tree: bool = False
    is_probe: bool = False  # the kubelet's, as far as Tetragon can tell
    children: int = 0


def exec_event(process: Process, node: str, time: int) -> dict[str, Any]:
    return event(
        "process_exec", {"process": _executed(process), "parent": _referred(process.parent or process)}, node, time
    )


def exit_event(process: Process, node: str, time: int, status: int, signal: str) -> dict[str, Any]:
    parent = _referred(process.parent or process)
    body = {"process": _known(process), "parent": parent, "signal": signal, "status": status, "time": time}
    return event("process_exit", body, node, time)


def hook_event(member: str, process: Process, body: dict[str, Any], node: str, time: int | None) -> dict[str, Any]:
    """What a TracingPolicy's hook saw the process do; a loader event has no time."""
    seen = _executed(process)
    seen.pop("binary_properties", None)
    return event(member, {"process": seen, "parent": _referred(process.parent or process), **body}, node, time)


def event(member: str, body: dict[str, Any], node: str, time: int | None) -> dict[str, Any]:
    return {
        member: body,
        "node_name": node,
        "time": time,
        "cluster_name": "examples",
        "node_labels": {"kubernetes.io/hostname": node, "kubernetes.io/os": "linux", "node.example.com/pool": "blue"},
    }


def encoded(arguments: tuple[str, ...]) -> str:
    """As Tetragon joins them: one that holds a space is quoted, and what it holds is not escaped."""
    text = ""
    for argument in arguments:
        text += f' "{argument}"' if " " in argument else f" {argument}" if text else argument
    return text


def _known(process: Process) -> dict[str, Any]:
    """What every event says of a process."""
    known: dict[str, Any] = {
        "exec_id": process.exec_id,
        "pid": process.pid,
        "uid": process.uid,
        "cwd": process.cwd,
        "binary": process.binary,
        "arguments": process.arguments,
        "flags": process.flags,
        "start_time": process.start,
        "auid": process.auid,
        "parent_exec_id": (process.parent or process).exec_id,
        "tid": process.pid,
    }
    if process.pod:
        known["pod"] = process.pod.shown(process.pid)
        if process.is_probe:
            known["pod"]["container"]["maybe_exec_probe"] = True
        known["docker"] = process.pod.container_id[:31]
        known["in_init_tree"] = process.in_init_tree
    else:
        known["user"] = {"name": USERS.get(process.uid, "ubuntu")}
    return known


def _executed(process: Process) -> dict[str, Any]:
    pod = process.pod
    capabilities = [*_POD_CAPABILITIES, *pod.capabilities] if pod and not pod.is_privileged else HOST_CAPABILITIES
    own = process.parent.uid if process.is_setuid and process.parent else process.uid
    ids = {"uid": own, "gid": own, "euid": process.uid, "egid": own, "suid": process.uid, "sgid": own}
    known = _known(process) | {
        "refcnt": 1,
        "cap": {} if process.uid else {"permitted": capabilities, "effective": capabilities},
        "ns": namespaces(pod),
        "process_credentials": {**ids, "fsuid": process.uid, "fsgid": own},
    }
    if process.is_setuid:
        known["binary_properties"] = {"setuid": 0, "privileges_changed": ["PRIVILEGES_RAISED_EXEC_FILE_SETUID"]}
    return known


def namespaces(pod: Pod | None) -> dict[str, Any]:
    first = 4_026_531_834
    host = {name: {"inum": first + number, "is_host": True} for number, name in enumerate(_NAMESPACES)}
    if pod is None:
        return host
    own = {name: {"inum": first + pod.namespaces + number} for number, name in enumerate(_NAMESPACES)}
    return own | {name: host[name] for name in pod.shared}


def _referred(process: Process) -> dict[str, Any]:
    return _known(process) | {"refcnt": process.children}
