"""What an execution is for, whoever may what."""

import pytest

from schemas.actor import Actor
from schemas.lineage import Execution
from schemas.privilege.deeds import deed_tags
from schemas.tetragon import EnvironmentVariable, Process

ANYBODY = Actor(program="", contained=False, suspicions=(), packaging=False)
INSTALLER = Actor(program="", contained=False, suspicions=(), packaging=True)


@pytest.mark.parametrize(
    ("binary", "arguments", "uid", "expected"),
    [
        ("/usr/sbin/useradd", "--create-home deploy", 0, {"account_change": 2}),
        ("/usr/sbin/usermod", "-aG sudo eve", 0, {"account_change": 3}),
        ("/usr/sbin/usermod", "-a -G users,docker eve", 0, {"account_change": 3}),
        ("/usr/sbin/usermod", "--groups=wheel eve", 0, {"account_change": 3}),
        ("/usr/bin/gpasswd", "-a eve lxd", 0, {"account_change": 3}),
        ("/usr/sbin/useradd", "-G users,sudoku eve", 0, {"account_change": 2}),
        ("/usr/sbin/chpasswd", "", 0, {"account_change": 2}),
        ("/usr/sbin/useradd", "eve", 1000, {}),  # it will fail
        ("/usr/sbin/setcap", "cap_setuid+ep /tmp/x", 1000, {"file_capabilities_set": 3}),
        ("/usr/sbin/setcap", "", 0, {}),
        ("/usr/bin/id", "sudo", 0, {}),
    ],
)
def test_accounts_and_files_are_changed_by_tools(
    binary: str, arguments: str, uid: int, expected: dict[str, int]
) -> None:
    execution = Execution(binary=binary, arguments=arguments, uid=uid)

    assert deed_tags(Process(), execution, ANYBODY, False) == expected
    assert deed_tags(Process(), execution, INSTALLER, False) == dict.fromkeys(expected, 1)


@pytest.mark.parametrize(
    ("binary", "key", "value", "raised", "expected"),
    [
        ("/usr/bin/id", "LD_PRELOAD", "/usr/lib/libeatmydata.so", False, 2),
        ("/usr/bin/id", "LD_AUDIT", "/usr/lib/x.so", False, 2),
        ("/usr/bin/id", "LD_PRELOAD", "/usr/lib/a.so /tmp/x.so", False, 3),
        ("/usr/bin/id", "LD_PRELOAD", "/usr/lib/a.so:/dev/shm/x.so", False, 3),
        ("/usr/bin/sudo", "LD_PRELOAD", "/usr/lib/a.so", True, 3),
        ("/usr/bin/sudo", "LD_PRELOAD", "/tmp/x.so", True, 4),
        ("/tmp/x", "LD_PRELOAD", "/usr/lib/a.so", False, 3),
        ("/usr/bin/java", "LD_LIBRARY_PATH", "/usr/lib/jvm", False, 1),
        ("/usr/bin/java", "LD_LIBRARY_PATH", "/tmp/lib", False, 2),
        ("/usr/bin/id", "LD_PRELOAD", "", False, 0),
        ("/usr/bin/id", "PATH", "/tmp", False, 0),
    ],
)
def test_code_that_the_environment_names_is_told(
    binary: str, key: str, value: str, raised: bool, expected: int
) -> None:
    process = Process(environment_variables=[EnvironmentVariable("HOME", "/root"), EnvironmentVariable(key, value)])

    found = deed_tags(process, Execution(binary=binary), ANYBODY, raised)

    assert found == ({"preload": expected} if expected else {})


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("GLIBC_TUNABLES", "glibc.malloc.mxfast=glibc.malloc.mxfast=A", True),
        ("GLIBC_TUNABLES", "glibc.malloc.perturb=1:glibc.malloc.mxfast=glibc.malloc.mxfast=A", True),
        ("GLIBC_TUNABLES", "glibc.malloc.perturb=1:glibc.malloc.tcache_count=0", False),
        ("GLIBC_TUNABLES", "", False),
        ("TUNABLES", "glibc.malloc.mxfast=glibc.malloc.mxfast=A", False),
    ],
)
def test_a_tunable_in_a_tunable_overflows(key: str, value: str, told: bool) -> None:
    process = Process(environment_variables=[EnvironmentVariable(key, value)])

    found = deed_tags(process, Execution(binary="/usr/bin/su"), ANYBODY, True)

    assert found == ({"overflowing_tunables": 4} if told else {})
