"""No other name hides a file that matters, as long as Tetragon tells of it at all; and what it does not tell of."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from schemas.times import SECOND, rfc3339
from tests.agents.cases import AGENTS, record_of

START = 1_700_000_000 * SECOND
PIPELINE = Pipeline([agent for agent in AGENTS if agent.name == "fim"], original=False)
POD: Final = "0a1b2c3d"

Done = dict[str, Any]


def did(function: str, *args: Any, pid: int = 7, cwd: str = "/work", docker: str = "", **more: Any) -> Done:
    """A number is an int_arg; a text is what the process wrote; a text in a list is a path that the kernel resolved."""
    given = [{"path_arg": {"path": each[0]}} if isinstance(each, list) else each for each in args]
    given = [{"string_arg": each} if isinstance(each, str) else each for each in given]
    given = [{"int_arg": each} if isinstance(each, int) else each for each in given]
    returned = {"return": {"int_arg": more.pop("returned")}} if "returned" in more else {}
    process = {"exec_id": exec_id(pid), "pid": pid, "uid": 0, "binary": "/opt/x", "cwd": cwd, "docker": docker, **more}
    return {"process": process, "function_name": function, "args": given, **returned}


def exec_id(pid: int) -> str:
    return b64encode(f"node:5000:{pid}".encode()).decode()


def wrote(path: str, **more: Any) -> Done:
    return did("security_file_permission", {"file_arg": {"path": path}}, 2, **more)


def opened(path: str, descriptor: int = -100, **more: Any) -> Done:
    """To be written, as the process asked for it."""
    return did("__x64_sys_openat", descriptor, path, 1, **more)


def told(*steps: Done, memory: Memory | None = None, apart: int = SECOND) -> list[dict[str, Any]]:
    """`tetragon.fim` of each; empty where it is not told."""
    lines = [
        orjson.dumps({"process_kprobe": step, "node_name": "node", "time": rfc3339(START + place * apart)})
        for place, step in enumerate(steps)
    ]
    enriched = PIPELINE.enrich(memory or Memory(), record_of(b"\n".join(lines), "x.log"))
    assert not enriched.rejections
    assert not enriched.failures
    documents = [orjson.loads(line) for value, _ in enriched.blocks for line in value.splitlines()[1::2]]
    return [document["tetragon"].get("fim", {}) for document in documents]


SHADOW = "credentials.shadow"
CRON = "persistence.cron"

# Steps, of which the last reaches a file that matters; its category, how it was reached, and how grave it is.
REACHED: dict[str, tuple[Sequence[Done], str, str, int]] = {
    "by its name": ([wrote("/etc/shadow")], SHADOW, "", 4),
    "with slashes and dots": ([wrote("//etc/./x/..//shadow")], SHADOW, "", 4),
    "written elsewhere and renamed over": (
        [wrote("/work/s"), did("security_path_rename", ["/work/s"], ["/etc/shadow"])],
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
        [did("security_path_rename", ["/etc/shadow"], ["/work/s"]), wrote("/work/s")],
        SHADOW,
        "renamed",
        4,
    ),
    "its folder away, to be written there": (
        [did("security_path_rename", ["/etc/cron.d"], ["/work/c"]), wrote("/work/c/job")],
        CRON,
        "renamed",
        3,
    ),
    "exchanged": (
        [did("__x64_sys_renameat2", -100, "/work/s", -100, "/etc/shadow", 2)],
        SHADOW,
        "",
        4,
    ),
    "by a hard link": (
        [did("security_path_link", ["/etc/shadow"], ["/work/s"]), wrote("/work/s")],
        SHADOW,
        "linked",
        4,
    ),
    "by a hard link of a hard link": (
        [
            did("security_path_link", ["/etc/shadow"], ["/work/s"]),
            did("security_path_link", ["/work/s"], ["/work/t"]),
            wrote("/work/t"),
        ],
        SHADOW,
        "linked",
        4,
    ),
    "by a hard link that was renamed": (
        [
            did("security_path_link", ["/etc/shadow"], ["/work/s"]),
            did("security_path_rename", ["/work/s"], ["/work/t"], returned=0),
            wrote("/work/t"),
        ],
        SHADOW,
        "linked",
        4,
    ),
    "by a hard link whose folder was renamed": (
        [
            did("security_path_link", ["/etc/shadow"], ["/work/a/s"]),
            did("security_path_rename", ["/work/a"], ["/work/b"], returned=0),
            wrote("/work/b/s"),
        ],
        SHADOW,
        "linked",
        4,
    ),
    "by a hard link, by another process": (
        [did("__x64_sys_linkat", -100, "/etc/shadow", -100, "/work/s", 0), wrote("/work/s", pid=9)],
        SHADOW,
        "linked",
        4,
    ),
    "by a hard link that could not be removed": (
        [
            did("security_path_link", ["/etc/shadow"], ["/work/s"]),
            did("security_path_unlink", ["/work/s"], returned=-1),
            did("security_path_unlink", ["/work/s"]),
            wrote("/work/s"),
        ],
        SHADOW,
        "linked",
        4,
    ),
    "by a bind mount of its folder": (
        [did("security_sb_mount", "/etc", ["/work/x"], ""), wrote("/work/x/shadow")],
        SHADOW,
        "bound",
        4,
    ),
    "by a bind mount of all": (
        [did("__x64_sys_mount", "/", "/work/x", "", {"size_arg": "4096"}), wrote("/work/x/etc/cron.d/job")],
        CRON,
        "bound",
        3,
    ),
    "by a bind mount of itself": (
        [did("__x64_sys_mount", "/etc/shadow", "/work/x"), wrote("/work/x")],
        SHADOW,
        "bound",
        4,
    ),
    "by a bind mount from where the process is": (
        [did("__x64_sys_mount", "etc", "/work/x", cwd="/"), wrote("/work/x/shadow")],
        SHADOW,
        "bound",
        4,
    ),
    "by a bind mount onto itself": ([did("__x64_sys_mount", "/work/evil", "/etc/shadow")], SHADOW, "", 4),
    "by a bind mount over its folder's folder": (
        [did("__x64_sys_mount", "/work/evil", "/etc", "", {"size_arg": "4096"})],
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
        [did("__x64_sys_mount", "/work/evil", "/usr/bin/ps", "", {"size_arg": "4096"})],
        "binaries.system",
        "",
        3,
    ),
    "by a bind mount from where the process went": (
        [did("__x64_sys_chdir", "/"), did("__x64_sys_mount", "etc", "/work/x"), wrote("/work/x/shadow")],
        SHADOW,
        "bound",
        4,
    ),
    "by another folder in the place of its own": (
        [did("security_path_rename", ["/work/evil"], ["/usr/bin"])],
        "binaries.system",
        "folder_above",
        4,
    ),
    "by a bind mount of a folder that is none": (
        [did("__x64_sys_mount", "/var", "/work/x"), wrote("/work/x/log/auth.log")],
        "audit.logs",
        "bound",
        3,
    ),
    "by another mount of /proc": (
        [did("__x64_sys_mount", "proc", "/work/p", "proc"), wrote("/work/p/sys/kernel/core_pattern")],
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
        [did("__x64_sys_symlinkat", "/etc", -100, "/work/l"), opened("/work/l/shadow")],
        SHADOW,
        "symlinked",
        4,
    ),
    "by a symbolic link that climbs": (
        [did("__x64_sys_symlinkat", "../etc/shadow", -100, "/work/l"), opened("l")],
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
        [did("__x64_sys_chdir", "/work", cwd="/"), did("__x64_sys_rename", "s", "/etc/shadow", cwd="/")],
        SHADOW,
        "",
        4,
    ),
    "by a symbolic link from where the process went": (
        [
            did("__x64_sys_chdir", "/work", cwd="/"),
            did("__x64_sys_symlinkat", "/etc/shadow", -100, "l", cwd="/"),
            opened("/work/l", cwd="/"),
        ],
        SHADOW,
        "symlinked",
        4,
    ),
    "linked into its own working directory": (
        [did("__x64_sys_link", "/work/s", "/proc/self/cwd/shadow", cwd="/etc")],
        SHADOW,
        "",
        4,
    ),
    "renamed over, told without descriptors": (
        [did("__x64_sys_renameat2", "/work/s", "shadow", {"uint_arg": 0}, cwd="/etc")],
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
        [wrote("/work" + "/x/.." * 500 + "/../etc/shadow")],
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
    found = told(did("__x64_sys_mount", "none", "/work/k", system), wrote(f"/work/k/{file}"))[-1]

    assert found["category"] == category
    assert "mounted" in found["reason"]


# What is not told of, and why nobody could tell it.
UNSEEN: dict[str, Sequence[Done]] = {
    "a link that was there before Tetragon": [wrote("/work/s")],
    "a symbolic link to a link that is made later": [
        did("__x64_sys_symlinkat", "/work/b", -100, "/work/a"),
        did("__x64_sys_symlinkat", "/etc", -100, "/work/b"),
        opened("/work/a/shadow"),
    ],
    "a name in a folder that is known by its descriptor alone": [opened("job", 5)],
    "a working directory that a process inherited": [
        did("__x64_sys_chdir", "/etc", pid=7),
        opened("shadow", pid=8),
    ],
    "a descriptor that was opened for its path alone": [opened("/proc/self/fd/3")],
    "a mount that the new calls make of a copy of the tree": [
        did("security_move_mount", ["/"], ["/work/x"]),
        wrote("/work/x/shadow"),
    ],
    "an overlay whose lower folder is in options that no policy reads": [
        did("__x64_sys_mount", "overlay", "/work/o", "overlay"),
        wrote("/work/o/shadow"),
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
        did("security_path_link", ["/etc/shadow"], ["/work/s"]),
        did("security_path_unlink", ["/work/s"], returned=0),
        wrote("/work/s"),
    ],
    "replaced": [
        did("security_path_link", ["/etc/shadow"], ["/work/s"]),
        did("security_path_rename", ["/work/n"], ["/work/s"], returned=0),
        wrote("/work/s"),
    ],
    "unmounted": [
        did("__x64_sys_mount", "/etc", "/work/x"),
        did("__x64_sys_umount", "/work/x", 0, returned=0),
        wrote("/work/x/shadow"),
    ],
    "never made": [
        did("security_path_link", ["/etc/shadow"], ["/work/s"], returned=-1),
        wrote("/work/s"),
    ],
}


@pytest.mark.parametrize("steps", FORGOTTEN.values(), ids=FORGOTTEN)
def test_another_name_that_is_gone_is_forgotten(steps: Sequence[Done]) -> None:
    assert told(*steps)[-1] == {}


def test_to_remove_a_link_changes_no_password() -> None:
    assert (
        told(did("security_path_link", ["/etc/shadow"], ["/work/s"]), did("security_path_unlink", ["/work/s"]))[1] == {}
    )


def test_the_newest_of_many_names_are_known() -> None:
    links = [did("security_path_link", ["/etc/shadow"], [f"/work/s{number}"]) for number in range(100)]

    found = told(*links, wrote("/work/s0"), wrote("/work/s99"))

    assert found[-2] == {}
    assert found[-1]["category"] == SHADOW


def test_names_of_any_letters_fit_into_the_memory() -> None:
    links = [did("security_path_link", ["/etc/shadow"], [f"/work/{number}" + "\x01" * 900]) for number in range(70)]

    assert told(*links, wrote("/work/69" + "\x01" * 900))[-1]["category"] == SHADOW


def test_what_runtimes_mount_is_not_kept() -> None:
    runc: dict[str, Any] = {"binary": "/usr/bin/runc"}

    assert told(did("__x64_sys_mount", "/etc", "/work/x", **runc), wrote("/work/x/shadow"))[-1] == {}


READ = did("security_file_permission", {"file_arg": {"path": "/etc/shadow"}}, 4)


def test_the_same_touch_within_a_minute_is_a_repeat() -> None:
    found = told(READ, READ, READ, apart=20 * SECOND)

    assert [each.get("repeat") for each in found] == [None, True, True]
    assert [{**each, "repeat": True} for each in found] == [found[1]] * 3


def test_a_minute_later_it_is_told_anew() -> None:
    assert [each.get("repeat") for each in told(*[READ] * 4, apart=30 * SECOND)] == [None, True, None, True]


OTHERS = {
    "process": did("security_file_permission", {"file_arg": {"path": "/etc/shadow"}}, 4, pid=9),
    "file": did("security_file_permission", {"file_arg": {"path": "/etc/gshadow"}}, 4),
    "way": wrote("/etc/shadow"),
    "outcome": did("security_file_permission", {"file_arg": {"path": "/etc/shadow"}}, 4, returned=-13),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_another_touch_is_no_repeat(other: Done) -> None:
    assert "repeat" not in told(READ, other)[-1]


NAMED = {
    "linked": did("security_path_link", ["/etc/shadow"], ["/tmp/s"], pid=9),
    "renamed": did("security_path_rename", ["/work/s"], ["/tmp/s"]),
    "its folder renamed": did("security_path_rename", ["/work/t"], ["/tmp"]),
    "mounted over": did("__x64_sys_mount", "/etc/shadow", "/tmp/s"),
    "renamed, nobody knows where": did("__x64_sys_renameat2", 5, "a", 5, "s"),
    "renamed, spelled otherwise": did("__x64_sys_rename", "/work/s", "/tmp/../tmp/s"),
}


@pytest.mark.parametrize("named", NAMED.values(), ids=NAMED)
def test_another_file_behind_the_same_name_is_no_repeat(named: Done) -> None:
    found = told(wrote("/tmp/s"), wrote("/tmp/s"), named, wrote("/tmp/s"), wrote("/tmp/s"))

    assert ["repeat" in each for each in found] == [False, True, False, False, True]


def test_a_name_elsewhere_ends_no_storm() -> None:
    elsewhere = did("security_path_rename", ["/work/s"], ["/work/t"])

    assert told(READ, elsewhere, READ)[-1].get("repeat")


@pytest.mark.parametrize("step", [opened("shadow", 5), opened("shadow", cwd="/etc"), opened("/proc/self/fd/3/shadow")])
def test_a_name_that_may_be_anothers_is_no_repeat(step: Done) -> None:
    found = told(step, step)[-1]

    assert found["category"] == SHADOW
    assert "repeat" not in found


def test_what_happens_once_is_no_repeat() -> None:
    renamed = did("security_path_rename", ["/work/s"], ["/etc/shadow"])

    assert "repeat" not in told(renamed, renamed)[-1]


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
