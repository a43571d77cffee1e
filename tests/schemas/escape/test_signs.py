"""What the escape agent takes for granted of paths, and what a path may hide."""

import pytest

from schemas.escape.signs import RUNTIME_FILES, Sign, looking
from schemas.fim.classifier import Classifier
from schemas.fim.taxonomy import built_in
from schemas.operation import Operation

LOOK = looking(Classifier(built_in()))


def test_a_runtimes_program_is_known_by_the_beginning_of_its_name() -> None:
    [patterns] = [each.patterns for each in built_in().categories if each.id == "container.runtime_binary"]

    assert patterns
    assert all(pattern.rpartition("/")[2].startswith(RUNTIME_FILES) for pattern in patterns)


def signs(operation: Operation) -> dict[str, Sign]:
    return {sign.rule: sign for sign in LOOK((operation,), True)}


@pytest.mark.parametrize(
    ("path", "about"),
    [
        ("/proc/1/root/etc/hostname", "1"),
        ("/proc/1/cwd/../etc/hostname", "1"),  # the kernel goes up from where the link leads
        ("/proc/7/root/../srv", "7"),
        ("/proc/1/ns/mnt", "1"),
        ("/host/proc/1/ns/mnt", ""),  # whose /proc that is, its pid does not tell
        ("/host/proc/1/fd/1", ""),
        ("/host/proc/7/root/srv", ""),
        ("/proc/self/cwd/../etc/hostname", None),
        ("/proc/7/cwd/../x", None),
        ("/srv/../etc/hostname", None),
    ],
)
def test_a_path_by_way_of_a_process_is_seen_whatever_follows(path: str, about: str | None) -> None:
    found = signs(Operation("open", "sys_openat", path=path)).get("proc_root")

    assert (found.about if found is not None else None) == about


@pytest.mark.parametrize("path", ["/proc/1/root", "/proc/1/root/srv", "/proc/1/cwd"])
def test_a_bind_mount_reaches_what_it_shows(path: str) -> None:
    assert "proc_root" in signs(Operation("mount", "sys_mount", path=path, target="/mnt", flags=0x1000))
    assert signs(Operation("mount", "sys_mount", path="/srv", target="/mnt", flags=0x1000)) == {}


@pytest.mark.parametrize(
    "path",
    ["/dev/sda1", "/dev/mmcblk0p1", "/dev/disk/by-uuid/1f3a", "/dev/mapper/root", "/dev/md0", "/dev/hda", "/dev/mem"],
)
def test_a_disk_is_one_by_any_of_its_names(path: str) -> None:
    assert "device" in signs(Operation("open", "file_open", path=path))


@pytest.mark.parametrize("path", ["/dev/null", "/dev/loop0", "/dev/fuse", "/dev/shm/sda", "/srv/dev/sda"])
def test_what_is_no_disk_is_no_device(path: str) -> None:
    assert "device" not in signs(Operation("open", "file_open", path=path))


@pytest.mark.parametrize(("flags", "told"), [(0, True), (1, False)])  # O_RDONLY, O_WRONLY
def test_who_writes_does_not_look(flags: int, told: bool) -> None:
    token = "/run/secrets/kubernetes.io/serviceaccount/token"

    assert ("recon" in signs(Operation("open", "sys_openat", path="/proc/self/cgroup", flags=flags))) is told
    assert ("service_account_token" in signs(Operation("open", "sys_openat", path=token, flags=flags))) is told


@pytest.mark.parametrize(
    ("source", "name", "told"),
    [("proc", "", True), ("none", "proc", True), ("/srv", "", False), ("proc", "tmpfs", False), ("none", "", False)],
)
def test_the_kind_of_a_mount_counts_and_its_name_where_that_is_not_told(source: str, name: str, told: bool) -> None:
    found = signs(Operation("mount", "sys_mount", path=source, target="/mnt", name=name, flags=0))

    assert ("mount" in found) is told
