import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from app.enrich.decode import NoEvent, decode
from schemas.capabilities import CAPABILITIES, capabilities_of
from schemas.operation import Operation, operations
from tests.enrich.test_decode import EVENTLIKE

ETC = '{"path_arg":{"path":"/etc"}}'
NEW = '{"path_arg":{"path":"/new"}}'
FILE = '{"file_arg":{"path":"/etc/cron.d/a","permission":"-rw-r--r--"}}'
SOCK = (
    '{"sock_arg":{"family":"AF_INET","type":"SOCK_STREAM","protocol":"IPPROTO_TCP","saddr":"10.0.0.1",'
    '"daddr":"1.2.3.4","sport":50000,"dport":443,"cookie":"18446612682070104064","state":"TCP_SYN_SENT"}}'
)
PACKET = (
    '{"skb_arg":{"family":"AF_INET","protocol":"IPPROTO_UDP","saddr":"8.8.8.8","daddr":"10.0.0.1","sport":53,"len":90}}'
)
PLAIN = {"path": "/etc/cron.d/a", "permission": "-rw-r--r--"}


def told(value: Any) -> Any:
    """Without what is not told, so that a case says no more than it means."""
    if hasattr(value, "__struct_fields__"):
        members = {name: told(each) for name, each in asdict(value).items()}
        return {name: each for name, each in members.items() if each or (each == 0 and each is not False)}
    return [told(each) for each in value] if isinstance(value, list | tuple) else value


def done(line: str) -> list[dict[str, Any]]:
    event, _ = decode(line.encode())
    found: list[dict[str, Any]] = told(operations(event))
    assert told(operations(event)) == found
    return found


def kprobe(function: str, args: str, more: str = "", cwd: str = "/home/user") -> list[dict[str, Any]]:
    process = '"process":{"pid":1,"cwd":"' + cwd + '"}'
    return done(
        '{"process_kprobe":{' + process + ',"function_name":"' + function + '","args":[' + args + "]" + more + "}}"
    )


