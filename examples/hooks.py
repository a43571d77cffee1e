"""What a process does that a hook sees: the events that Tetragon's own TracingPolicies and example policies give.

Each function writes its event or events into the node's log. The policies' names are those of Tetragon's examples,
where there is one.
"""

from collections.abc import Iterator
from hashlib import sha1, sha256
from typing import Any, Final

from examples.events import HOST_CAPABILITIES, Process, namespaces
from examples.node import Node

POST: Final = "KPROBE_ACTION_POST"
MAY_WRITE: Final = 2
MAY_READ: Final = 4
CLONE_NEWNS: Final = 0x20000
CLONE_NEWCGROUP: Final = 0x2000000
CLONE_NEWUTS: Final = 0x4000000
CLONE_NEWIPC: Final = 0x8000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000
UNCHANGED: Final = -1  # an id that a call of the set-id family leaves alone
EACCES: Final = -13

_FILES: Final = "file-monitoring-filtered"
_CHANGES: Final = "file-changes"
_READ_ONLY: Final = "-rw-r--r--"


def read(node: Node, process: Process, path: str, permission: str = _READ_ONLY, returned: int = 0) -> None:
    _kprobe(
        node, process, "security_file_permission", _FILES, _file(path, permission), _int(MAY_READ), returned=returned
    )


def write(node: Node, process: Process, path: str, permission: str = _READ_ONLY) -> None:
    _kprobe(node, process, "security_file_permission", _FILES, _file(path, permission), _int(MAY_WRITE), returned=0)


def read_token(node: Node, process: Process) -> None:
    """The service account's: a symbolic link, so that the kernel sees the folder of the day."""
    path = "/run/secrets/kubernetes.io/serviceaccount/..2026_01_05_03_12_44.2715319183/token"
    arguments = (_file(path), _int(MAY_READ))
    _kprobe(node, process, "security_file_permission", "enumerate-service-account", *arguments, returned=0)


def truncate(node: Node, process: Process, path: str) -> None:
    _kprobe(node, process, "security_path_truncate", _FILES, _path(path, _READ_ONLY), returned=0)


def create(node: Node, process: Process, path: str, mode: int = 0o644) -> None:
    _kprobe(node, process, "security_path_mknod", _CHANGES, _path(path), {"uint_arg": 0o100000 | mode}, returned=0)


def make_folder(node: Node, process: Process, path: str, mode: int = 0o755) -> None:
    _kprobe(node, process, "security_path_mkdir", _CHANGES, _path(path), {"uint_arg": mode}, returned=0)


def rename(node: Node, process: Process, old: str, new: str) -> None:
    _kprobe(node, process, "security_path_rename", _CHANGES, _path(old, _READ_ONLY), _path(new), returned=0)


def replace(node: Node, process: Process, path: str, temporary: str, mode: int = 0o644) -> None:
    """A file made anew beside the old one and put into its place: how tools that mean well write."""
    create(node, process, temporary, mode)
    write(node, process, temporary)
    rename(node, process, temporary, path)


def unlink(node: Node, process: Process, path: str) -> None:
    _kprobe(node, process, "security_path_unlink", _CHANGES, _path(path, _READ_ONLY), returned=0)


def chmod(node: Node, process: Process, path: str, mode: int) -> None:
    _kprobe(node, process, "security_path_chmod", _CHANGES, _path(path, _READ_ONLY), {"uint_arg": mode}, returned=0)


def chown(node: Node, process: Process, path: str, uid: int, gid: int) -> None:
    ids = ({"uint_arg": uid}, {"uint_arg": gid})
    _kprobe(node, process, "security_path_chown", _CHANGES, _path(path, _READ_ONLY), *ids, returned=0)


def symlink(node: Node, process: Process, target: str, path: str) -> None:
    arguments = ({"string_arg": target}, _int(-100), {"string_arg": path})
    _kprobe(node, process, "__x64_sys_symlinkat", "sys-symlink", *arguments)


def opened(node: Node, process: Process, path: str, permission: str) -> None:
    body = {"function_name": "file_open", "policy_name": "lsm-file-open", "args": [_file(path, permission)]}
    node.report("process_lsm", process, body | {"action": POST})


def checked(node: Node, process: Process, path: str) -> None:
    """`process` is about to execute `path`."""
    binary = {"linux_binprm_arg": {"path": path, "permission": "-rwxr-xr-x"}}
    ima_hash = f"sha256:{sha256(path.encode()).hexdigest()}"
    body = {"function_name": "bprm_check_security", "policy_name": "lsm", "args": [binary], "ima_hash": ima_hash}
    node.report("process_lsm", process, body | {"action": POST})


def load(node: Node, process: Process, *paths: str) -> None:
    """Shared libraries; a build id is a hash, here of the path."""
    for path in paths:
        node.report("process_loader", process, {"path": path, "buildid": sha1(path.encode()).digest()})


def set_ids(node: Node, process: Process, function: str, *ids: int) -> None:
    """`function` is setuid or one of its family. One policy looks for root, one at containers, one at system calls."""
    arguments = [_int(each) for each in ids]
    if 0 in ids:
        _kprobe(node, process, f"__sys_{function}", "privileges-setuid-root", *arguments, returned=0)
    if process.pod:
        _kprobe(node, process, f"__x64_sys_{function}", "process.credentials.changes.at.syscalls", *arguments)
    elif 0 not in ids:
        _kprobe(node, process, f"__x64_sys_{function}", "syscalls", *arguments)


