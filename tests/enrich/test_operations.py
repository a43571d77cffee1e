import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.enrich.file_fields import mode_of
from app.enrich.network_fields import community_id
from app.enrich.operations import KINDS, mapped
from schemas.operation import Operation, Socket
from schemas.operation.shape import FileKind, OtherKind, PrivilegeKind, SocketKind
from tests.ecs.checker import categorised, problems
from tests.enrich.test_documents import document
from tests.schemas.operation.files import FILES
from tests.schemas.operation.privileges import PRIVILEGES
from tests.schemas.operation.sockets import SOCKETS


def kprobe(function: str, args: str, more: str = "", process: str = '"pid":1') -> dict[str, Any]:
    body = '"process":{' + process + '},"function_name":"' + function + '","args":[' + args + "]" + more
    return document('{"process_kprobe":{' + body + '},"node_name":"n","time":"2024-01-01T00:00:10.5Z"}')


def of_file(args: str, function: str = "security_file_open", more: str = "") -> dict[str, Any]:
    fields: dict[str, Any] = kprobe(function, args, more).get("file", {})
    return fields


def test_every_kind_of_operation_has_categories_and_types_that_ecs_allows_together() -> None:
    kinds = {each for group in (FileKind, SocketKind, PrivilegeKind, OtherKind) for each in get_args(group)}

    assert kinds == KINDS.keys()
    for categories, types, action in KINDS.values():
        assert list(categorised(list(categories), list(types))) == []
        assert action


@pytest.mark.parametrize(("function", "args", "_"), FILES + SOCKETS + PRIVILEGES)
def test_every_field_of_every_operation_has_a_type_and_the_raw_event_stays(function: str, args: str, _: Any) -> None:
    made = kprobe(function, args, ',"return":{"int_arg":-1},"action":"KPROBE_ACTION_SIGKILL"')

    assert problems(made) == []
    assert made["event"]["outcome"] == "failure"
    assert "denied" in made["event"]["type"]
    assert {"network", "intrusion_detection"} & set(made["event"]["category"])
    assert made["tetragon"]["process_kprobe"]["function_name"] == function
    assert made["tetragon"]["process_kprobe"].get("args", []) == json.loads(f"[{args}]")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (
            '{"file_arg":{"path":"/usr/bin/su","permission":"-rwsr-xr-x"}}',
            {"path": "/usr/bin/su", "name": "su", "directory": "/usr/bin", "type": "file", "mode": "4755"},
        ),
        (
            '{"path_arg":{"path":"/a.tar.gz"}}',
            {"path": "/a.tar.gz", "name": "a.tar.gz", "directory": "/", "extension": "gz"},
        ),
        ('{"path_arg":{"path":"/r/.bashrc"}}', {"path": "/r/.bashrc", "name": ".bashrc", "directory": "/r"}),
        ('{"path_arg":{"path":"/r/a."}}', {"path": "/r/a.", "name": "a.", "directory": "/r"}),
        (
            '{"file_arg":{"path":"/t/a.so (deleted)"}}',
            {"path": "/t/a.so (deleted)", "name": "a.so", "directory": "/t", "extension": "so"},
        ),
        ('{"file_arg":{"path":"/","permission":"drwxr-xr-x"}}',
         {"path": "/", "directory": "/", "type": "dir", "mode": "0755"}),
        ('{"file_arg":{"path":"/","permission":"srwxrwxrwx"}}', {}),
        ('{"file_arg":{"path":"pipe:[12]"}}', {"path": "pipe:[12]", "name": "pipe:[12]"}),
        ('{"file_arg":{"path":""}}', {}),
        ("", {}),
    ],
)  # fmt: skip
def test_a_file_is_named_as_ecs_names_it(args: str, expected: dict[str, Any]) -> None:
    assert of_file(args) == expected


@pytest.mark.parametrize(
    ("permission", "mode"),
    [
        ("-rw-r--r--", 0o644),
        ("-rwsr-xr-x", 0o4755),
        ("-rwSr-sr-T", 0o7654),
        ("drwxrwxrwt", 0o1777),
        ("", None),
        ("r", None),
    ],
)
def test_permission_letters_are_bits(permission: str, mode: int | None) -> None:
    assert mode_of(permission) == mode


def test_a_renamed_file_has_its_new_name_and_keeps_its_old_one() -> None:
    file = of_file('{"path_arg":{"path":"/etc/a.dpkg-new"}},{"path_arg":{"path":"/etc/a"}}', "security_path_rename")

    assert file["path"] == "/etc/a"
    assert file["Ext"]["original"] == {"path": "/etc/a.dpkg-new", "name": "a.dpkg-new", "extension": "dpkg-new"}


