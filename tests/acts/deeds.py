"""What a process does, as the events of deploy/policies' hooks that tell of it: a verb, and what that needs."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from examples import hooks
from examples.events import Process
from examples.node import Node

Arguments = list[dict[str, Any]]


class Hook(NamedTuple):
    policy: str
    function: str
    arguments: Arguments
    returns: bool = False


Deed = Callable[..., Hook]  # of the machine, the process, and words

_CLONES: Final = {"mnt": 0x2_0000, "cgroup": 0x200_0000, "uts": 0x400_0000, "ipc": 0x800_0000, "user": 0x1000_0000,
                  "pid": 0x2000_0000, "net": 0x4000_0000}  # fmt: skip
_OPENING: Final = {"r": 0, "w": 1, "rw": 2, "c": 0o102}
_DEVICES: Final = {"block": 0o060000, "character": 0o020000, "pipe": 0o010000}
_BIND: Final = 0x1000
_HERE: Final = -100  # AT_FDCWD
_IDS: Final = ("uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid")


def hook_of(node: Node, process: Process, verb: str, *words: str) -> Hook:
    return _DEEDS[verb](node, process, *words)


def _number(value: int, label: str) -> dict[str, Any]:
    return {"int_arg": value, "label": label}


def _file(path: str, permission: str = "-rw-r--r--") -> dict[str, Any]:
    return {"file_arg": {"path": path, "permission": permission}}


def _entry(path: str, permission: str = "") -> Arguments:
    """The folder, and the entry in it as its mount has it."""
    return [
        {"path_arg": {"path": path.rpartition("/")[0] or "/", "permission": "drwxr-xr-x"}},
        {"path_arg": {"path": path, "permission": permission}},
    ]


def _masked(mask: int) -> Deed:
    def deed(_node: Node, _process: Process, path: str, permission: str = "-rw-r--r--") -> Hook:
        arguments = [_file(path, permission), _number(mask, "mask")]
        return Hook("file-integrity", "security_file_permission", arguments)

    return deed


def _mapped(_node: Node, _process: Process, path: str) -> Hook:
    """As code, for itself alone: what a loader does with a library."""
    arguments = [_file(path), {"uint_arg": 5, "label": "prot"}, {"uint_arg": 2, "label": "flags"}]
    return Hook("file-integrity", "security_mmap_file", arguments)


def _made(function: str, kind: int, default: str) -> Deed:
    def deed(_node: Node, _process: Process, path: str, mode: str = default) -> Hook:
        arguments = [*_entry(path), {"uint_arg": kind | int(mode, 8), "label": "mode"}]
        return Hook("file-integrity", function, arguments)

    return deed


def _device(_node: Node, _process: Process, path: str, kind: str, major: str, minor: str) -> Hook:
    mode, device = _DEVICES[kind] | 0o660, int(major) << 8 | int(minor)
    arguments = [
        _number(_HERE, "dfd"),
        {"string_arg": path},
        _number(mode, "mode"),
        {"uint_arg": device, "label": "dev"},
    ]
    return Hook("escape", "__x64_sys_mknodat", arguments, returns=True)


def _spliced(_node: Node, _process: Process, path: str, size: str) -> Hook:
    return Hook("kernel", "do_splice", [_file(path), {"size_arg": size, "label": "size"}])


def _removed(function: str) -> Deed:
    return lambda _node, _process, path: Hook("file-integrity", function, _entry(path, "-rw-r--r--"))


def _paired(function: str) -> Deed:
    def deed(_node: Node, _process: Process, old: str, new: str) -> Hook:
        first = _entry(old, "-rw-r--r--")
        return Hook("file-integrity", function, [*(first if function.endswith("rename") else first[1:]), *_entry(new)])

    return deed


def _symlinked(_node: Node, _process: Process, target: str, path: str) -> Hook:
    return Hook("file-integrity", "security_path_symlink", [*_entry(path), {"string_arg": target}])


def _path_changed(function: str, *labels: str, base: int = 10) -> Deed:
    def deed(_node: Node, _process: Process, path: str, *values: str) -> Hook:
        permission = values[len(labels)] if len(values) > len(labels) else "-rw-r--r--"
        named = zip(labels, values, strict=False)
        arguments = [{"uint_arg": int(value, base), "label": label} for label, value in named]
        return Hook("file-integrity", function, [{"path_arg": {"path": path, "permission": permission}}, *arguments])

    return deed


def _capable(_node: Node, _process: Process, path: str) -> Hook:
    return Hook("file-integrity", "__x64_sys_setxattr", [{"string_arg": path}, {"string_arg": "security.capability"}])


def _opened_at(_node: Node, _process: Process, path: str, how: str = "r") -> Hook:
    arguments = [_number(_HERE, "dfd"), {"string_arg": path}, _number(_OPENING[how], "flags")]
    return Hook("escape", "__x64_sys_openat", arguments, returns=True)


def _opened(_node: Node, _process: Process, path: str, permission: str = "-r--r--r--") -> Hook:
    return Hook("escape", "security_file_open", [_file(path, permission)], returns=True)


def _mounted(_node: Node, _process: Process, source: str, target: str, kind: str = "", flags: str = "") -> Hook:
    bits = _BIND if kind == "bind" else int(flags or "0", 16)
    texts = [{"string_arg": source}, {"string_arg": target}, {"string_arg": "" if kind == "bind" else kind}]
    return Hook("escape", "__x64_sys_mount", [*texts, {"size_arg": bits, "label": "flags"}], returns=True)


def _moved_mount(_node: Node, _process: Process, source: str, target: str) -> Hook:
    paths = [{"path_arg": {"path": each, "permission": "drwxr-xr-x"}} for each in (source, target)]
    return Hook("escape", "security_move_mount", paths, returns=True)


def _texts(function: str, policy: str = "escape") -> Deed:
    return lambda _node, _process, *texts: Hook(policy, function, [{"string_arg": each} for each in texts], True)


def _asked(function: str) -> Deed:
    return lambda _node, _process, *ids: Hook("privilege", function, [{"int_arg": int(each)} for each in ids], True)


def _committed(_node: Node, process: Process, uid: str) -> Hook:
    """The kernel makes it that user, from now on."""
    process.uid = int(uid)
    return Hook("credentials", "commit_creds", [{"process_credentials_arg": dict.fromkeys(_IDS, process.uid)}])


def _flags(kinds: str) -> int:
    return sum(_CLONES[each] for each in kinds.split(","))


def _joined(_node: Node, _process: Process, kind: str) -> Hook:
    return Hook("privilege", "__x64_sys_setns", [{"int_arg": 7}, _number(_flags(kind), "nstype")], returns=True)


def _unshared(_node: Node, _process: Process, kinds: str) -> Hook:
    return Hook("privilege", "__x64_sys_unshare", [_number(_flags(kinds), "flags")], returns=True)


def _new_users(_node: Node, _process: Process) -> Hook:
    return Hook("privilege", "create_user_ns", [])


def _module_file(_node: Node, _process: Process, path: str) -> Hook:
    return Hook("kernel", "security_kernel_read_file", [_file(path), _number(2, "id")], returns=True)


def _module_data(_node: Node, _process: Process) -> Hook:
    """A module that no file is told of."""
    return Hook("kernel", "security_kernel_load_data", [_number(2, "id")], returns=True)


def _module(_node: Node, _process: Process, name: str, *tainted: str) -> Hook:
    about = {"name": name, "tainted": list(tainted), "signature_ok": not tainted}
    return Hook("kernel", "do_init_module", [{"module_arg": about}])


def _module_asked(_node: Node, _process: Process, name: str) -> Hook:
    return Hook("kernel", "security_kernel_module_request", [{"string_arg": name}])


def _program(_node: Node, _process: Process, kind: str, name: str) -> Hook:
    about = {"ProgType": f"BPF_PROG_TYPE_{kind}", "InsnCnt": 120, "ProgName": name}
    return Hook("kernel", "bpf_check", [{"bpf_attr_arg": about}])


def _traced(_node: Node, process: Process, request: str, pid: str = "") -> Hook:
    numbers = [_number(int(request), "request"), _number(int(pid) if pid else process.pid + 1, "pid")]
    return Hook("kernel", "__x64_sys_ptrace", numbers, returns=True)


def _wrote_memory(_node: Node, _process: Process, pid: str) -> Hook:
    return Hook("kernel", "__x64_sys_process_vm_writev", [_number(int(pid), "pid")], returns=True)


def _socket(function: str, policy: str, state: str) -> Deed:
    def deed(node: Node, process: Process, host: str, port: str) -> Hook:
        away = not state.endswith("LISTEN")
        sock = {
            "family": "AF_INET",
            "type": "SOCK_DGRAM" if policy.endswith("udp") else "SOCK_STREAM",
            "protocol": "IPPROTO_UDP" if policy.endswith("udp") else "IPPROTO_TCP",
            "saddr": hooks.address(node, process) if away else host,
            "daddr": host if away else "0.0.0.0",
            "sport": node.random.randrange(32_768, 61_000) if away else int(port),
            "dport": int(port) if away else 0,
            "cookie": 0xFFFF_8880_0000_0000 + node.random.getrandbits(34) * 64,
            "state": state,
        }
        return Hook(policy, function, [{"sock_arg": sock}])

    return deed


def _unix(policy: str, function: str) -> Deed:
    def deed(_node: Node, _process: Process, path: str) -> Hook:
        return Hook(policy, function, [{"sockaddrun_arg": {"family": "AF_UNIX", "path": path}}], returns=True)

    return deed


_DEEDS: Final[Mapping[str, Deed]] = {
    "bpf": _program,
    "chmod": _path_changed("security_path_chmod", "mode", base=8),
    "chown": _path_changed("security_path_chown", "uid", "gid"),
    "chroot": _texts("__x64_sys_chroot"),
    "connect": _socket("tcp_connect", "network", "TCP_SYN_SENT"),
    "create": _made("security_path_mknod", 0o100000, "644"),
    "credentials": _committed,
    "file-capability": _capable,
    "link": _paired("security_path_link"),
    "listen": _socket("inet_csk_listen_start", "network", "TCP_LISTEN"),
    "map": _mapped,
    "mknod": _device,
    "mkdir": _made("security_path_mkdir", 0, "755"),
    "module": _module,
    "module-asked": _module_asked,
    "module-data": _module_data,
    "module-file": _module_file,
    "mount": _mounted,
    "move-mount": _moved_mount,
    "open": _opened,
    "openat": _opened_at,
    "pivot-root": _texts("__x64_sys_pivot_root"),
    "ptrace": _traced,
    "read": _masked(hooks.MAY_READ),
    "rename": _paired("security_path_rename"),
    "rmdir": _removed("security_path_rmdir"),
    "setgid": _asked("__sys_setgid"),
    "setns": _joined,
    "setresgid": _asked("__sys_setresgid"),
    "setresuid": _asked("__sys_setresuid"),
    "setuid": _asked("__sys_setuid"),
    "splice": _spliced,
    "symlink": _symlinked,
    "truncate": _path_changed("security_path_truncate"),
    "udp": _socket("udp_sendmsg", "network-udp", "TCP_CLOSE"),
    "umount": _texts("__x64_sys_umount"),
    "unix-allowed": _unix("escape-sockets", "security_socket_connect"),
    "unix-connected": _unix("network-unix", "unix_stream_connect"),
    "unlink": _removed("security_path_unlink"),
    "unshare": _unshared,
    "user-namespace": _new_users,
    "write": _masked(hooks.MAY_WRITE),
    "write-memory": _wrote_memory,
}

VERBS: Final = frozenset(_DEEDS)