def commit_creds(node: Node, process: Process, uid: int) -> None:
    """All ids are `uid` from now on, with the capabilities that root has and nobody else."""
    ids = dict.fromkeys(("uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid"), uid)
    capabilities = {"permitted": HOST_CAPABILITIES, "effective": HOST_CAPABILITIES}
    user_ns = {"level": 0, "uid": 0, "gid": 0, "ns": namespaces(process.pod)["user"]}
    credentials = ids | {"caps": {} if uid else capabilities, "user_ns": user_ns}
    _kprobe(node, process, "commit_creds", "process-creds-changed", {"process_credentials_arg": credentials})


def setns(node: Node, process: Process, descriptor: int, kind: int) -> None:
    _kprobe(node, process, "__x64_sys_setns", "sys-setns", _int(descriptor), _int(kind))


def unshare(node: Node, process: Process, flags: int) -> None:
    _kprobe(node, process, "__x64_sys_unshare", "sys-unshare", _int(flags))


def mount(node: Node, process: Process, source: str, target: str) -> None:
    _kprobe(node, process, "__x64_sys_mount", "syscalls", {"string_arg": source}, {"string_arg": target})


def pivot_root(node: Node, process: Process) -> None:
    _kprobe(node, process, "__x64_sys_pivot_root", "sys-pivot-root", {"string_arg": "."}, {"string_arg": "."})


def module(node: Node, process: Process, name: str, path: str) -> None:
    policy = "monitor-kernel-modules"
    _kprobe(node, process, "security_kernel_read_file", policy, _file(path), _int(2), returned=0)
    _kprobe(node, process, "do_init_module", policy, {"module_arg": {"name": name}})


def check_program(node: Node, process: Process, name: str, instructions: int) -> None:
    program = {"ProgType": "BPF_PROG_TYPE_CGROUP_SKB", "InsnCnt": instructions, "ProgName": name}
    _kprobe(node, process, "bpf_check", "bpf-library-policy", {"bpf_attr_arg": program})


def talk(node: Node, process: Process, host: str, port: int, size: int) -> Iterator[bool]:
    """A connection from its opening to its end, with one message of `size` bytes."""
    sock = _sock(node, (address(node, process), node.random.randrange(32_768, 61_000)), (host, port))
    _kprobe(node, process, "tcp_connect", "connect", {"sock_arg": sock | {"state": "TCP_SYN_SENT"}})
    yield True
    open_sock = {"sock_arg": sock | {"state": "TCP_ESTABLISHED"}}
    _kprobe(node, process, "tcp_sendmsg", "connect", open_sock, _int(size))
    yield True
    _kprobe(node, process, "tcp_close", "connect", open_sock)


def accept(node: Node, process: Process, port: int, host: str) -> None:
    """A connection from `host` to the process's `port`."""
    own, other = (address(node, process), port), (host, node.random.randrange(32_768, 61_000))
    listening = _sock(node, (own[0], port), ("", 0)) | {"state": "TCP_LISTEN"}
    returned = {"sock_arg": _sock(node, own, other) | {"state": "TCP_SYN_RECV"}}
    more = {"return": returned, "return_action": "KPROBE_ACTION_TRACKSOCK"}
    _kprobe(node, process, "tcp_create_openreq_child", "accept", {"sock_arg": listening}, **more)


def listen(node: Node, process: Process, port: int) -> None:
    sock = _sock(node, (address(node, process), port), ("", 0)) | {"state": "TCP_LISTEN"}
    _kprobe(node, process, "inet_csk_listen_start", "tcp-listen", {"sock_arg": sock})


def address(node: Node, process: Process) -> str:
    return f"10.244.{node.index}.{process.pod.namespaces // 20}" if process.pod else f"10.0.0.{node.index + 10}"


def _sock(node: Node, source: tuple[str, int], destination: tuple[str, int]) -> dict[str, Any]:
    return {
        "family": "AF_INET",
        "type": "SOCK_STREAM",
        "protocol": "IPPROTO_TCP",
        "saddr": source[0],
        "sport": source[1],
        "daddr": destination[0] or "0.0.0.0",
        "dport": destination[1],
        "cookie": 0xFFFF_8880_0000_0000 + node.random.getrandbits(34) * 64,
    }


def _kprobe(node: Node, process: Process, function: str, policy: str, *arguments: dict[str, Any], **more: Any) -> None:
    body = {"function_name": function, "args": list(arguments), "action": POST, "policy_name": policy, **more}
    if "returned" in more:
        body |= {"return": _int(body.pop("returned")), "return_action": POST}
    node.report("process_kprobe", process, body)


def _int(value: int) -> dict[str, Any]:
    return {"int_arg": value}


def _file(path: str, permission: str = _READ_ONLY) -> dict[str, Any]:
    return {"file_arg": {"path": path, "permission": permission}}


def _path(path: str, permission: str = "") -> dict[str, Any]:
    """A new file's entry has no inode yet, so no permission."""
    return {"path_arg": {"path": path, "permission": permission}}
