import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.enrich.decode import NoEvent, decode
from schemas.capabilities import CAPABILITIES, capabilities_of
from schemas.operation import Operation, operations
from schemas.operation.socket_events import bytes_told
from tests.enrich.test_decode import EVENTLIKE
from tests.schemas.operation.files import FILES
from tests.schemas.operation.privileges import CREDENTIALS, PRIVILEGES
from tests.schemas.operation.sockets import PACKET, SOCKET, SOCKETS
from tests.schemas.operation.told import FILE, PLAIN, SOCK, done, kprobe


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


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("etc/shadow", "/etc/shadow"),
        ("/etc/shadow", "/etc/shadow"),
        ("network", "/network"),
        *((each, each) for each in ("pipe:[1]", "socket:[1]", "anon_inode:[eventfd]", "memfd:x", "net:[4026531840]",
                                    "mnt:[4026531841]", "inode:[1]")),
    ],
)  # fmt: skip
def test_what_has_no_place_in_a_file_system_gets_none(path: str, told: str) -> None:
    [found] = kprobe("security_file_open", '{"file_arg":{"path":"' + path + '"}}')

    assert found["path"] == told


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
    ("stats", "expected"),
    [
        ('{"bytes_sent":"78","bytes_received":22}', (78, 22)),
        ('{"bytes_sent":"78","bytes_received":-1}', (78, None)),
        ('{"bytes_sent":99999999999999999999,"bytes_received":"22","segs_in":1}', (None, 22)),
        ("{}", (None, None)),
        ("5", (None, None)),
    ],
)
def test_a_count_that_is_none_costs_no_other(stats: str, expected: tuple[int | None, int | None]) -> None:
    event, _ = decode(b'{"process_close":{"process":{"pid":1},"stats":%b}}' % stats.encode())

    assert bytes_told(event) == expected


@pytest.mark.parametrize("action", ["KPROBE_ACTION_SIGKILL", "KPROBE_ACTION_OVERRIDE", "3", "5", "10", "13"])
@pytest.mark.parametrize("quote", ['"', ""])
def test_an_action_may_have_its_number_for_a_name(action: str, quote: str) -> None:
    if quote or action.isdecimal():
        [found] = kprobe("security_file_open", FILE, f',"action":{quote}{action}{quote}')

        assert found["denied"]


@pytest.mark.parametrize("action", ["KPROBE_ACTION_POST", "1", "4", "9", "15"])
def test_who_only_tells_of_it_denies_nothing(action: str) -> None:
    [found] = kprobe("security_file_open", FILE, f',"action":"{action}"')

    assert "denied" not in found


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