def test_a_link_has_its_own_name_and_that_of_its_target() -> None:
    hard = of_file('{"string_arg":"/etc/shadow"},{"string_arg":"/tmp/s"}', "__x64_sys_link")
    soft = of_file('{"string_arg":"../etc"},{"int_arg":-100},{"string_arg":"/tmp/l"}', "__x64_sys_symlinkat")

    assert (hard["path"], hard["target_path"]) == ("/tmp/s", "/etc/shadow")
    assert (soft["path"], soft["target_path"], soft["type"]) == ("/tmp/l", "../etc", "symlink")


def test_a_new_mode_and_owner_are_those_that_are_asked_for() -> None:
    mode = of_file('{"path_arg":{"path":"/a","permission":"-rw-r--r--"}},{"uint_arg":2541}', "security_path_chmod")
    owner = of_file('{"path_arg":{"path":"/a"}},{"uint_arg":0},{"uint_arg":5}', "security_path_chown")

    assert mode["mode"] == "4755"
    assert (owner["uid"], owner["gid"]) == ("0", "5")


def test_a_path_below_an_unknown_directory_is_no_files_path() -> None:
    made = kprobe("__x64_sys_openat", '{"int_arg":7},{"string_arg":"b"},{"int_arg":1}')

    assert "file" not in made
    assert made["tetragon"]["operation"] == {"kind": "open", "path": "b", "relative": True, "flags": 1}
    assert made["event"]["type"] == ["change"]


@pytest.mark.parametrize(
    ("more", "outcome", "types"),
    [
        ("", None, ["access"]),
        (',"return":{"int_arg":0}', "success", ["access"]),
        (',"return":{"int_arg":-13}', "failure", ["access"]),
        (',"action":"KPROBE_ACTION_OVERRIDE"', "failure", ["access", "denied"]),
        (',"action":"KPROBE_ACTION_POST"', None, ["access"]),
    ],
)
def test_the_outcome_is_what_the_kernel_and_tetragon_said(more: str, outcome: str | None, types: list[str]) -> None:
    event = kprobe("security_file_open", '{"file_arg":{"path":"/a"}}', more)["event"]

    assert event.get("outcome") == outcome
    assert event["type"] == types


@pytest.mark.parametrize(("returned", "outcome"), [(0, "success"), (-115, "unknown"), (-111, "failure")])
def test_whether_a_connection_under_way_comes_about_is_not_known_yet(returned: int, outcome: str) -> None:
    address = '{"sockaddr_arg":{"family":"AF_INET","addr":"8.8.8.8","port":80}}'
    event = kprobe("sys_connect", address, f',"return":{{"int_arg":{returned}}}')["event"]

    assert event["outcome"] == outcome
    assert kprobe("sys_write", '{"int_arg":1}', ',"return":{"int_arg":-115}')["event"]["outcome"] == "failure"


def connection(function: str, args: str) -> dict[str, Any]:
    made = kprobe(function, args)
    return {name: made.get(name) for name in ("source", "destination", "network", "related")}


SOCK = (
    '{"sock_arg":{"family":"AF_INET","type":"SOCK_STREAM","protocol":"IPPROTO_TCP","saddr":"128.232.110.120",'
    '"daddr":"66.35.250.204","sport":34855,"dport":80,"cookie":"18446612682070104064"}}'
)
HERE = {"ip": "128.232.110.120", "address": "128.232.110.120", "port": 34855}
THERE = {"ip": "66.35.250.204", "address": "66.35.250.204", "port": 80}


def test_a_connection_goes_from_here_to_there() -> None:
    assert connection("tcp_connect", SOCK) == {
        "source": HERE,
        "destination": THERE,
        "network": {
            "type": "ipv4",
            "transport": "tcp",
            "iana_number": "6",
            "direction": "egress",
            "community_id": "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
        },
        "related": {"ip": ["128.232.110.120", "66.35.250.204"]},
    }


def test_what_is_accepted_comes_from_there_and_is_the_same_flow() -> None:
    found = connection("inet_csk_accept", SOCK)

    assert (found["source"], found["destination"]) == (THERE, HERE)
    assert found["network"]["direction"] == "ingress"
    assert found["network"]["community_id"] == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="


def test_the_end_of_a_connection_does_not_tell_who_began_it() -> None:
    made = kprobe("tcp_close", SOCK)

    assert made["event"]["type"] == ["connection", "end"]
    assert "direction" not in made["network"]
    assert made["tetragon"]["operation"]["socket"]["cookie"] == "18446612682070104064"


