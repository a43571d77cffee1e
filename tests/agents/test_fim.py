"""No other name hides a file that matters, as long as Tetragon tells of it at all; and what it does not tell of."""

from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.enrich.memory import Memory
from tests.agents.touched import READ, SHADOW, Done, did, opened, told, wrote

POD: Final = "0a1b2c3d"
CRON = "persistence.cron"

# Steps, of which the last reaches a file that matters; its category, how it was reached, and how grave it is.
REACHED: dict[str, tuple[Sequence[Done], str, str, int]] = {
    "by its name": ([wrote("/etc/shadow")], SHADOW, "", 4),
    "with slashes and dots": ([wrote("//etc/./x/..//shadow")], SHADOW, "", 4),
    "written elsewhere and renamed over": (
        [wrote("/data/s"), did("security_path_rename", ["/data/s"], ["/etc/shadow"])],
        SHADOW,
        "",
        4,
    ),
    "renamed over by descriptors": (
        [did("__x64_sys_renameat2", -100, "s", -100, "/etc/shadow")],
        SHADOW,
        "",
        4,
    ),
    "away, to be written there": (
        [did("security_path_rename", ["/etc/shadow"], ["/data/s"]), wrote("/data/s")],
        SHADOW,
        "renamed",
        4,
    ),
    "its folder away, to be written there": (
        [did("security_path_rename", ["/etc/cron.d"], ["/data/c"]), wrote("/data/c/job")],
        CRON,
        "renamed",
        3,
    ),
    "exchanged": (
        [did("__x64_sys_renameat2", -100, "/data/s", -100, "/etc/shadow", 2)],
        SHADOW,
        "",
        4,
    ),
    "by a hard link": (
        [did("security_path_link", ["/etc/shadow"], ["/data/s"]), wrote("/data/s")],
        SHADOW,
        "linked",
        4,
    ),
    "by a hard link of a hard link": (
        [
            did("security_path_link", ["/etc/shadow"], ["/data/s"]),
            did("security_path_link", ["/data/s"], ["/data/t"]),
            wrote("/data/t"),
        ],
        SHADOW,
        "linked",
        4,
    ),
    "by a hard link that was renamed": (
        [
            did("security_path_link", ["/etc/shadow"], ["/data/s"]),
            did("security_path_rename", ["/data/s"], ["/data/t"], returned=0),
            wrote("/data/t"),
        ],
        SHADOW,
        "linked",
        4,
    ),
    "by a hard link whose folder was renamed": (
        [
            did("security_path_link", ["/etc/shadow"], ["/data/a/s"]),
            did("security_path_rename", ["/data/a"], ["/data/b"], returned=0),
            wrote("/data/b/s"),
        ],
        SHADOW,
        "linked",
        4,
    ),
    "by a hard link, by another process": (
        [did("__x64_sys_linkat", -100, "/etc/shadow", -100, "/data/s", 0), wrote("/data/s", pid=9)],
        SHADOW,
        "linked",
        4,
    ),
    "by a hard link that could not be removed": (
        [
            did("security_path_link", ["/etc/shadow"], ["/data/s"]),
            did("security_path_unlink", ["/data/s"], returned=-1),
            did("security_path_unlink", ["/data/s"]),
            wrote("/data/s"),
        ],
        SHADOW,
        "linked",
        4,
    ),
    "by a bind mount of its folder": (
        [did("security_sb_mount", "/etc", ["/data/x"], ""), wrote("/data/x/shadow")],
        SHADOW,
        "bound",
        4,
    ),
    "by a bind mount of all": (
        [did("__x64_sys_mount", "/", "/data/x", "", {"size_arg": "4096"}), wrote("/data/x/etc/cron.d/job")],
        CRON,
        "bound",
        3,
    ),
    "by a bind mount of itself": (
        [did("__x64_sys_mount", "/etc/shadow", "/data/x"), wrote("/data/x")],
        SHADOW,
        "bound",
        4,
    ),
    "by a bind mount from where the process is": (
        [did("__x64_sys_mount", "etc", "/data/x", cwd="/"), wrote("/data/x/shadow")],
        SHADOW,
        "bound",
        4,
    ),
    "by a bind mount onto itself": ([did("__x64_sys_mount", "/data/evil", "/etc/shadow")], SHADOW, "", 4),
    "by a bind mount over its folder's folder": (
        [did("__x64_sys_mount", "/data/evil", "/etc", "", {"size_arg": "4096"})],
        "etc.other",
        "folder_above",
        4,
    ),
    "by a bind mount onto itself, from where the process is": (
        [did("__x64_sys_mount", "evil", "/etc/shadow", "", {"size_arg": "4096"})],
        SHADOW,
        "",
        4,
    ),
    "by folders that lie over its own": (
        [did("__x64_sys_mount", "overlay", "/etc/cron.d", "overlay")],
        CRON,
        "",
        3,
    ),
    "by a bind mount over a program": (
        [did("__x64_sys_mount", "/data/evil", "/usr/bin/ps", "", {"size_arg": "4096"})],
        "binaries.system",
        "",
        3,
    ),
    "by a bind mount from where the process went": (
        [did("__x64_sys_chdir", "/"), did("__x64_sys_mount", "etc", "/data/x"), wrote("/data/x/shadow")],
        SHADOW,
        "bound",
        4,
    ),
    "by another folder in the place of its own": (
        [did("security_path_rename", ["/data/evil"], ["/usr/bin"])],
        "binaries.system",
        "folder_above",
        4,
    ),
    "by a bind mount of a folder that is none": (
        [did("__x64_sys_mount", "/var", "/data/x"), wrote("/data/x/log/auth.log")],
        "audit.logs",
        "bound",
        3,
    ),
    "by another mount of /proc": (
        [did("__x64_sys_mount", "proc", "/data/p", "proc"), wrote("/data/p/sys/kernel/core_pattern")],
        "escape.kernel_interface",
        "mounted",
        4,
    ),
    "by a disk that a container mounts": (
        [did("__x64_sys_mount", "/dev/sda1", "/mnt", docker=POD), wrote("/mnt/etc/cron.d/job", docker=POD)],
        CRON,
        "disk_mounted",
        4,
    ),
    "by a symbolic link, as the process wrote it": (
        [did("__x64_sys_symlinkat", "/etc", -100, "/data/l"), opened("/data/l/shadow")],
        SHADOW,
        "symlinked",
        4,
    ),
    "by a symbolic link that climbs": (
        [did("__x64_sys_symlinkat", "../etc/shadow", -100, "/data/l"), opened("l")],
        SHADOW,
        "symlinked",
        4,
    ),
    "by /proc/self/root": ([opened("/proc/self/root/etc/shadow")], SHADOW, "", 4),
    "by /proc/self/root again and again": ([opened("/proc/self/root/proc/1/root/etc/shadow")], SHADOW, "", 4),
    "by what is above a root": ([opened("/proc/self/root/../etc/shadow")], SHADOW, "", 4),
    "by what is above a link of every distribution": ([opened("/var/run/../etc/shadow")], SHADOW, "", 4),
    "by what is above its own working directory": ([opened("/proc/self/cwd/../shadow", cwd="/etc/x")], SHADOW, "", 4),
    "by what is above somebody else's": ([opened("/proc/99/cwd/../shadow")], SHADOW, "guessed", 3),
    "by what is above a descriptor": ([opened("/proc/self/fd/3/../shadow")], SHADOW, "guessed", 3),
    "by the root of a thread": ([opened("/proc/7/task/8/root/etc/shadow")], SHADOW, "", 4),
    "by its own working directory": ([opened("/proc/self/cwd/shadow", cwd="/etc")], SHADOW, "", 4),
    "by its own working directory's other name": ([opened("/proc/7/cwd/shadow", cwd="/etc")], SHADOW, "", 4),
    "by somebody else's working directory": ([opened("/proc/99/cwd/shadow")], SHADOW, "guessed", 3),
    "by a descriptor in /proc": ([opened("/proc/self/fd/3/shadow")], SHADOW, "guessed", 3),
    "from where the process is": ([opened("shadow", cwd="/etc")], SHADOW, "", 4),
    "from where the process went": (
        [did("__x64_sys_chdir", "/etc"), opened("shadow")],
        SHADOW,
        "",
        4,
    ),
    "from where the process went by a descriptor": (
        [did("__x64_sys_fchdir", 5), opened("shadow")],
        SHADOW,
        "guessed",
        3,
    ),
    "by its whole name, from where the process went": (
        [did("__x64_sys_chdir", "/data", cwd="/"), did("__x64_sys_rename", "s", "/etc/shadow", cwd="/")],
        SHADOW,
        "",
        4,
    ),
    "by a symbolic link from where the process went": (
        [
            did("__x64_sys_chdir", "/data", cwd="/"),
            did("__x64_sys_symlinkat", "/etc/shadow", -100, "l", cwd="/"),
            opened("/data/l", cwd="/"),
        ],
        SHADOW,
        "symlinked",
        4,
    ),
    "linked into its own working directory": (
        [did("__x64_sys_link", "/data/s", "/proc/self/cwd/shadow", cwd="/etc")],
        SHADOW,
        "",
        4,
    ),
    "renamed over, told without descriptors": (
        [did("__x64_sys_renameat2", "/data/s", "shadow", {"uint_arg": 0}, cwd="/etc")],
        SHADOW,
        "",
        4,
    ),
    "below a descriptor": ([opened("shadow", 5)], SHADOW, "guessed", 3),
    "below a descriptor, a folder further": ([opened("cron.d/job", 5)], CRON, "guessed", 2),
    "below a descriptor, from above": ([opened("../etc/shadow", 5)], SHADOW, "", 4),
    "with a path whose beginning is missing": (
        [
            did(
                "security_file_permission",
                {"file_arg": {"path": "/cron.d/job", "flags": "unresolvedPathComponents"}},
                2,
            )
        ],
        CRON,
        "guessed",
        2,
    ),
    "in a layer of a container": (
        [wrote("/var/lib/docker/overlay2/0a1b/diff/etc/shadow")],
        SHADOW,
        "",
        4,
    ),
    "in a container, from its host": (
        [wrote("/run/containerd/io.containerd.runtime.v2.task/k8s.io/0a1b/rootfs/etc/shadow")],
        SHADOW,
        "",
        4,
    ),
    "in a layer of another runtime": (
        [wrote("/home/eve/.local/share/containers/storage/overlay/0a1b/diff/etc/shadow")],
        SHADOW,
        "",
        4,
    ),
    "though its name is gone": ([wrote("/etc/shadow (deleted)")], SHADOW, "", 4),
    "though its names are gone, twice": ([wrote("/etc/shadow (deleted) (deleted)")], SHADOW, "", 4),
    "through a mapping": (
        [did("security_mmap_file", {"file_arg": {"path": "/etc/shadow"}}, {"uint_arg": 3}, {"uint_arg": 1})],
        SHADOW,
        "",
        4,
    ),
    "by a path that is longer than any that is kept": (
        [wrote("/data" + "/x/.." * 500 + "/../etc/shadow")],
        SHADOW,
        "",
        4,
    ),
}