FILES = [
    ("security_file_permission", FILE + ',{"int_arg":4}', {"kind": "read", "flags": 4, **PLAIN}),
    ("security_file_permission", FILE + ',{"int_arg":10}', {"kind": "write", "flags": 10, **PLAIN}),
    ("security_file_permission", FILE + ',{"int_arg":1}', {"kind": "execute", "flags": 1, **PLAIN}),
    ("security_file_permission", FILE, {"kind": "access", **PLAIN}),
    ("security_file_open", FILE, {"kind": "open", **PLAIN}),
    ("fd_install", '{"int_arg":5},' + FILE, {"kind": "open", **PLAIN}),
    ("security_mmap_file", FILE + ',{"uint_arg":1},{"uint_arg":2}', {"kind": "read", "flags": 1, **PLAIN}),
    ("security_mmap_file", FILE + ',{"uint_arg":5},{"uint_arg":2}', {"kind": "mmap_exec", "flags": 5, **PLAIN}),
    ("security_mmap_file", FILE + ',{"uint_arg":3},{"uint_arg":1}', {"kind": "write", "flags": 3, **PLAIN}),
    ("security_mmap_file", FILE + ',{"uint_arg":3},{"uint_arg":2}', {"kind": "read", "flags": 3, **PLAIN}),
    ("security_path_truncate", ETC, {"kind": "truncate", "path": "/etc"}),
    (
        "__x64_sys_openat",
        '{"int_arg":-100},{"string_arg":"a/b"},{"int_arg":577},{"int_arg":420}',
        {"kind": "create", "path": "/home/user/a/b", "relative": True, "flags": 577, "mode": 420},
    ),
    (
        "__arm64_sys_openat",
        '{"int_arg":7},{"string_arg":"b"},{"int_arg":1}',
        {"kind": "open", "path": "b", "relative": True, "flags": 1},
    ),
    ("__x64_sys_openat", '{"string_arg":"/b"},{"int_arg":0}', {"kind": "open", "path": "/b", "flags": 0}),
    (
        "__x64_sys_openat",
        '{"int_arg":2,"label":"flags"},{"string_arg":"/b"}',
        {"kind": "open", "path": "/b", "flags": 2},
    ),
    ("do_sys_open", '{"string_arg":"./b"}', {"kind": "open", "path": "/home/user/b", "relative": True}),
    (
        "__x64_sys_write",
        FILE + ',{"bytes_arg":"YQ=="},{"size_arg":"1"}',
        {"kind": "write", "size": 1, **PLAIN},
    ),
    ("__x64_sys_write", '{"int_arg":3},{"bytes_arg":"YQ=="},{"size_arg":"1"}', {"kind": "write", "size": 1}),
    ("vfs_read", FILE + ',{"size_arg":4096}', {"kind": "read", "size": 4096, **PLAIN}),
    ("security_path_unlink", ETC + ',{"path_arg":{"path":"/x"}}', {"kind": "unlink", "path": "/etc/x"}),
    ("security_inode_unlink", '{"path_arg":{"path":"/etc/x"}}', {"kind": "unlink", "path": "/etc/x"}),
    ("__x64_sys_unlinkat", '{"int_arg":-100},{"string_arg":"/x"},{"int_arg":0}', {"kind": "unlink", "path": "/x"}),
    ("__x64_sys_unlinkat", '{"int_arg":-100},{"string_arg":"/x"},{"int_arg":512}', {"kind": "rmdir", "path": "/x"}),
    ("security_path_rmdir", ETC, {"kind": "rmdir", "path": "/etc"}),
    (
        "security_path_mkdir",
        '{"path_arg":{"path":"/d"}},{"uint_arg":493}',
        {"kind": "mkdir", "path": "/d", "mode": 493},
    ),
    ("security_inode_create", ETC + ',{"uint_arg":33188}', {"kind": "create", "path": "/etc", "mode": 0o644}),
    ("security_path_rename", ETC + "," + NEW, {"kind": "rename", "path": "/etc", "target": "/new"}),
    (
        "security_path_rename",
        ETC + ',{"path_arg":{"path":"/a"}},' + NEW + ',{"path_arg":{"path":"/b"}}',
        {"kind": "rename", "path": "/etc/a", "target": "/new/b"},
    ),
    (
        "__x64_sys_renameat2",
        '{"int_arg":-100},{"string_arg":"a"},{"int_arg":5},{"string_arg":"b"},{"uint_arg":0}',
        {"kind": "rename", "path": "/home/user/a", "target": "b", "relative": True},
    ),
    (
        "security_path_link",
        '{"path_arg":{"path":"/etc/shadow"}},' + NEW + ',{"path_arg":{"path":"/s"}}',
        {"kind": "link", "path": "/etc/shadow", "target": "/new/s"},
    ),
    (
        "__x64_sys_linkat",
        '{"int_arg":-100},{"string_arg":"/etc/passwd"},{"int_arg":-100},{"string_arg":"p"},{"int_arg":0}',
        {"kind": "link", "path": "/etc/passwd", "target": "/home/user/p", "relative": True},
    ),
    (
        "__x64_sys_symlinkat",
        '{"string_arg":"../etc"},{"int_arg":-100},{"string_arg":"/l"}',
        {"kind": "symlink", "path": "../etc", "target": "/l"},
    ),
    ("security_path_chmod", ETC + ',{"uint_arg":2541}', {"kind": "chmod", "path": "/etc", "mode": 0o4755}),
    (
        "__x64_sys_fchmodat",
        '{"int_arg":-100},{"string_arg":"/a"},{"uint_arg":511}',
        {"kind": "chmod", "path": "/a", "mode": 0o777},
    ),
    (
        "security_path_chown",
        ETC + ',{"uint_arg":0},{"uint_arg":4294967295}',
        {"kind": "chown", "path": "/etc", "user": 0},
    ),
    (
        "security_inode_setxattr",
        ETC + ',{"string_arg":"security.capability"}',
        {"kind": "setxattr", "path": "/etc", "name": "security.capability"},
    ),
    (
        "__x64_sys_setxattr",
        '{"string_arg":"/a"},{"string_arg":"user.b"}',
        {"kind": "setxattr", "path": "/a", "name": "user.b"},
    ),
    ("security_inode_copy_up_xattr", '{"string_arg":"user.b"}', {"kind": "setxattr", "name": "user.b"}),
    ("security_inode_follow_link", ETC, {"kind": "access", "path": "/etc"}),
    ("security_bprm_check", '{"linux_binprm_arg":{"path":"/bin/a"}}', {"kind": "execute", "path": "/bin/a"}),
    ("security_bprm_check", '{"string_arg":"sshd"}', {"kind": "execute"}),  # a name that the policy had resolved
    ("security_nobody_knows", FILE, {"kind": "access", **PLAIN}),
]

