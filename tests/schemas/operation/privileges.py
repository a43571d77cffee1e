"""Hooks of credentials, namespaces, mounts, modules: the function, its arguments, the operation."""

from typing import Any, Final

from schemas.capabilities import CAPABILITIES
from tests.schemas.operation.told import FILE, PLAIN

CREDENTIALS = '{"process_credentials_arg":{"uid":1000,"euid":0}}'
CAPSET = (
    '{"cap_effective_arg":"0000000000000002"},{"cap_inheritable_arg":"0000000000000000"},'
    '{"cap_permitted_arg":"000001ffffffffff"}'
)

PRIVILEGES: Final[list[tuple[str, str, dict[str, Any]]]] = [
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
            "absolute": "path",
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
    ("__x64_sys_process_vm_writev", '{"int_arg":77}', {"kind": "vm_write", "pid": 77}),
    (
        "__x64_sys_process_vm_writev",
        '{"int_arg":77},{"size_arg":"1"},{"size_arg":"1"},{"size_arg":"0"}',
        {"kind": "vm_write", "pid": 77},
    ),
    ("__x64_sys_kill", '{"int_arg":77},{"int_arg":9}', {"kind": "signal", "request": 9, "pid": 77}),
]