def test_addresses_that_are_none_are_left_out() -> None:
    garbage = '{"sock_arg":{"family":"26977","saddr":"<nil>","daddr":"<nil>","sport":29806,"state":"110"}}'
    found = connection("__x64_sys_connect", garbage)

    assert found["source"] is None
    assert found["destination"] is None
    assert found["network"] == {"direction": "egress"}
    assert found["related"] is None


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (
            "security_socket_connect",
            '{"sockaddr_arg":{"family":"AF_INET6","addr":"fe80::1","port":80}}',
            {"type": "ipv6", "direction": "egress"},
        ),
        (
            "security_socket_connect",
            '{"sockaddr_arg":{"family":"AF_INET","addr":""}}',
            {"type": "ipv4", "direction": "egress"},
        ),
        ("security_socket_connect", '{"sockaddrun_arg":{"path":"@x"}}', {"type": "unix", "direction": "egress"}),
        (
            "tcp_sendmsg",
            '{"sock_arg":{"saddr":"::ffff:1.2.3.4"}},{"int_arg":7}',
            {"type": "ipv4", "transport": "tcp", "iana_number": "6", "direction": "egress", "bytes": 7},
        ),
        (
            "ip6_output",
            '{"skb_arg":{"saddr":"::1","daddr":"::1","protocol":"IPPROTO_ICMPV6","len":64}}',
            {"type": "ipv6", "transport": "ipv6-icmp", "iana_number": "58", "direction": "egress", "bytes": 64},
        ),
        ("ip_output", '{"skb_arg":{"saddr":"1.1.1.1","protocol":"253"}}',
         {"type": "ipv4", "iana_number": "253", "direction": "egress"}),
    ],
)  # fmt: skip
def test_a_network_is_told_as_far_as_it_is_known(function: str, args: str, expected: dict[str, Any]) -> None:
    assert connection(function, args)["network"] == expected


def test_a_unix_socket_is_an_address() -> None:
    found = connection("security_socket_connect", '{"sockaddrun_arg":{"path":"/run/docker.sock"}}')

    assert found["destination"] == {"address": "/run/docker.sock"}


