import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.fim.paths import Normal, index_roots, normalise
from schemas.fim.patterns import parse_root
from schemas.fim.taxonomy import built_in

ROOTS = index_roots(parse_root(root) for root in built_in().roots)

CASES = {
    "/etc/shadow": ("/etc/shadow", "", False),
    "//etc///shadow/": ("/etc/shadow", "", False),
    "/etc/../../etc/./shadow": ("/etc/shadow", "", False),
    "/": ("/", "", False),
    "": ("/", "", False),
    "/tmp/x (deleted)": ("/tmp/x", "", True),
    "/tmp/x (deleted) (deleted)": ("/tmp/x", "", True),
    "/tmp/.. (deleted)": ("/", "", True),
    "/tmp/ (deleted)": ("/tmp", "", True),
    "/tmp/x (deleted)/y": ("/tmp/x (deleted)/y", "", False),
    "/var/run/docker.sock": ("/run/docker.sock", "", False),
    "/var/lock/x": ("/run/lock/x", "", False),
    "/var/runner/x": ("/var/runner/x", "", False),
    "/var/run": ("/run", "", False),
    "/proc/1/root/etc/shadow": ("/etc/shadow", "/proc/1/root", False),
    "/proc/self/root": ("/", "/proc/self/root", False),
    "/proc/77/task/78/root/etc": ("/etc", "/proc/77/task/78/root", False),
    "/proc/1/rootfs/etc": ("/proc/1/rootfs/etc", "", False),
    "/proc/self/root/../etc/shadow": ("/etc/shadow", "/proc/self/root", False),
    "/proc/7/task/8/root/../../etc": ("/etc", "/proc/7/task/8/root", False),
    "/host/proc/1/root/../etc": ("/etc", "/host/proc/1/root", False),
    "/proc/7/cwd/../shadow": ("/proc/7/cwd/shadow", "", False),
    "/proc/7/task/8/cwd/../../shadow": ("/proc/7/task/8/cwd/shadow", "", False),
    "/proc/self/fd/3/../shadow": ("/proc/self/fd/3/shadow", "", False),
    "/dev/fd/3/../shadow": ("/dev/fd/3/shadow", "", False),
    "/proc/self/fd/../../1": ("/proc/1", "", False),
    "/proc/1/../../etc": ("/etc", "", False),
    "/srv/fd/3/../x": ("/srv/fd/x", "", False),
    "/srv/root/../x": ("/srv/x", "", False),
    "/var/run/../etc": ("/etc", "", False),
    "/var/lock/../x": ("/run/x", "", False),
    "/srv/var/run/../x": ("/srv/var/x", "", False),
    "/host/etc/passwd": ("/etc/passwd", "/host", False),
    "/host/root/etc/passwd": ("/etc/passwd", "/host/root", False),
    "/hosts/etc/passwd": ("/hosts/etc/passwd", "", False),
    "/host/var/run/x": ("/run/x", "/host", False),
    "/host/proc/1/root/host/x": ("/x", "/host/proc/1/root/host", False),
    "/var/lib/docker/overlay2/0a1b/merged/etc/passwd": ("/etc/passwd", "/var/lib/docker/overlay2/0a1b/merged", False),
    "/var/run/containerd/io.containerd.runtime.v2.task/k8s.io/0a1b/rootfs/bin/sh": (
        "/bin/sh",
        "/run/containerd/io.containerd.runtime.v2.task/k8s.io/0a1b/rootfs",
        False,
    ),
    "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/42/fs/etc/group": (
        "/etc/group",
        "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/42/fs",
        False,
    ),
    "etc/shadow": ("/etc/shadow", "", False),
    "/tmp/\x00\ufffd": ("/tmp/\x00\ufffd", "", False),
}


@pytest.mark.parametrize(("path", "expected"), CASES.items())
def test_a_path_has_one_spelling(path: str, expected: tuple[str, str, bool]) -> None:
    normal = normalise(path, ROOTS)

    assert (normal.path, "/" + "/".join(normal.via) if normal.via else "", normal.deleted) == expected


PARTS = st.sampled_from(
    ["", ".", "..", "a", "a (deleted)", " (deleted)", ".. (deleted)", ". (deleted)", "host", "root", "proc", "1", "var",
     "run", "lock", "hostfs", "lib", "docker", "overlay2", "merged"]
)  # fmt: skip
PATHS = st.lists(PARTS, max_size=12).map("/".join) | st.text(max_size=40)


@given(PATHS)
def test_what_is_normalised_stays_as_it_is(path: str) -> None:
    normal = normalise(path, ROOTS)

    assert normalise(normal.path, ROOTS) == Normal(normal.parts)


@given(PATHS)
def test_no_part_is_empty_or_a_dot_or_two(path: str) -> None:
    assert {"", ".", ".."}.isdisjoint(normalise(path, ROOTS).parts)


@given(
    st.lists(st.sampled_from(["", ".", "..", "a", "b", "c d"]), max_size=10).map(lambda parts: "/" + "/".join(parts))
)
def test_dots_and_slashes_are_what_posix_has_them_be(path: str) -> None:
    assert normalise(path, {}).path == posixpath.normpath("/" + path.lstrip("/"))


def test_a_hostile_suffix_costs_no_more_than_its_length() -> None:
    assert normalise("/x" + " (deleted)" * 100_000, ROOTS) == Normal(("x",), deleted=True)
    assert normalise("/host" * 20_000 + "/x", ROOTS).parts == ("x",)