SOCKET = {
    "local": "10.0.0.1",
    "local_port": 50000,
    "remote": "1.2.3.4",
    "remote_port": 443,
    "family": "AF_INET",
    "type": "SOCK_STREAM",
    "protocol": "IPPROTO_TCP",
    "state": "TCP_SYN_SENT",
    "cookie": 18446612682070104064,
}
RECEIVED = {"family": "AF_INET", "protocol": "IPPROTO_UDP"} | {
    "local": "10.0.0.1",
    "remote": "8.8.8.8",
    "remote_port": 53,
}
ACCEPTED = SOCK.replace("TCP_SYN_SENT", "TCP_SYN_RECV")

SOCKETS = [
    ("tcp_connect", SOCK, {"kind": "connect", "socket": SOCKET}),
    ("tcp_close", SOCK, {"kind": "disconnect", "socket": SOCKET}),
    ("tcp_sendmsg", SOCK + ',{"int_arg":17}', {"kind": "send", "size": 17, "socket": SOCKET}),
    ("tcp_set_state", ACCEPTED + ',{"int_arg":1}', {"kind": "accept", "socket": SOCKET | {"state": "TCP_SYN_RECV"}}),
    ("tcp_set_state", SOCK + ',{"int_arg":1,"label":"state"}', {"kind": "connect", "socket": SOCKET}),
    ("tcp_set_state", SOCK + ',{"int_arg":7}', {"kind": "disconnect", "socket": SOCKET}),
    ("tcp_set_state", SOCK + ',{"int_arg":4}', {"kind": "socket", "socket": SOCKET}),
    (
        "security_socket_connect",
        '{"sockaddr_arg":{"family":"AF_INET6","addr":"::ffff:1.2.3.4","port":80}},{"int_arg":28}',
        {"kind": "connect", "socket": {"family": "AF_INET6", "remote": "1.2.3.4", "remote_port": 80}},
    ),
    (
        "security_socket_connect",
        '{"sockaddrun_arg":{"family":"AF_UNIX","path":"/run/docker.sock"}}',
        {"kind": "connect", "socket": {"family": "AF_UNIX", "path": "/run/docker.sock"}},
    ),
    (
        "security_socket_bind",
        '{"sockaddr_arg":{"family":"AF_INET","addr":"0.0.0.0","port":4444}}',
        {"kind": "bind", "socket": {"family": "AF_INET", "local": "0.0.0.0", "local_port": 4444}},
    ),
    (
        "udp_sendmsg",
        '{"sock_arg":{"family":"AF_INET","saddr":"10.0.0.1","daddr":"0.0.0.0","sport":9}}',
        {"kind": "send", "socket": {"family": "AF_INET", "local": "10.0.0.1", "local_port": 9}},
    ),
    (
        "__x64_sys_connect",
        '{"int_arg":3},{"sock_arg":{"family":"26977","saddr":"<nil>","daddr":"<nil>","sport":29806,"state":"110"}}',
        {"kind": "connect", "socket": {"family": "26977", "state": "110"}},
    ),
    (
        "kfree_skb_reason",
        PACKET + ',{"int_arg":5,"label":"reason"}',
        {
            "kind": "drop",
            "socket": {
                "family": "AF_INET",
                "protocol": "IPPROTO_UDP",
                "local": "8.8.8.8",
                "local_port": 53,
                "remote": "10.0.0.1",
            },
        },
    ),
    ("sk_filter_trim_cap", PACKET, {"kind": "receive", "size": 90, "socket": RECEIVED}),
    ("__cgroup_bpf_run_filter_skb", PACKET + ',{"int_arg":0}', {"kind": "receive", "size": 90, "socket": RECEIVED}),
    (
        "__cgroup_bpf_run_filter_skb",
        SOCK + "," + PACKET + ',{"int_arg":1,"label":"send"}',
        {
            "kind": "send",
            "size": 90,
            "socket": {
                "family": "AF_INET",
                "protocol": "IPPROTO_UDP",
                "local": "8.8.8.8",
                "local_port": 53,
                "remote": "10.0.0.1",
                "type": "SOCK_STREAM",
                "state": "TCP_SYN_SENT",
                "cookie": 18446612682070104064,
            },
        },
    ),
]