@pytest.mark.parametrize(
    ("local", "local_port", "remote", "remote_port", "transport", "expected"),
    [
        ("66.35.250.204", 80, "128.232.110.120", 34855, "tcp", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        ("192.168.1.52", 54585, "8.8.8.8", 53, "udp", "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        ("192.168.1.52", 54585, "8.8.8.8", 53, "icmp", ""),
        ("192.168.1.52", None, "8.8.8.8", 53, "udp", ""),
        ("", 5, "8.8.8.8", 53, "udp", ""),
    ],
)
def test_a_flow_has_the_id_that_the_community_gives_it(
    local: str, local_port: int | None, remote: str, remote_port: int, transport: str, expected: str
) -> None:
    assert community_id(Socket(local, local_port, remote, remote_port), transport) == expected


COMMIT = '{"process_credentials_arg":{"uid":1000,"euid":0,"gid":5,"egid":5}}'
ROOT = '{"process_credentials_arg":{"uid":0,"euid":0,"suid":0,"gid":0,"egid":0}}'


@pytest.mark.parametrize(
    ("function", "args", "process", "action", "user"),
    [
        ("__sys_setuid", '{"int_arg":0}', '"uid":1000', "uid_change", {"id": "1000", "changes": {"id": "0"}}),
        ("__sys_setresuid", '{"int_arg":-1},{"int_arg":-1},{"int_arg":3}', "", "uid_change", {"changes": {"id": "3"}}),
        ("__sys_setuid", '{"int_arg":-1}', "", "uid_change", None),
        ("__sys_setgid", '{"int_arg":0}', "", "gid_change", {"changes": {"group": {"id": "0"}}}),
        (
            "commit_creds",
            COMMIT,
            '"uid":1000,"user":{"name":"a"}',
            "uid_change",
            {"id": "1000", "effective": {"id": "0"}, "changes": {"id": "0"}},
        ),
        ("commit_creds", ROOT, '"uid":1000', "uid_change", {"id": "0", "changes": {"id": "0"}}),
        ("override_creds", COMMIT, '"uid":1000', "credentials_change", {"id": "1000"}),
        ("commit_creds", COMMIT, '"uid":0', "credentials_change", {"id": "0"}),
        (
            "commit_creds",
            COMMIT,
            '"uid":0,"process_credentials":{"uid":1000,"euid":0,"gid":6,"egid":5}',
            "gid_change",
            {"id": "1000", "effective": {"id": "0"}, "changes": {"group": {"id": "5"}}},
        ),
        ("commit_creds", "", '"uid":0', "credentials_change", {"id": "0"}),
    ],
)
def test_new_ids_are_told_where_they_differ(
    function: str, args: str, process: str, action: str, user: dict[str, Any] | None
) -> None:
    made = kprobe(function, args, process='"pid":1' + ("," + process if process else ""))

    assert made["event"]["action"] == action
    assert made.get("user") == user


def test_a_process_whose_credentials_are_committed_is_who_it_becomes() -> None:
    process = kprobe("commit_creds", ROOT, process='"pid":1,"uid":1000')["process"]

    assert [process[place]["id"] for place in ("user", "real_user", "saved_user", "group", "real_group")] == ["0"] * 5
    assert "saved_group" not in process


def test_a_name_that_dns_is_asked_for_is_told() -> None:
    body = '"process":{"pid":1},"dns":{"names":["a.example."]},"destination_ip":"8.8.8.8","protocol":"UDP"'
    made = document('{"process_dns":{' + body + '},"node_name":"n","time":"2024-01-01T00:00:10.5Z"}')

    assert made["dns"] == {"question": {"name": "a.example"}}
    assert (made["network"]["protocol"], made["network"]["transport"]) == ("dns", "udp")
    assert (made["event"]["category"], made["event"]["type"]) == (["network"], ["protocol"])
    assert made["destination"] == {"ip": "8.8.8.8", "address": "8.8.8.8"}
    assert problems(made) == []


def test_who_it_was_before_is_kept() -> None:
    held = '"pid":1,"uid":1000,"process_credentials":{"uid":1000,"euid":1000,"gid":5}'
    own = kprobe("commit_creds", ROOT, process=held)["tetragon"]["process"]

    assert own == {"uid": 1000, "process_credentials": {"uid": 1000, "euid": 1000, "gid": 5}}


def test_credentials_that_a_hook_only_looks_at_are_not_the_processs() -> None:
    for function in ("override_creds", "revert_creds", "something_new"):
        made = kprobe(function, ROOT, process='"pid":1,"uid":1000')

        assert made["process"]["user"] == {"id": "1000"}
        assert made["event"]["action"] == "credentials_change"
        assert "changes" not in made["user"]


@pytest.mark.parametrize(
    ("hook", "ima_hash", "place"),
    [
        ("bprm_check_security", "sha256:ab", ("process", "sha256")),
        ("file_open", "sha1:ab", ("file", "sha1")),
        ("file_open", "sm3:ab", None),
        ("file_open", "ab", None),
    ],
)
def test_a_measured_hash_belongs_to_the_file_or_to_the_process(
    hook: str, ima_hash: str, place: tuple[str, str] | None
) -> None:
    body = '"process":{"pid":1},"function_name":"' + hook + '","args":[{"file_arg":{"path":"/a"}}],"ima_hash":"'
    made = document('{"process_lsm":{' + body + ima_hash + '"},"time":"2024-01-01T00:00:10.5Z"}')

    assert made["tetragon"]["process_lsm"]["ima_hash"] == ima_hash
    assert made["file"]["path"] == "/a"
    found = {(name, key) for name in ("file", "process") for key in made[name].get("hash", {})}
    assert found == ({place} if place is not None else set())


def test_what_is_mounted_is_no_file_but_told() -> None:
    made = kprobe("__x64_sys_mount", '{"string_arg":"/dev/sda"},{"string_arg":"/m"},{"string_arg":"ext4"}')

    assert "file" not in made
    assert made["tetragon"]["operation"] == {"kind": "mount", "path": "/dev/sda", "target": "/m", "name": "ext4"}
    assert made["event"]["category"] == ["process", "configuration"]


def test_a_program_for_the_kernel_is_a_driver_and_a_map_is_not() -> None:
    program = kprobe("bpf_check", '{"bpf_attr_arg":{"ProgType":"BPF_PROG_TYPE_LSM","ProgName":"p"}}')
    held = kprobe("security_bpf_map_create", '{"bpf_map_arg":{"MapType":"BPF_MAP_TYPE_HASH"}}')

    assert (program["event"]["category"], program["event"]["action"]) == (["driver", "process"], "bpf_prog_load")
    assert (held["event"]["category"], held["event"]["action"]) == (["process"], "bpf")


def test_a_hook_without_an_operation_keeps_its_name_and_its_outcome() -> None:
    event = kprobe("security_kernel_load_data", '{"int_arg":9}', ',"action":"KPROBE_ACTION_OVERRIDE"')["event"]

    assert (event["action"], event["outcome"]) == ("kernel_load_data", "failure")
    assert (event["category"], event["type"]) == (["process", "intrusion_detection"], ["info", "denied"])


@given(
    st.sampled_from(sorted(KINDS)),
    st.text(max_size=8),
    st.text(max_size=8),
    st.booleans(),
    st.text("-rwxsStTdl", max_size=10),
    st.integers(-(2**63), 2**63 - 1),
)
@settings(max_examples=300, deadline=None)
def test_any_operation_can_be_mapped(
    kind: Any, path: str, target: str, relative: bool, permission: str, number: int
) -> None:
    made = mapped(
        (
            Operation(
                kind, "h", path, target, relative, permission=permission, flags=number, mode=number, size=number,
                returned=number, request=number, socket=Socket(path=path),
            ),
        )
    )  # fmt: skip
    assert made.event["category"]
