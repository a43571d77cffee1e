"""Each member that an argument may have, of each version of Tetragon, and what is read of it."""

import json
from typing import Any, Final

import pytest
from msgspec.structs import asdict

from schemas.operation import Operation
from schemas.operation.args import Argument, decode_arguments, decode_returned, number_of
from schemas.tetragon import Capabilities, decode_part
from tests.schemas.operation.told import kprobe

CREDENTIALS: Final = {"uid": 0, "euid": 5, "securebits": ["SecBitNoRoot"], "caps": {"permitted": ["CAP_KILL"]}}

# Beside each member what is read of it; None: it is carried as it is, and nothing asks for it.
MEMBERS: Final[list[tuple[str, Any, Any]]] = [
    ("string_arg", "/etc/passwd", "/etc/passwd"),
    ("string_arg", "", ""),
    ("int_arg", -100, -100),
    ("int_arg", 0, 0),
    ("uint_arg", 4294967295, 4294967295),
    ("size_arg", "18446744073709551615", 2**64 - 1),
    ("size_arg", 4096, 4096),
    ("long_arg", "-1", -1),
    ("bytes_arg", "aGVsbG8=", None),
    ("truncated_bytes_arg", {"bytes_arg": "aGVsbG8=", "orig_size": "70000"}, {"orig_size": 70000}),
    (
        "file_arg",
        {"mount": "/m", "path": "/a", "flags": "unresolvedPathComponents", "permission": "-rw-r--r--"},
        {"mount": "/m", "path": "/a", "flags": "unresolvedPathComponents", "permission": "-rw-r--r--"},
    ),
    ("path_arg", {"path": "/a"}, {"path": "/a"}),
    ("path_arg", "/a", "/a"),
    ("linux_binprm_arg", {"path": "/a", "permission": "-rwxr-xr-x"}, {"path": "/a", "permission": "-rwxr-xr-x"}),
    (
        "sock_arg",
        {"family": "AF_INET", "type": "SOCK_STREAM", "protocol": "IPPROTO_TCP", "mark": 1, "priority": 2,
         "saddr": "10.0.0.1", "daddr": "<nil>", "sport": 1, "dport": 2, "cookie": "18446612682070104064", "state": "0"},
        {"family": "AF_INET", "type": "SOCK_STREAM", "protocol": "IPPROTO_TCP", "saddr": "10.0.0.1", "daddr": "<nil>",
         "sport": 1, "dport": 2, "cookie": 18446612682070104064, "state": "0"},
    ),
    (
        "skb_arg",
        {"hash": 9, "len": 60, "priority": 1, "mark": 2, "saddr": "10.0.0.1", "daddr": "10.0.0.2", "sport": 3,
         "dport": 4, "proto": 17, "protocol": "IPPROTO_UDP", "sec_path_len": 1, "sec_path_olen": 1,
         "family": "AF_INET"},
        {"len": 60, "saddr": "10.0.0.1", "daddr": "10.0.0.2", "sport": 3, "dport": 4, "protocol": "IPPROTO_UDP",
         "family": "AF_INET"},
    ),
    ("sockaddr_arg", {"family": "AF_INET6", "addr": "::1", "port": 53},
     {"family": "AF_INET6", "addr": "::1", "port": 53}),
    ("sockaddrun_arg", {"family": "AF_UNIX", "path": "@abstract"}, {"path": "@abstract"}),
    ("net_dev_arg", {"name": "eth0"}, {"name": "eth0"}),
    ("process_credentials_arg", CREDENTIALS, CREDENTIALS),
    ("cred_arg", {"permitted": ["DAC_OVERRIDE"]}, {"permitted": ["DAC_OVERRIDE"]}),
    ("cred_arg", {"effective": ["CAP_KILL", 41]}, {"effective": ["CAP_KILL", "41"]}),
    ("user_ns_arg", {"level": 1, "uid": 0, "gid": 0, "ns": {"inum": 7}},
     {"level": 1, "uid": 0, "gid": 0, "ns": {"inum": 7}}),
    ("user_namespace_arg", {"level": 0, "owner": 5, "group": 6, "ns": {"inum": 7, "is_host": True}},
     {"level": 0, "owner": 5, "group": 6, "ns": {"inum": 7, "is_host": True}}),
    ("capability_arg", {"value": 21, "name": "CAP_SYS_ADMIN"}, {"value": 21, "name": "CAP_SYS_ADMIN"}),
    ("kernel_cap_t_arg", "000001ffffffffff", "000001ffffffffff"),
    ("cap_inheritable_arg", "0000000000000001", "0000000000000001"),
    ("cap_permitted_arg", "0000000000000001", "0000000000000001"),
    ("cap_effective_arg", "0000000000000001", "0000000000000001"),
    ("module_arg", {"name": "m", "signature_ok": False, "tainted": ["TAINT_UNSIGNED_MODULE"]},
     {"name": "m", "signature_ok": False, "tainted": ["TAINT_UNSIGNED_MODULE"]}),
    ("module_arg", {"name": "m", "tainted": [19]}, {"name": "m", "tainted": ["19"]}),
    ("bpf_attr_arg", {"ProgType": "BPF_PROG_TYPE_LSM", "InsnCnt": 2, "ProgName": "p"},
     {"type": "BPF_PROG_TYPE_LSM", "instructions": 2, "name": "p"}),
    ("bpf_prog_arg", {"ProgType": "BPF_PROG_TYPE_XDP", "InsnCnt": 9, "ProgName": "q"},
     {"type": "BPF_PROG_TYPE_XDP", "instructions": 9, "name": "q"}),
    ("bpf_map_arg", {"MapType": "BPF_MAP_TYPE_HASH", "KeySize": 4, "ValueSize": 8, "MaxEntries": 16, "MapName": "m"},
     {"type": "BPF_MAP_TYPE_HASH", "key_size": 4, "value_size": 8, "max_entries": 16, "name": "m"}),
    ("perf_event_arg", {"KprobeFunc": "f", "Type": "PERF_TYPE_TRACEPOINT", "Config": "1", "ProbeOffset": "2"},
     {"function": "f", "type": "PERF_TYPE_TRACEPOINT"}),
    ("bpf_cmd_arg", "BPF_PROG_LOAD", "BPF_PROG_LOAD"),
    ("bpf_cmd_arg", 37, "37"),
    ("syscall_id", {"id": 59, "abi": "i386"}, {"id": 59, "abi": "i386"}),
    ("error_arg", {"Message": "page fault"}, {"message": "page fault"}),
]  # fmt: skip