CREDENTIALS = '{"process_credentials_arg":{"uid":1000,"euid":0}}'
CAPSET = (
    '{"cap_effective_arg":"0000000000000002"},{"cap_inheritable_arg":"0000000000000000"},'
    '{"cap_permitted_arg":"000001ffffffffff"}'
)

PRIVILEGES = [
    ("__sys_setuid", '{"int_arg":0}', {"kind": "setuid", "ids": {"effective": 0}}),
    ("__x64_sys_setreuid", '{"int_arg":-1},{"int_arg":0}', {"kind": "setuid", "ids": {"effective": 0}}),
    (
        "__sys_setresgid",
        '{"int_arg":5},{"int_arg":4294967295},{"int_arg":7}',
        {"kind": "setgid", "ids": {"real": 5, "saved": 7}},
    ),
    ("__sys_setfsuid", '{"int_arg":0}', {"kind": "setuid", "ids": {"fs": 0}}),
    ("commit_creds", CREDENTIALS, {"kind": "credentials", "credentials": {"uid": 1000, "euid": 0}}),
    (
        "commit_creds",
        '{"cred_arg":{"permitted":["DAC_OVERRIDE"],"effective":["CAP_KILL"]}}',
        {"kind": "credentials", "capabilities": {"permitted": ["CAP_DAC_OVERRIDE"], "effective": ["CAP_KILL"]}},
    ),
    (
        "security_capset",
        CREDENTIALS + "," + CAPSET,
        {
            "kind": "setcap",
            "credentials": {"uid": 1000, "euid": 0},
            "capabilities": {"permitted": list(CAPABILITIES), "effective": ["CAP_DAC_OVERRIDE"]},
        },
    ),
    (
        "cap_capable",
        '{"user_ns_arg":{"level":1,"uid":5}},{"capability_arg":{"value":1,"name":"DAC_OVERRIDE"}}',
        {"kind": "capable", "name": "CAP_DAC_OVERRIDE", "namespace": {"level": 1, "uid": 5}},
    ),
    ("create_user_ns", "", {"kind": "unshare", "flags": 0x10000000, "namespaces": ["user"]}),
    (
        "__x64_sys_unshare",
        '{"int_arg":1073872896}',
        {"kind": "unshare", "flags": 0x40020000, "namespaces": ["mnt", "net"]},
    ),
    ("__x64_sys_setns", '{"int_arg":3},{"int_arg":0}', {"kind": "setns", "flags": 0}),
    ("__x64_sys_setns", '{"int_arg":3}', {"kind": "setns"}),
    (
        "__x64_sys_mount",
        '{"string_arg":"/dev/sda1"},{"string_arg":"mnt"},{"string_arg":"ext4"},{"size_arg":"1"}',
        {
            "kind": "mount",
            "path": "/dev/sda1",
            "target": "/home/user/mnt",
            "relative": True,
            "name": "ext4",
            "flags": 1,
        },
    ),
    (
        "security_sb_mount",
        '{"string_arg":"proc"},{"path_arg":{"path":"/p"}},{"string_arg":"proc"}',
        {"kind": "mount", "path": "proc", "target": "/p", "name": "proc"},
    ),
    (
        "__x64_sys_pivot_root",
        '{"string_arg":"/n"},{"string_arg":"/o"}',
        {"kind": "pivot_root", "path": "/n", "target": "/o"},
    ),
    (
        "security_move_mount",
        '{"path_arg":{"path":"/"}},{"path_arg":{"path":"/mnt/disk"}}',
        {"kind": "mount", "path": "/", "target": "/mnt/disk"},
    ),
    ("__x64_sys_umount", '{"string_arg":"/n"},{"int_arg":2}', {"kind": "umount", "path": "/n", "flags": 2}),
    (
        "do_init_module",
        '{"module_arg":{"name":"m","tainted":["TAINT_UNSIGNED_MODULE"]}}',
        {"kind": "module_load", "name": "m", "module": {"name": "m", "tainted": ["TAINT_UNSIGNED_MODULE"]}},
    ),
    ("security_kernel_read_file", FILE + ',{"int_arg":2}', {"kind": "module_load", **PLAIN}),
    ("security_kernel_read_file", FILE + ',{"int_arg":1}', {"kind": "read", **PLAIN}),
    ("security_kernel_load_data", '{"int_arg":2}', {"kind": "module_load"}),
    ("security_kernel_module_request", '{"string_arg":"fs-xfs"}', {"kind": "module_request", "name": "fs-xfs"}),
    (
        "bpf_check",
        '{"bpf_attr_arg":{"ProgType":"BPF_PROG_TYPE_KPROBE","InsnCnt":2,"ProgName":"p"}}',
        {"kind": "bpf", "bpf": {"program": "p", "program_type": "BPF_PROG_TYPE_KPROBE", "instructions": 2}},
    ),
    (
        "security_bpf_map_create",
        '{"bpf_map_arg":{"MapType":"BPF_MAP_TYPE_HASH","MapName":"m"}}',
        {"kind": "bpf", "bpf": {"map": "m", "map_type": "BPF_MAP_TYPE_HASH"}},
    ),
    ("security_perf_event_alloc", '{"perf_event_arg":{"KprobeFunc":"f"}}', {"kind": "perf_event", "name": "f"}),
    (
        "__x64_sys_ptrace",
        '{"int_arg":16},{"int_arg":77}',
        {"kind": "ptrace", "request": 16, "pid": 77},
    ),
    ("__x64_sys_kill", '{"int_arg":77},{"int_arg":9}', {"kind": "signal", "request": 9, "pid": 77}),
]