@pytest.mark.parametrize(("steps", "category", "how", "severity"), REACHED.values(), ids=REACHED)
def test_a_file_is_told_as_what_it_is_however_it_is_reached(
    steps: Sequence[Done], category: str, how: str, severity: int
) -> None:
    found = told(*steps)[-1]

    assert (found["category"], found["severity"]) == (category, severity)
    assert not how or how in found["reason"]


# A file of each of the kernel's file systems, wherever that is mounted.
KERNELS = {
    "binfmt_misc": ("register", "escape.kernel_interface"),
    "bpf": ("x", "kernel.tunables"),
    "cgroup": ("a/release_agent", "escape.kernel_interface"),
    "cgroup2": ("a/devices.allow", "escape.kernel_interface"),
    "devtmpfs": ("sda", "devices"),
    "proc": ("sys/kernel/core_pattern", "escape.kernel_interface"),
    "securityfs": ("apparmor/.load", "mac.policy"),
    "selinuxfs": ("enforce", "mac.policy"),
    "sysfs": ("kernel/uevent_helper", "escape.kernel_interface"),
}


@pytest.mark.parametrize(("system", "file", "category"), [(name, *about) for name, about in KERNELS.items()])
def test_a_file_system_of_the_kernel_is_known_wherever_it_is(system: str, file: str, category: str) -> None:
    found = told(did("__x64_sys_mount", "none", "/data/k", system), wrote(f"/data/k/{file}"))[-1]

    assert found["category"] == category
    assert "mounted" in found["reason"]