def told(value: Any) -> Any:
    if not hasattr(value, "__struct_fields__"):
        return value
    members = {name: told(each) for name, each in asdict(value).items()}
    return {name: each for name, each in members.items() if each or (each is not None and isinstance(each, int))}


def without_defaults(value: Any, read: Any) -> Any:
    """`value` as far as it differs from what a member of nothing has; what `read` names counts, whatever it is."""
    if not isinstance(read, dict):
        return value
    return {name: without_defaults(each, read.get(name)) for name, each in value.items() if each or name in read}


def test_each_member_is_in_the_table_but_the_label() -> None:
    read = {member for member, _, expected in MEMBERS if expected is not None}

    assert read == set(Argument.__struct_fields__) - {"label"}


@pytest.mark.parametrize(("member", "written", "expected"), MEMBERS)
def test_a_member_is_read_with_and_without_a_label(member: str, written: Any, expected: Any) -> None:
    for label in ("", "mine"):
        argument = {member: written, **({"label": label} if label else {})}
        [found] = decode_arguments(json.dumps([argument]).encode())
        alone = decode_returned(json.dumps(argument).encode())

        assert found.label == alone.label == label
        for each in (found, alone):
            value = getattr(each, member, None)
            assert without_defaults(told(value), expected) == expected
            others = {name for name in Argument.__struct_fields__ if name not in (member, "label")}
            assert all(getattr(each, name) is None for name in others)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ({"int_arg": -1}, -1),
        ({"uint_arg": 7}, 7),
        ({"size_arg": "18446744073709551615"}, -1),
        ({"long_arg": "-5"}, -5),
        ({"string_arg": "7"}, None),
        ({"error_arg": {"Message": "m"}}, None),
    ],
)
def test_a_number_is_one_whichever_member_has_it(written: Any, number: int | None) -> None:
    assert number_of(decode_returned(json.dumps(written).encode())) == number


def test_a_capability_that_tetragon_has_no_name_for_costs_no_other() -> None:
    found, other = decode_part(Capabilities, b'{"permitted":["CAP_KILL",41],"effective":[41]}')

    assert found is not None
    assert (list(found.permitted), list(found.effective)) == (["CAP_KILL", "41"], ["41"])
    assert other == {}