@pytest.mark.parametrize(("function", "args", "expected"), FILES + SOCKETS + PRIVILEGES)
def test_an_operation_is_told_by_the_hook_and_its_arguments(function: str, args: str, expected: dict[str, Any]) -> None:
    [found] = kprobe(function, args)

    assert found.pop("hook") == function.removeprefix("security_").replace("__x64_", "").replace("__arm64_", "")
    assert found == expected


def test_code_that_is_mapped_shared_and_writable_is_both() -> None:
    kinds = [each["kind"] for each in kprobe("security_mmap_file", FILE + ',{"uint_arg":7},{"uint_arg":1}')]

    assert kinds == ["mmap_exec", "write"]


@pytest.mark.parametrize(
    ("args", "kinds"),
    [
        (FILE, ["access"]),
        (SOCK, ["socket"]),
        ('{"int_arg":1},' + PACKET, ["socket"]),
        (CREDENTIALS, ["credentials"]),
        ('{"bpf_map_arg":{"MapName":"m"}}', ["bpf"]),
        ('{"module_arg":{"name":"m"}}', ["module"]),
        ('{"user_ns_arg":{"level":1}},{"int_arg":1}', ["capable"]),
        ('{"cap_effective_arg":"0000000000000001"}', ["capable"]),
        ('{"bpf_cmd_arg":"BPF_PROG_LOAD"}', ["bpf"]),
        ('{"perf_event_arg":{"KprobeFunc":"f"}}', ["perf_event"]),
        ('{"syscall_id":{"id":1}}', ["syscall"]),
        ('{"error_arg":{"Message":"m"}}', []),
        ('{"int_arg":1},{"string_arg":"/etc/shadow"}', []),
        ("", []),
    ],
)
def test_a_hook_without_a_name_here_is_known_by_what_it_is_given(args: str, kinds: list[str]) -> None:
    assert [each["kind"] for each in kprobe("something_new", args)] == kinds