# What is not told of, and why nobody could tell it.
UNSEEN: dict[str, Sequence[Done]] = {
    "a link that was there before Tetragon": [wrote("/data/s")],
    "a symbolic link to a link that is made later": [
        did("__x64_sys_symlinkat", "/data/b", -100, "/data/a"),
        did("__x64_sys_symlinkat", "/etc", -100, "/data/b"),
        opened("/data/a/shadow"),
    ],
    "a name in a folder that is known by its descriptor alone": [opened("job", 5)],
    "a working directory that a process inherited": [
        did("__x64_sys_chdir", "/etc", pid=7),
        opened("shadow", pid=8),
    ],
    "a descriptor that was opened for its path alone": [opened("/proc/self/fd/3")],
    "a mount that the new calls make of a copy of the tree": [
        did("security_move_mount", ["/"], ["/data/x"]),
        wrote("/data/x/shadow"),
    ],
    "an overlay whose lower folder is in options that no policy reads": [
        did("__x64_sys_mount", "overlay", "/data/o", "overlay"),
        wrote("/data/o/shadow"),
    ],
    "a link of one container in another": [
        did("security_path_link", ["/etc/shadow"], ["/shared/s"], docker=POD),
        wrote("/shared/s", pid=9, docker="4e5f"),
    ],
    "a file that is in memory alone": [wrote("/memfd:x (deleted)")],
}


@pytest.mark.parametrize("steps", UNSEEN.values(), ids=UNSEEN)
def test_what_cannot_be_seen_is_not_made_up(steps: Sequence[Done]) -> None:
    assert told(*steps)[-1].get("category") not in (SHADOW, CRON)