ERROR: Final = '{"error_arg":{"Message":"m"}}'


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        ("__x64_sys_openat", '{"int_arg":-100},' + ERROR + ',{"int_arg":577}', {"flags": 577}),
        ("__x64_sys_mount", ERROR + ',{"string_arg":"/mnt"},{"string_arg":"ext4"}', {"target": "/mnt", "name": "ext4"}),
        ("__x64_sys_mount", '{"string_arg":"/dev/a"},' + ERROR + ',{"string_arg":"ext4"}',
         {"path": "/dev/a", "name": "ext4"}),
        ("__x64_sys_linkat", '{"int_arg":-100},' + ERROR + ',{"int_arg":-100},{"string_arg":"/new"},{"int_arg":0}',
         {"target": "/new"}),
        ("__x64_sys_renameat2", '{"int_arg":-100},{"string_arg":"/old"},{"int_arg":-100},' + ERROR, {"path": "/old"}),
        ("__x64_sys_symlinkat", ERROR + ',{"int_arg":-100},{"string_arg":"/link"}', {"target": "/link"}),
        ("__x64_sys_setxattr", '{"string_arg":"/a"},' + ERROR, {"path": "/a"}),
        ("__x64_sys_setxattr", ERROR + ',{"string_arg":"security.capability"}', {"name": "security.capability"}),
        ("security_path_rename", '{"path_arg":{"path":"/a"}},{"path_arg":{"path":"/x"}},' + ERROR
         + ',{"path_arg":{"path":"/y"}}', {"path": "/a/x", "target": "/y", "truncated": True}),
        ("security_path_unlink", ERROR + ',{"path_arg":{"path":"/x"}}', {"path": "/x", "truncated": True}),
        ("security_path_unlink", '{"path_arg":{"path":"/a","flags":"unresolvedPathComponents"}},'
         '{"path_arg":{"path":"/x"}}', {"path": "/a/x", "truncated": True}),
        ("tcp_sendmsg", ERROR + ',{"int_arg":5}', {"size": 5}),
        ("security_capset", ERROR + ',{"cap_effective_arg":"0000000000000001"}',
         {"capabilities": {"effective": ["CAP_CHOWN"]}}),
    ],
)  # fmt: skip
def test_an_error_keeps_the_place_of_what_could_not_be_read(function: str, args: str, expected: dict[str, Any]) -> None:
    assert done(function, args) == expected


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        # A descriptor is told from what follows only if all that the call takes is there.
        ("__x64_sys_fchmod", '{"int_arg":3},{"uint_arg":2541}', {"mode": 0o4755}),
        ("__x64_sys_fchmod", '{"uint_arg":2541}', {}),
        ("__x64_sys_fchmod", '{"uint_arg":2541,"label":"mode"}', {"mode": 0o4755}),
        ("__x64_sys_fchown", '{"int_arg":3},{"int_arg":0},{"int_arg":7}', {"user": 0, "group": 7}),
        ("__x64_sys_fchown", '{"int_arg":0},{"int_arg":7}', {}),
        ("__x64_sys_ftruncate", '{"int_arg":3},{"long_arg":"10"}', {"size": 10}),
        ("__x64_sys_write", '{"int_arg":3},{"size_arg":"10"}', {"size": 10}),
        ("__sys_setresuid", '{"int_arg":0}', {}),
        ("__x64_sys_finit_module", '{"int_arg":3},{"string_arg":"debug=1"},{"int_arg":0}', {}),
        ("__x64_sys_finit_module", '{"file_arg":{"path":"/m.ko"}},{"string_arg":"debug=1"}', {"path": "/m.ko"}),
        ("__x64_sys_delete_module", '{"string_arg":"m"},{"int_arg":0}', {"name": "m"}),
        ("security_task_kill", '{"int_arg":9}', {"request": 9}),
        ("__x64_sys_kill", '{"int_arg":9}', {}),
        ("__cgroup_bpf_run_filter_skb", '{"sock_arg":{"family":"AF_INET"}}', {"socket": {"family": "AF_INET"}}),
        ("__x64_sys_open", '{"string_arg":"/tmp"},{"int_arg":4259842}', {"path": "/tmp", "flags": 0x410002}),
        ("__x64_sys_move_mount", '{"int_arg":5},{"string_arg":""},{"int_arg":-100},{"string_arg":"/mnt"}',
         {"target": "/mnt"}),
        ("cap_capable",
         '{"user_namespace_arg":{"level":1,"owner":5,"group":6}},{"capability_arg":{"name":"DAC_OVERRIDE"}}',
         {"name": "CAP_DAC_OVERRIDE", "namespace": {"level": 1, "uid": 5, "gid": 6}}),
        ("security_bpf", '{"bpf_cmd_arg":"BPF_MAP_CREATE"}', {"bpf": {"command": "BPF_MAP_CREATE"}}),
        ("vfs_iter_write", '{"file_arg":{"path":"/a"}},{"truncated_bytes_arg":{"orig_size":"9"}}',
         {"path": "/a", "size": 9}),
        ("bpf_lsm_file_open", '{"file_arg":{"path":"/a"}}', {"path": "/a"}),
    ],
)  # fmt: skip
def test_what_an_argument_means_is_told_or_left_open(function: str, args: str, expected: dict[str, Any]) -> None:
    assert done(function, args) == expected


def done(function: str, args: str) -> dict[str, Any]:
    [found] = kprobe(function, args)
    return {name: value for name, value in found.items() if name not in ("kind", "hook")}


def test_a_file_without_a_name_is_no_change_of_the_directory_it_is_made_in() -> None:
    assert Operation("open", "sys_open", flags=0x41_0002).changes_file is False
    assert Operation("open", "sys_open", flags=0x2).changes_file is True