def test_data_that_the_kernel_loads_is_not_always_a_module() -> None:
    assert kprobe("security_kernel_load_data", '{"int_arg":1}') == []


@pytest.mark.parametrize(
    ("returned", "number"),
    [
        ('{"int_arg":-13}', -13),
        ('{"size_arg":"18446744073709551603"}', -13),
        ('{"size_arg":100}', 100),
        ('{"int_arg":0}', 0),
        ('{"int_arg":{"value":-1}}', -1),
        ('{"int_arg":99999999999999999999999999}', None),
    ],
)
def test_what_a_function_returned_has_its_sign(returned: str, number: int | None) -> None:
    [found] = kprobe("security_file_open", FILE, ',"return":' + returned)

    assert found.get("returned") == number


@pytest.mark.parametrize(
    ("function", "more", "failed"),
    [
        ("security_file_open", "", False),
        ("security_file_open", ',"return":{"int_arg":0}', False),
        ("security_file_open", ',"return":{"int_arg":-1}', True),
        ("security_file_open", ',"return":{"size_arg":"18446612682070104064"}', False),
        ("security_file_open", ',"action":"KPROBE_ACTION_SIGKILL"', True),
        ("security_file_open", ',"return_action":"KPROBE_ACTION_OVERRIDE"', True),
        ("security_file_open", ',"action":"KPROBE_ACTION_POST"', False),
        ("__x64_sys_connect", ',"return":{"int_arg":-115}', False),
        ("__x64_sys_connect", ',"return":{"int_arg":-111}', True),
    ],
)
def test_an_operation_failed_by_an_error_or_by_enforcement(function: str, more: str, failed: bool) -> None:
    line = '{"process_kprobe":{"process":{"pid":1},"function_name":"' + function + '"' + more + "}}"
    event, _ = decode(line.encode())

    assert [each.failed for each in operations(event)] == [failed]


