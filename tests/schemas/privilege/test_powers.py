"""What an operation gives, and how grave that is: by who does it, to what, from where."""

from typing import Any

import pytest

from schemas.actor import Actor
from schemas.lineage import Execution
from schemas.operation.shape import Bpf, Module, Operation
from schemas.privilege.powers import power_tags

ANYBODY = Actor(program="", contained=False, suspicions=(), packaging=False)
INSTALLER = Actor(program="dpkg", contained=False, suspicions=(), packaging=True)


def execution(binary: str, container: str = "") -> Execution:
    return Execution(binary=binary, container=container)


def tags(
    kind: Any, binary: str = "/usr/bin/some", actor: Actor = ANYBODY, container: str = "", **of: Any
) -> dict[str, int]:
    return power_tags(Operation(kind=kind, hook="", **of), execution(binary, container), actor)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ({"mode": 0o104755, "path": "/usr/local/bin/tool"}, {"set_id_bit": 3}),
        ({"mode": 0o4755, "path": "/usr/local/bin/tool"}, {"set_id_bit": 3}),
        ({"mode": 0o2755, "path": "/usr/local/bin/tool"}, {"set_id_bit": 3}),
        ({"mode": 0o6755, "path": "/tmp/x"}, {"set_id_bit": 4}),
        ({"mode": 0o4755, "path": "/home/alice/x"}, {"set_id_bit": 4}),
        ({"mode": 0o4755, "path": "/usr/bin/bash"}, {"set_id_bit": 4}),
        ({"mode": 0o4755, "path": "/usr/bin/find"}, {"set_id_bit": 4}),
        ({"mode": 0o755, "path": "/tmp/x"}, {}),
        ({"mode": 0o1777, "path": "/tmp/x"}, {}),
        ({"path": "/tmp/x"}, {}),
        # It had one already: nothing is gained.
        ({"mode": 0o4755, "path": "/usr/bin/su", "permission": "-rwsr-xr-x"}, {}),
        ({"mode": 0o4755, "path": "/usr/bin/su", "permission": "-rwSr--r--"}, {}),
        ({"mode": 0o4755, "path": "/usr/bin/su", "permission": "-rwxr-xr-x"}, {"set_id_bit": 3}),
        # Of a folder it says to whom new files belong; a socket's first letter is no bit.
        ({"mode": 0o2775, "path": "/srv/shared", "permission": "drwxrwxr-x"}, {}),
        ({"mode": 0o4755, "path": "/srv/x", "permission": "srwxr-xr-x"}, {"set_id_bit": 3}),
    ],
)
@pytest.mark.parametrize("kind", ["chmod", "setattr"])
def test_a_set_id_bit_is_told_when_it_is_new(kind: Any, of: dict[str, Any], expected: dict[str, int]) -> None:
    assert tags(kind, **of) == expected
    assert tags(kind, actor=INSTALLER, **of) == dict.fromkeys(expected, 1)


@pytest.mark.parametrize(
    ("name", "actor", "expected"),
    [
        ("security.capability", ANYBODY, {"file_capabilities_set": 3}),
        ("security.capability", INSTALLER, {"file_capabilities_set": 1}),
        ("security.selinux", ANYBODY, {}),
        ("user.note", ANYBODY, {}),
        ("", ANYBODY, {}),
    ],
)
def test_capabilities_of_a_file_are_an_attribute(name: str, actor: Actor, expected: dict[str, int]) -> None:
    assert tags("setxattr", actor=actor, name=name, path="/tmp/x") == expected


@pytest.mark.parametrize(
    ("of", "container", "severity"),
    [
        ({}, "", 2),
        ({"module": Module("nf_tables", signature_ok=True)}, "", 2),
        ({"module": Module("x", signature_ok=False)}, "", 3),
        ({"module": Module("x", tainted=("TAINT_UNSIGNED_MODULE",))}, "", 3),
        ({"module": Module("x", tainted=("TAINT_OUT_OF_TREE_MODULE",))}, "", 3),
        ({"module": Module("x", tainted=("TAINT_CRAP",))}, "", 2),
        ({}, "3e1f", 3),
        ({"path": "/tmp/x.ko"}, "", 3),
        ({"path": "/tmp/x.ko", "module": Module("x", signature_ok=False)}, "3e1f", 4),
        ({"path": "/lib/modules/6.1/x.ko"}, "", 2),
    ],
)
def test_a_module_is_graver_the_less_is_known_of_it(of: dict[str, Any], container: str, severity: int) -> None:
    assert tags("module_load", container=container, **of) == {"module_load": severity}


