import pytest

from schemas.fim.touches import touches
from schemas.operation import Operation, Socket

CASES = {
    "a read leaves the file as it is": (Operation("read", "file_permission", path="/a"), [("/a", False)]),
    "a write changes it": (Operation("write", "file_permission", path="/a"), [("/a", True)]),
    "an open for reading does not": (Operation("open", "sys_openat", path="/a", flags=0), [("/a", False)]),
    "an open for writing does": (Operation("open", "sys_openat", path="/a", flags=0x401), [("/a", True)]),
    "both names of a rename change": (
        Operation("rename", "path_rename", path="/a", target="/b"),
        [("/b", True), ("/a", True)],
    ),
    "a link changes the new name alone": (
        Operation("link", "path_link", path="/a", target="/b"),
        [("/b", True), ("/a", False)],
    ),
    "a symlink counts from where it is": (
        Operation("symlink", "path_symlink", path="../a", target="/b/c"),
        [("/b/c", True), ("/b/../a", False)],
    ),
    "to close a file is not to touch it": (Operation("close", "filp_close", path="/a"), []),
    "who connects to a socket touches it": (
        Operation("connect", "unix_stream_connect", socket=Socket(path="/run/docker.sock")),
        [("/run/docker.sock", False)],
    ),
    "an abstract socket is no file": (Operation("connect", "unix_stream_connect", socket=Socket(path="@x")), []),
    "nor is an address": (Operation("connect", "tcp_connect", socket=Socket(remote="10.0.0.1")), []),
    "a mount reads the device": (
        Operation("mount", "sb_mount", path="/dev/sda1", target="/mnt"),
        [("/dev/sda1", False)],
    ),
    "without a path there is nothing": (Operation("write", "sys_write"), []),
}


@pytest.mark.parametrize(("operation", "expected"), CASES.values(), ids=CASES)
def test_an_operation_touches(operation: Operation, expected: list[tuple[str, bool]]) -> None:
    assert list(touches(operation)) == expected