@pytest.mark.parametrize(
    ("kind", "flags", "changes"),
    [("open", 0, False), ("open", 1, True), ("open", None, False), ("open", 0x8000, False), ("read", None, False),
     ("rename", None, True), ("write", 2, True), ("mmap_exec", 5, False)],
)  # fmt: skip
def test_an_open_changes_a_file_if_it_may_write(kind: Any, flags: int | None, changes: bool) -> None:
    assert Operation(kind, "h", flags=flags).changes_file is changes


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            '{"process_lsm":{"function_name":"file_permission","args":[' + FILE + ',{"int_arg":2}]}}',
            [{"kind": "write", "hook": "file_permission", "flags": 2, **PLAIN}],
        ),
        (
            '{"process_tracepoint":{"subsys":"syscalls","event":"sys_enter_unlink","args":[{"string_arg":"/a"}]}}',
            [{"kind": "unlink", "hook": "sys_unlink", "path": "/a"}],
        ),
        (
            '{"process_tracepoint":{"subsys":"raw_syscalls","event":"sys_enter","args":[{"syscall_id":{"id":59,"abi":"x64"}}]}}',
            [{"kind": "syscall", "hook": "raw_syscalls/sys_enter", "request": 59, "name": "x64"}],
        ),
        (
            '{"process_tracepoint":{"subsys":"raw_syscalls","event":"sys_enter","args":[{"size_arg":"59"}]}}',
            [{"kind": "syscall", "hook": "raw_syscalls/sys_enter", "request": 59}],
        ),
        (
            '{"process_tracepoint":{"subsys":"sched","event":"sched_process_exec","args":[{"linux_binprm_arg":{"path":"/a"}}]}}',
            [{"kind": "execute", "hook": "sched_process_exec", "path": "/a"}],
        ),
        (
            '{"process_loader":{"path":"/lib/a.so"}}',
            [{"kind": "mmap_exec", "hook": "process_loader", "path": "/lib/a.so"}],
        ),
        ('{"process_loader":{}}', []),
        ('{"process_uprobe":{"symbol":"sys_unlink","args":[{"string_arg":"/a"}]}}', []),
        ('{"process_usdt":{"name":"n","args":[' + FILE + "]}}", [{"kind": "access", **PLAIN}]),
        ('{"process_exec":{"process":{"pid":1}}}', []),
        ('{"process_throttle":{"type":"THROTTLE_START"}}', []),
        (
            '{"process_accept":{"process":{"pid":1},"source_ip":"10.0.0.1","source_port":80,"destination_ip":"1.2.3.4",'
            '"destination_port":5}}',
            [
                {
                    "kind": "accept",
                    "hook": "process_accept",
                    "socket": {"local": "10.0.0.1", "local_port": 80, "remote": "1.2.3.4", "remote_port": 5},
                }
            ],
        ),
        (
            '{"process_close":{"process":{"pid":1},"stats":{"bytes_sent":"78","bytes_received":"22"},"protocol":"TCP"}}',
            [{"kind": "disconnect", "hook": "process_close", "socket": {"protocol": "TCP"}}],
        ),
        (
            '{"process_dns":{"process":{"pid":1},"dns":{"names":["a.example.","b"]},"destination_ip":"8.8.8.8",'
            '"destination_port":53,"protocol":"UDP"}}',
            [
                {
                    "kind": "dns",
                    "hook": "process_dns",
                    "name": "a.example",
                    "socket": {"remote": "8.8.8.8", "remote_port": 53, "protocol": "UDP"},
                }
            ],
        ),
        ('{"process_dns":{"process":{"pid":1},"dns":7}}', [{"kind": "dns", "hook": "process_dns"}]),
        (
            '{"process_listen":{"process":{"pid":1},"ip":"0.0.0.0","port":9080,"protocol":"TCP"}}',
            [
                {
                    "kind": "listen",
                    "hook": "process_listen",
                    "socket": {"local": "0.0.0.0", "local_port": 9080, "protocol": "TCP"},
                }
            ],
        ),
        (
            '{"process_connect":{"process":{"pid":1},"source_ip":"10.0.0.1","source_port":"5","destination_ip":"1.2.3.4",'
            '"destination_port":80,"protocol":"TCP"}}',
            [
                {
                    "kind": "connect",
                    "hook": "process_connect",
                    "socket": {
                        "local": "10.0.0.1",
                        "local_port": 5,
                        "remote": "1.2.3.4",
                        "remote_port": 80,
                        "protocol": "TCP",
                    },
                }
            ],
        ),
    ],
)
def test_other_events_do_something_too(line: str, expected: list[dict[str, Any]]) -> None:
    assert done(line) == expected