@pytest.mark.parametrize(
    ("program_type", "binary", "container", "expected"),
    [
        ("BPF_PROG_TYPE_KPROBE", "/usr/bin/some", "", {"bpf_load": 3}),
        ("BPF_PROG_TYPE_TRACING", "/usr/bin/some", "3e1f", {"bpf_load": 4}),
        ("BPF_PROG_TYPE_LSM", "/tmp/x", "", {"bpf_load": 3}),
        ("BPF_PROG_TYPE_SCHED_CLS", "/usr/bin/some", "", {}),
        ("BPF_PROG_TYPE_CGROUP_DEVICE", "/usr/bin/some", "3e1f", {}),
        ("", "/usr/bin/some", "", {}),
        ("BPF_PROG_TYPE_KPROBE", "/usr/bin/tetragon", "3e1f", {}),
        ("BPF_PROG_TYPE_KPROBE", "/usr/bin/bpftrace", "", {}),
        ("BPF_PROG_TYPE_KPROBE", "/tmp/tetragon", "", {"bpf_load": 3}),
        ("BPF_PROG_TYPE_KPROBE", "/usr/bin/runc", "", {}),
        ("BPF_PROG_TYPE_KPROBE", "/usr/bin/runc", "3e1f", {"bpf_load": 4}),
    ],
)
def test_a_program_that_watches_the_kernel_is_told_unless_it_is_known_to(
    program_type: str, binary: str, container: str, expected: dict[str, int]
) -> None:
    assert tags("bpf", binary, container=container, bpf=Bpf(program_type=program_type)) == expected


def test_a_map_is_no_program() -> None:
    assert tags("bpf") == {}
    assert tags("bpf", bpf=Bpf(map="m", map_type="BPF_MAP_TYPE_HASH")) == {}


@pytest.mark.parametrize(
    ("request_", "binary", "expected"),
    [
        (16, "/usr/bin/some", {"ptrace": 3}),  # PTRACE_ATTACH
        (0x4206, "/usr/bin/some", {"ptrace": 3}),  # PTRACE_SEIZE
        (4, "/usr/bin/some", {"ptrace": 3}),  # PTRACE_POKETEXT
        (5, "/usr/bin/some", {"ptrace": 3}),  # PTRACE_POKEDATA
        (16, "/usr/bin/gdb", {"ptrace": 1}),
        (16, "/tmp/gdb", {"ptrace": 3}),
        (0, "/usr/bin/some", {"traced_by_parent": 1}),  # PTRACE_TRACEME
        (7, "/usr/bin/some", {}),  # PTRACE_CONT
        (None, "/usr/bin/some", {}),
    ],
)
def test_a_trace_is_told_when_it_takes_another_process(
    request_: int | None, binary: str, expected: dict[str, int]
) -> None:
    assert tags("ptrace", binary, request=request_) == expected


@pytest.mark.parametrize("kind", ["write", "connect", "setuid", "mount", "module_unload", "signal"])
def test_other_operations_give_no_power(kind: Any) -> None:
    assert tags(kind, mode=0o4755, path="/tmp/x", name="security.capability", request=16) == {}


@pytest.mark.parametrize(
    ("path", "raised", "told"),
    [
        ("/tmp/x/libnss_x.so", True, True),
        ("/home/eve/x.so", True, True),
        ("/tmp/x/libnss_x.so", False, False),
        ("/usr/lib/libnss_x.so", True, False),
        ("/tmp/su", True, False),  # its own file
    ],
)
def test_code_from_where_anybody_may_write_is_none_for_a_set_id_program(path: str, raised: bool, told: bool) -> None:
    operation = Operation(kind="mmap_exec", hook="", path=path)
    found = power_tags(operation, Execution(binary="/tmp/su", raised=raised), ANYBODY)

    assert found == ({"planted_code": 4} if told else {})


def test_code_from_where_anybody_may_write_is_none_for_a_service() -> None:
    service = Actor(program="sshd", contained=False, suspicions=(), packaging=False, daemon=True)

    assert tags("mmap_exec", "/usr/sbin/sshd", service, path="/dev/shm/x.so") == {"planted_code": 4}
    assert tags("mmap_exec", "/usr/sbin/sshd", service, path="/usr/lib/x.so") == {}