# Mounts that systems make all day.
USUAL: dict[str, Done] = {
    "a folder for logs": did("__x64_sys_mount", "/data/log", "/var/log", "", {"size_arg": "4096"}),
    "a folder for containers": did("__x64_sys_mount", "/data/docker", "/var/lib/docker", "", {"size_arg": "4096"}),
    "a disk": did("__x64_sys_mount", "/dev/loop0", "/boot", "ext4", {"size_arg": "0"}),
    "memory for a secret": did("__x64_sys_mount", "tmpfs", "/run/secrets/kubernetes.io/x", "tmpfs"),
    "a file onto itself, to protect it": did("__x64_sys_mount", "/etc/passwd", "/etc/passwd", "", {"size_arg": "4096"}),
    "once more, to protect it": did("__x64_sys_mount", "/x", "/etc/passwd", "", {"size_arg": "4128"}),
    "a service's own view": did(
        "__x64_sys_mount", "/run/systemd/inaccessible/reg", "/etc/shadow", binary="/usr/lib/systemd/systemd"
    ),
    "a container's names": did(
        "__x64_sys_mount",
        "/var/lib/docker/containers/0a1b/hosts",
        "/run/containerd/io.containerd.runtime.v2.task/moby/0a1b/rootfs/etc/hosts",
        binary="/usr/bin/runc",
    ),
    "a container's /proc": did(
        "__x64_sys_mount", "proc", "/run/containerd/io.containerd.runtime.v2.task/moby/0a1b/rootfs/proc", 14
    ),
    "a container's tool": did(
        "__x64_sys_mount",
        "/usr/bin/nvidia-smi",
        "/run/containerd/io.containerd.runtime.v2.task/moby/0a1b/rootfs/usr/bin/nvidia-smi",
    ),
}


@pytest.mark.parametrize("step", USUAL.values(), ids=USUAL)
def test_a_mount_that_systems_make_all_day_is_nothing(step: Done) -> None:
    assert told(step)[0].get("severity", 0) == 0


FORGOTTEN: dict[str, Sequence[Done]] = {
    "removed": [
        did("security_path_link", ["/etc/shadow"], ["/data/s"]),
        did("security_path_unlink", ["/data/s"], returned=0),
        wrote("/data/s"),
    ],
    "replaced": [
        did("security_path_link", ["/etc/shadow"], ["/data/s"]),
        did("security_path_rename", ["/data/n"], ["/data/s"], returned=0),
        wrote("/data/s"),
    ],
    "unmounted": [
        did("__x64_sys_mount", "/etc", "/data/x"),
        did("__x64_sys_umount", "/data/x", 0, returned=0),
        wrote("/data/x/shadow"),
    ],
    "never made": [
        did("security_path_link", ["/etc/shadow"], ["/data/s"], returned=-1),
        wrote("/data/s"),
    ],
}


@pytest.mark.parametrize("steps", FORGOTTEN.values(), ids=FORGOTTEN)
def test_another_name_that_is_gone_is_forgotten(steps: Sequence[Done]) -> None:
    assert told(*steps)[-1] == {}


def test_to_remove_a_link_changes_no_password() -> None:
    assert (
        told(did("security_path_link", ["/etc/shadow"], ["/data/s"]), did("security_path_unlink", ["/data/s"]))[1] == {}
    )


def test_the_newest_of_many_names_are_known() -> None:
    links = [did("security_path_link", ["/etc/shadow"], [f"/data/s{number}"]) for number in range(100)]

    found = told(*links, wrote("/data/s0"), wrote("/data/s99"))

    assert found[-2] == {}
    assert found[-1]["category"] == SHADOW


def test_names_of_any_letters_fit_into_the_memory() -> None:
    links = [did("security_path_link", ["/etc/shadow"], [f"/data/{number}" + "\x01" * 900]) for number in range(70)]

    assert told(*links, wrote("/data/69" + "\x01" * 900))[-1]["category"] == SHADOW


def test_what_runtimes_mount_is_not_kept() -> None:
    runc: dict[str, Any] = {"binary": "/usr/bin/runc"}

    assert told(did("__x64_sys_mount", "/etc", "/data/x", **runc), wrote("/data/x/shadow"))[-1] == {}


STEPS = st.lists(
    st.sampled_from([steps[place] for steps, *_ in REACHED.values() for place in range(len(steps))] + [READ]),
    max_size=20,
)


@given(STEPS, st.integers(0, 20))
def test_a_worker_that_restored_a_checkpoint_tells_the_same(steps: list[Done], cut: int) -> None:
    memory, restored = Memory(), Memory()
    before = told(*steps[:cut], memory=memory, apart=0)
    restored.load(memory.drain().items())

    after = told(*steps[cut:], memory=restored, apart=0)

    assert [*before, *after] == told(*steps, apart=0)