def test_a_socket_that_is_returned_is_the_one_that_was_made() -> None:
    returned = ',"return":' + SOCK
    [accepted] = kprobe("tcp_create_openreq_child", SOCK.replace("1.2.3.4", "0.0.0.0"), returned)
    [made] = kprobe("sk_alloc", '{"int_arg":2,"label":"Family"}', returned)

    assert (accepted["kind"], accepted["socket"]) == ("accept", SOCKET)
    assert (made["kind"], made["socket"]) == ("socket", SOCKET)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ('{"file_arg":{"path":"usr/a"}},{"int_arg":{"value":2}}', {"path": "/usr/a", "kind": "write", "flags": 2}),
        ('{"path_arg":"/mnt/host"},{"int_arg":"4"}', {"path": "/mnt/host", "kind": "read", "flags": 4}),
        ('{"file_arg":{"mount":"/mnt/","path":"a"}}', {"path": "/mnt/a", "kind": "access"}),
        ('{"file_arg":{"path":"pipe:[12]"}}', {"path": "pipe:[12]", "kind": "access"}),
        ('{"file_arg":7},{"int_arg":4}', {"kind": "read", "flags": 4}),
        ('5,{"file_arg":{"path":"/a","flags":"unresolvedPathComponents"}}',
         {"kind": "access", "path": "/a", "truncated": True}),
        ('{"error_arg":{"Message":"m"}},{"int_arg":4}', {"kind": "read", "flags": 4}),
    ],
)  # fmt: skip
def test_arguments_of_another_shape_cost_themselves_alone(args: str, expected: dict[str, Any]) -> None:
    [found] = kprobe("security_file_permission", args)

    assert found == {"hook": "file_permission", **expected}


def test_the_same_arguments_are_decoded_once_and_long_ones_are_not_kept() -> None:
    def of(path: str) -> Operation:
        line = '{"process_lsm":{"function_name":"file_open","args":[{"file_arg":{"path":"' + path + '"}}]}}'
        return operations(decode(line.encode())[0])[0]

    assert of("/short") is of("/short")
    assert of("/long" * 1000) is not of("/long" * 1000)
    assert of("/long" * 1000).path == "/long" * 1000


@given(EVENTLIKE)
@settings(max_examples=300, deadline=None)
def test_operations_never_raise(value: Any) -> None:
    for function in ("security_file_permission", "tcp_connect", "security_capset", "__x64_sys_openat"):
        body = {"function_name": function, "args": value, "return": value}
        with suppress(NoEvent):  # Python writes Infinity too, which is no JSON
            operations(decode(json.dumps({"process_kprobe": body}).encode())[0])


MEMBERS = st.sampled_from(
    ["int_arg", "size_arg", "string_arg", "file_arg", "path_arg", "sock_arg", "skb_arg", "label", "capability_arg",
     "process_credentials_arg", "user_ns_arg", "module_arg", "cap_permitted_arg", "bpf_map_arg", "syscall_id"]
)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.text(max_size=5) | st.just({"path": "a", "value": 2})
)


@given(
    st.sampled_from([function for function, _, _ in FILES + SOCKETS + PRIVILEGES]),
    st.lists(st.dictionaries(MEMBERS, LEAVES, max_size=3), max_size=5),
    LEAVES,
)
@settings(max_examples=500, deadline=None)
def test_no_argument_makes_a_hook_fail(function: str, args: list[dict[str, Any]], returned: Any) -> None:
    body = {"function_name": function, "args": args, "return": {"int_arg": returned}}
    operations(decode(json.dumps({"process_kprobe": body}).encode())[0])


def test_masks_of_capabilities_are_names() -> None:
    assert capabilities_of("0000000000000021") == ("CAP_CHOWN", "CAP_KILL")
    assert capabilities_of("0000020000000000") == ("41",)
    assert capabilities_of("no mask") == ()
    assert capabilities_of("-1") == ()
    assert (CAPABILITIES[21], CAPABILITIES[40]) == ("CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE")
