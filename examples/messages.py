"""The messages of Tetragon's event API, their fields in the order of declaration.

Names are Tetragon's. Of members that releases have since renamed or dropped, those are here that public logs show.
"""

from typing import Final

from examples.protojson import (
    Kind,
    chosen,
    flag,
    long,
    mapping,
    message,
    number,
    octets,
    several,
    text,
    time,
    wrapped,
)

_IMAGE: Final = message({"id": text, "name": text})
_CONTAINER: Final = message(
    {
        "id": text,
        "name": text,
        "image": _IMAGE,
        "start_time": time,
        "pid": wrapped,
        "maybe_exec_probe": flag,
        "security_context": message({"privileged": flag}),
    }
)
_POD: Final = message(
    {
        "namespace": text,
        "name": text,
        "uid": text,
        "labels": several(text),  # until 1.1
        "container": _CONTAINER,
        "pod_labels": mapping,
        "workload": text,
        "workload_kind": text,
        "pod_annotations": mapping,
    }
)
_CAPABILITIES: Final = message({"permitted": several(text), "effective": several(text), "inheritable": several(text)})
_NAMESPACE: Final = message({"inum": number, "is_host": flag})
_NAMESPACES: Final = message(
    dict.fromkeys(
        ("uts", "ipc", "mnt", "pid", "pid_for_children", "net", "time", "time_for_children", "cgroup", "user"),
        _NAMESPACE,
    )
)
_CREDENTIALS: Final = message(
    {
        **dict.fromkeys(("uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid"), wrapped),
        "securebits": several(text),
        "caps": _CAPABILITIES,
        "user_ns": message({"level": wrapped, "uid": wrapped, "gid": wrapped, "ns": _NAMESPACE}),
    }
)
_BINARY_PROPERTIES: Final = message(
    {
        "setuid": wrapped,
        "setgid": wrapped,
        "privileges_changed": several(text),
        "file": message({"inode": message({"number": long, "links": wrapped}), "path": text}),
    }
)
_PROCESS: Final = message(
    {
        "exec_id": text,
        "pid": wrapped,
        "uid": wrapped,
        "cwd": text,
        "binary": text,
        "arguments": text,
        "flags": text,
        "start_time": time,
        "auid": wrapped,
        "pod": _POD,
        "docker": text,
        "parent_exec_id": text,
        "refcnt": number,
        "cap": _CAPABILITIES,
        "ns": _NAMESPACES,
        "tid": wrapped,
        "process_credentials": _CREDENTIALS,
        "binary_properties": _BINARY_PROPERTIES,
        "user": message({"name": text}),
        "in_init_tree": wrapped,
        "environment_variables": several(message({"Key": text, "Value": text})),
    }
)
_PROCESSES: Final = several(_PROCESS)

_FILE: Final = message({"mount": text, "path": text, "flags": text, "permission": text})
_SOCK: Final = message(
    {
        "family": text,
        "type": text,
        "protocol": text,
        "mark": number,
        "priority": number,
        "saddr": text,
        "daddr": text,
        "sport": number,
        "dport": number,
        "cookie": long,
        "state": text,
    }
)
_MODULE: Final = message({"name": text, "signature_ok": wrapped, "tainted": several(text)})
_TRUNCATED: Final = message({"bytes_arg": octets, "orig_size": long})
_OWNED: Final = message({"level": wrapped, "owner": wrapped, "group": wrapped, "ns": _NAMESPACE})
_PERF_EVENT: Final = message({"KprobeFunc": text, "Type": text, "Config": long, "ProbeOffset": long})

_ARGUMENT: Final = message(
    {
        "string_arg": chosen(text, '""'),
        "int_arg": chosen(number, "0"),
        "size_arg": chosen(long, '"0"'),
        "bytes_arg": chosen(octets, '""'),
        "path_arg": _FILE,
        "file_arg": _FILE,
        "truncated_bytes_arg": _TRUNCATED,
        "sock_arg": _SOCK,
        "long_arg": chosen(long, '"0"'),
        "bpf_attr_arg": message({"ProgType": text, "InsnCnt": number, "ProgName": text}),
        "perf_event_arg": _PERF_EVENT,
        "uint_arg": chosen(number, "0"),
        "user_namespace_arg": _OWNED,
        "capability_arg": message({"value": wrapped, "name": text}),
        "process_credentials_arg": _CREDENTIALS,
        "user_ns_arg": message({"level": wrapped, "uid": wrapped, "gid": wrapped, "ns": _NAMESPACE}),
        "module_arg": _MODULE,
        "cap_inheritable_arg": chosen(text, '""'),
        "cap_permitted_arg": chosen(text, '""'),
        "cap_effective_arg": chosen(text, '""'),
        "linux_binprm_arg": message({"path": text, "flags": text, "permission": text}),
        "sockaddr_arg": message({"family": text, "addr": text, "port": number}),
        "sockaddrun_arg": message({"family": text, "path": text}),
        "label": text,
    }
)
_ARGUMENTS: Final = several(_ARGUMENT)

_EVENTS: Final[dict[str, Kind]] = {
    "process_exec": message({"process": _PROCESS, "parent": _PROCESS, "ancestors": _PROCESSES}),
    "process_exit": message(
        {
            "process": _PROCESS,
            "parent": _PROCESS,
            "signal": text,
            "status": number,
            "time": time,
            "ancestors": _PROCESSES,
        }
    ),
    "process_kprobe": message(
        {
            "process": _PROCESS,
            "parent": _PROCESS,
            "function_name": text,
            "args": _ARGUMENTS,
            "return": _ARGUMENT,
            "action": text,
            "policy_name": text,
            "return_action": text,
            "message": text,
            "tags": several(text),
            "ancestors": _PROCESSES,
            "data": _ARGUMENTS,
        }
    ),
    "process_tracepoint": message(
        {
            "process": _PROCESS,
            "parent": _PROCESS,
            "subsys": text,
            "event": text,
            "args": _ARGUMENTS,
            "policy_name": text,
            "action": text,
            "message": text,
            "tags": several(text),
            "ancestors": _PROCESSES,
        }
    ),
    "process_loader": message(
        {"process": _PROCESS, "path": text, "buildid": octets, "parent": _PROCESS, "ancestors": _PROCESSES}
    ),
    "process_throttle": message({"type": text, "cgroup": text}),
    "process_lsm": message(
        {
            "process": _PROCESS,
            "parent": _PROCESS,
            "function_name": text,
            "policy_name": text,
            "message": text,
            "args": _ARGUMENTS,
            "action": text,
            "tags": several(text),
            "ancestors": _PROCESSES,
            "ima_hash": text,
        }
    ),
    "rate_limit_info": message({"number_of_dropped_process_events": long}),
}
EVENT: Final = message(
    {
        **_EVENTS,
        "node_name": text,
        "time": time,
        "aggregation_info": message({"count": long}),
        "cluster_name": text,
        "node_labels": mapping,
    }
)
