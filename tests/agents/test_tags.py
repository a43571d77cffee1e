"""Each tag and each entry of `ancestry` with what must have it and what must not, as documents tell it."""

from typing import Any

import orjson
import pytest

from app.enrich.memory import Memory
from schemas.times import SECOND, rfc3339
from tests.enrich.told import BASH, CURL, INIT, T0, documents, event, process

DOCKER = "551e161c47d8ff0eb665438a7bcd5b4"
KERNEL: dict[str, Any] = {
    "exec_id": "OjE6MA==",
    "pid": 0,
    "binary": "<kernel>",
    "flags": "procFS",
    "parent_exec_id": "OjE6MA==",
}
KTHREADD = process(2, T0 - 1000, "[kthreadd]", KERNEL["exec_id"], flags="procFS")


def below(binary: str, **more: Any) -> dict[str, Any]:
    """A child of init, as a service is one."""
    return process(200, T0 + 1, binary, INIT["exec_id"], **more)


def last_of(*executions: dict[str, Any], name: str = "process_exec", time: float = T0 + 9) -> dict[str, Any]:
    """The document of the last one; each is the child of the one before, the first of init."""
    lines, parent = [], INIT
    for number, each in enumerate(executions, start=1):
        own = process(200 + number, T0 + number, each.pop("binary"), parent["exec_id"], **each)
        lines.append(event(name if number == len(executions) else "process_exec", time, own, parent))
        parent = own
    return documents(*lines)[-1]


def chain(*binaries: str, **more: Any) -> dict[str, Any]:
    return last_of(*({"binary": binary} for binary in binaries[:-1]), {"binary": binaries[-1], **more})


def tags(document: dict[str, Any]) -> set[str]:
    return set(document.get("tags", ()))


# By name


@pytest.mark.parametrize("name", ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish", "rbash"])
def test_a_shell_is_one_by_its_name(name: str) -> None:
    assert "shell" in tags(chain(f"/usr/bin/{name}"))


def test_busybox_is_a_shell_when_it_was_called_as_one() -> None:
    assert "shell" in tags(chain("/bin/busybox", arguments="sh -c id"))
    assert "shell" not in tags(chain("/bin/busybox", arguments="wget x"))


@pytest.mark.parametrize("name", ["python3.11", "perl", "ruby2.7", "php8.2", "node", "lua5.4", "tclsh", "java"])
def test_an_interpreter_is_one_by_its_name(name: str) -> None:
    assert "interpreter" in tags(chain(f"/usr/bin/{name}"))
    assert "interpreter" not in tags(chain(f"/usr/bin/{name}doc"))


@pytest.mark.parametrize(
    ("binary", "expected"),
    [
        ("/tmp/x", True),
        ("/var/tmp/x", True),
        ("/dev/shm/x", True),
        ("/run/user/1000/x", True),
        ("/run/shm/x", True),
        ("/home/u/.cache/x", True),
        ("/usr/../tmp/x", True),
        ("/usr//tmp/x", False),
        ("//tmp/x", True),
        ("/usr/bin/./x", False),
        ("/usr/lib/../bin/x", False),
        ("/usr/bin/x.y", False),
        ("/opt/tmp/x", False),
    ],
)
def test_scratch_is_where_anybody_may_write_and_what_is_hidden(binary: str, expected: bool) -> None:
    assert ("exec_from_scratch" in tags(chain(binary))) is expected


@pytest.mark.parametrize(
    ("binary", "arguments", "expected"),
    [
        ("/tmp/[kworker/0:1]", "", True),
        ("/tmp/[kthreadd]", "", True),
        ("/usr/local/bin/kworkerds", "", True),
        ("/bin/bash", '-c "exec -a [kworker/u8:0] /tmp/x"', True),
        ("/bin/bash", "-c \"exec -a '[kworker/u8:0]' /tmp/x\"", True),
        ("/tmp/x", "[kworker/0:1-events]", True),
        ("/usr/bin/[", "-f x ]", False),
        ("/usr/bin/grep", "[kworker/0:1]", False),
        ("/usr/bin/grep", "[a-z] x", False),
        ("/usr/bin/tool", "[options] [kernel]", False),
        ("/bin/sh", '-c "[ -x /sbin/x ] && exec /sbin/x"', False),
    ],
)
def test_nobody_but_the_kernel_has_its_threads_names(binary: str, arguments: str, expected: bool) -> None:
    assert ("kernel_thread_masquerade" in tags(chain(binary, arguments=arguments))) is expected


def test_a_kernel_thread_descends_from_pid_2_and_has_brackets() -> None:
    worker = process(30, T0 - 999, "[kworker/0:1]", KTHREADD["exec_id"], flags="procFS")
    helper = process(31, T0 - 999, "/sbin/modprobe", KTHREADD["exec_id"])
    documented = documents(
        event("process_exec", T0, KTHREADD, KERNEL),
        event("process_exec", T0, worker),  # without Tetragon's process cache
        event("process_exec", T0, helper, KTHREADD),
    )
    [alone] = documents(event("process_exec", T0, worker))
    [stray] = documents(event("process_exec", T0, process(32, T0, "[kworker/0:1]", BASH["exec_id"])))

    assert [each["tetragon"].get("kernel_thread") for each in documented] == [True, True, None]
    assert alone["tetragon"]["kernel_thread"] is True, "its parent's pid is in the id"
    assert "kernel_thread" not in stray["tetragon"]
    assert not any("kernel_thread_masquerade" in tags(each) for each in (*documented, alone, stray))


# By ancestors


@pytest.mark.parametrize(
    "server",
    [
        "nginx",
        "httpd",
        "apache2",
        "lighttpd",
        "php-fpm8.2",
        "php-cgi",
        "uwsgi",
        "gunicorn3",
        "tomcat9",
        "java",
        "node",
        "mysqld",
        "mariadbd",
        "postgres",
        "mongod",
        "redis-server",
        "memcached",
        "rabbitmq-server",
        "smbd",
        "exim4",
        "vsftpd",
        "fluentd",
        "splunkd",
    ],
)
def test_a_server_has_no_business_with_a_shell(server: str) -> None:
    assert "shell_under_server" in tags(chain(f"/usr/sbin/{server}", "/bin/sh", arguments="-c id"))


def test_how_far_a_server_may_be_from_its_shell() -> None:
    shells = ["/bin/sh", "/bin/bash", "/bin/dash"]

    assert "shell_under_server" in tags(chain("/usr/sbin/nginx", *shells, "/bin/zsh"))
    assert "shell_under_server" not in tags(chain("/usr/sbin/nginx", *shells, "/bin/zsh", "/bin/ash"))
    assert "shell_under_server" not in tags(chain("/usr/sbin/nginx", "/usr/bin/make", "/bin/sh"))
    assert "shell_under_server" not in tags(chain("/usr/sbin/nginx", "/usr/bin/id"))


def test_a_servers_shells_may_be_busyboxes() -> None:
    under = last_of(
        {"binary": "/usr/sbin/nginx"},
        {"binary": "/bin/busybox", "arguments": "sh"},
        {"binary": "/bin/busybox", "arguments": "ash -c id"},
    )
    other = last_of(
        {"binary": "/usr/sbin/nginx"}, {"binary": "/bin/busybox", "arguments": "crond"}, {"binary": "/bin/sh"}
    )

    assert "shell_under_server" in tags(under)
    assert "shell_under_server" not in tags(other)


def test_a_master_is_postfixs_or_nobodys() -> None:
    assert "shell_under_server" in tags(chain("/usr/lib/postfix/sbin/master", "/bin/sh"))
    assert "shell_under_server" not in tags(chain("/usr/bin/master", "/bin/sh"))


def test_a_health_check_is_a_servers_business() -> None:
    under = ("/usr/lib/postgresql/18/bin/postgres", "/bin/sh")

    assert "shell_under_server" not in tags(chain(*under, arguments='-c "pg_isready -U postgres"'))
    assert "shell_under_server" in tags(chain(*under, arguments='-c "pg_isready; id"'))


@pytest.mark.parametrize(
    "installer",
    [
        "apt-get",
        "apt",
        "dpkg",
        "rpm",
        "yum",
        "dnf",
        "dnf-3",
        "microdnf",
        "zypper",
        "pacman",
        "apk",
        "snapd",
        "unattended-upgrade",
        "pip",
        "pip3",
        "pip3.11",
        "npm",
        "gem",
        "puppet",
        "chef-client",
        "salt-minion",
        "ansible-playbook",
        "cloud-init",
    ],
)
def test_what_a_package_manager_starts_is_told_by_any_ancestor(installer: str) -> None:
    assert "pkg_mgr_descendant" in tags(chain(f"/usr/bin/{installer}", "/bin/sh", "/bin/sed", "/bin/x"))
    assert "pkg_mgr_descendant" not in tags(chain(f"/usr/bin/{installer}"))
    assert "pkg_mgr_descendant" not in tags(chain(f"/tmp/{installer}", "/bin/sh")), "a name is easily taken"


# Entries

ENTRIES = [
    (("/usr/sbin/sshd", "/usr/sbin/sshd", "/bin/bash", "/bin/ls"), "sshd", "bash"),
    (("/usr/sbin/sshd", "/usr/lib/ssh/sshd-session", "/bin/bash"), "sshd", "bash"),
    (("/usr/sbin/dropbear", "/bin/ash", "/bin/ls"), "sshd", "ash"),
    (("/usr/sbin/in.telnetd", "/bin/bash", "/bin/ls"), "unknown", "bash"),
    (("/sbin/agetty", "/bin/login", "/bin/bash", "/bin/ls"), "terminal", "bash"),
    (("/sbin/getty", "/bin/bash"), "terminal", "bash"),
    (("/usr/bin/amazon-ssm-agent", "/usr/bin/ssm-session-worker", "/bin/sh", "/bin/ls"), "ssm", "sh"),
    (("/usr/local/bin/teleport", "/bin/bash"), "teleport", "bash"),
    (("/usr/bin/kubelet", "/usr/bin/mount"), "kubelet", "mount"),
    (("/usr/sbin/cron", "/bin/sh", "/bin/ls"), "init", "cron"),
    (("/usr/sbin/cron",), "init", "cron"),
    # The first row that matches counts, and of its nodes the oldest.
    (("/usr/sbin/sshd", "/bin/bash", "/usr/bin/kubelet", "/bin/ls"), "sshd", "bash"),
    (("/usr/sbin/sshd", "/bin/bash", "/usr/sbin/sshd", "/bin/zsh", "/bin/ls"), "sshd", "bash"),
]


@pytest.mark.parametrize(("binaries", "of_type", "leader"), ENTRIES)
def test_the_entry_is_the_oldest_of_the_first_kind(binaries: tuple[str, ...], of_type: str, leader: str) -> None:
    entry = chain(*binaries)["process"]["entry_leader"]

    assert entry["entry_meta"]["type"] == of_type
    assert entry["name"] == leader
    assert entry["same_as_process"] is (binaries[-1].endswith(f"/{leader}"))


def test_without_a_way_in_the_entry_is_unknown_if_all_ancestors_are_known() -> None:
    init, thread = documents(
        event("process_exec", T0, INIT, KERNEL),
        event("process_exec", T0, process(30, T0, "[kworker/0:1]", KTHREADD["exec_id"]), KTHREADD),
    )
    [incomplete] = documents(event("process_exec", T0 + 2, CURL, BASH))

    assert init["process"]["entry_leader"] == {"entry_meta": {"type": "unknown"}}
    assert thread["process"]["entry_leader"] == {"entry_meta": {"type": "unknown"}}
    assert "entry_leader" not in incomplete["process"]


@pytest.mark.parametrize(("way", "expected"), [("sshd", True), ("teleport", True), ("agetty", False), ("cron", False)])
def test_who_came_from_afar(way: str, expected: bool) -> None:
    assert ("remote_session_descendant" in tags(chain(f"/usr/sbin/{way}", "/bin/bash", "/bin/ls"))) is expected


def test_nobody_leads_a_group_or_a_session_by_guess() -> None:
    of = chain("/usr/sbin/sshd", "/bin/bash")["process"]

    assert "group_leader" not in of
    assert "session_leader" not in of


@pytest.mark.parametrize(
    ("binaries", "arguments", "expected"),
    [
        (("/usr/sbin/sshd", "/bin/bash"), "", True),
        (("/usr/sbin/sshd", "/bin/bash", "/bin/zsh"), "-i", True),
        (("/sbin/agetty", "/bin/login", "/bin/bash"), "", True),
        (("/usr/bin/ssm-session-worker", "/bin/sh"), "", True),
        (("/usr/sbin/sshd", "/bin/bash"), "-c id", None),
        (("/usr/sbin/sshd", "/bin/bash"), "x.sh", None),
        (("/usr/sbin/sshd", "/bin/ls"), "", None),
        (("/usr/sbin/cron", "/bin/sh"), "", None),
        (("/usr/bin/kubelet", "/bin/sh"), "", None),
        (("/usr/local/bin/teleport", "/bin/sh"), "", None),
    ],
)
def test_somebody_types_into_a_shell_without_a_script(
    binaries: tuple[str, ...], arguments: str, expected: bool | None
) -> None:
    assert chain(*binaries, arguments=arguments)["process"].get("interactive") is expected


# Containers


def contained(*, in_tree: bool | None, probe: bool = False, **more: Any) -> dict[str, Any]:
    pod = {"container": {"id": "x", **({"maybe_exec_probe": True} if probe else {})}}
    tree = {} if in_tree is None else {"in_init_tree": in_tree}
    return last_of(
        {"binary": "/usr/bin/containerd-shim-runc-v2"},
        {"binary": "/bin/sh", "docker": DOCKER, "pod": pod, **tree, **more},
    )


def test_who_enters_a_container_from_outside_has_a_session() -> None:
    entered, own, probe, untold = (
        contained(in_tree=False),
        contained(in_tree=True),
        contained(in_tree=False, probe=True),
        contained(in_tree=None),
    )
    held = [each["tetragon"].get("container", {}).get("exec_session") for each in (entered, own, probe, untold)]

    assert held == [True, False, True, None]
    assert ["container_exec_session" in tags(each) for each in (entered, own, probe, untold)] == [
        True,
        False,
        False,
        False,
    ]
    assert ["container_entrypoint_descendant" in tags(each) for each in (entered, own)] == [False, True]
    assert [each["process"].get("interactive") for each in (entered, own, probe)] == [True, None, None]
    assert contained(in_tree=False, arguments="-c id")["process"].get("interactive") is None
    assert entered["process"]["entry_leader"]["entry_meta"]["type"] == "container"
    assert entered["process"]["entry_leader"]["same_as_process"] is True
    assert entered["tetragon"]["lineage"]["container_boundary"] == 0


# Binaries without a name

UNLINKED = {"file": {"inode": {"number": "7", "links": 0}}}


@pytest.mark.parametrize(
    ("binary", "more", "tag"),
    [
        ("/memfd:x", {"binary_properties": UNLINKED}, "fileless_exec"),
        ("/dev/fd/5", {"binary_properties": UNLINKED}, "fileless_exec"),
        ("/proc/self/fd/5", {"binary_properties": UNLINKED}, "fileless_exec"),
        ("/proc/77/fd/5", {"binary_properties": UNLINKED}, "fileless_exec"),
        ("/usr/bin/x", {"binary_properties": UNLINKED}, "deleted_binary_exec"),
        ("/proc/self/exe", {"binary_properties": UNLINKED}, "deleted_binary_exec"),
        # Told by the path alone, for nothing tells of links without --enable-process-cred.
        ("/proc/self/fd/5", {}, "fileless_exec"),
        ("/dev/fd/5", {}, "fileless_exec"),
        ("/dev/fd/5", {"process_credentials": {"uid": 0}}, None),
        ("/proc/self/exe", {}, None),
        ("/usr/bin/x", {"binary_properties": {"file": {"inode": {"number": "7", "links": 1}}}}, None),
    ],
)
def test_what_has_no_name_in_any_file_system(binary: str, more: dict[str, Any], tag: str | None) -> None:
    found = tags(chain("/bin/bash", binary, **more))

    assert found & {"fileless_exec", "deleted_binary_exec"} == ({tag} if tag else set())


def test_a_container_runtime_executes_a_copy_of_itself() -> None:
    copy = {"binary_properties": UNLINKED, "arguments": "init"}

    assert "fileless_exec" not in tags(chain("/usr/sbin/runc", "/proc/self/fd/6", **copy))
    assert "fileless_exec" in tags(chain("/bin/bash", "/proc/self/fd/6", **copy))
    assert "fileless_exec" in tags(chain("/usr/sbin/runc", "/proc/self/fd/6", **{**copy, "arguments": "run"}))


# Lives


def exited(after: float, **more: Any) -> dict[str, Any]:
    of = below("/bin/a", **more)
    *_, last = documents(event("process_exec", T0 + 1, of, INIT), event("process_exit", T0 + 1 + after, of, INIT))
    return last


def test_a_life_of_less_than_a_tenth_of_a_second_is_short() -> None:
    assert "short_lived" in tags(exited(0.099))
    assert "short_lived" not in tags(exited(0.1))


def test_what_ends_without_ever_executing_was_only_forked() -> None:
    of = below("/bin/a", flags="clone")

    assert "fork_only" in tags(documents(event("process_exit", T0 + 9, of, INIT))[0])
    assert "fork_only" not in tags(exited(9))
    for flags in ("unknown", "", "procFS rootcwd"):
        assert "fork_only" not in tags(documents(event("process_exit", T0 + 9, {**of, "flags": flags}, INIT))[0])


def children(number: int, seconds: float, name: str, **more: Any) -> list[bytes]:
    """Spread evenly."""
    spread = [T0 + 1 + seconds * each / number for each in range(number)]
    of = [process(1000 + each, at, "/bin/a", BASH["exec_id"], **more) for each, at in enumerate(spread)]
    return [event(name, at + 0.001, each, BASH) for each, at in zip(of, spread, strict=True)]


@pytest.mark.parametrize(("name", "flags"), [("process_exec", "execve clone"), ("process_exit", "clone")])
def test_more_than_two_hundred_children_in_ten_seconds_are_a_storm(name: str, flags: str) -> None:
    many = documents(*children(201, 9, name, flags=flags))
    few = documents(*children(201, 10.1, name, flags=flags))

    assert ["fork_storm" in tags(each) for each in many] == [False] * 200 + [True]
    assert not any("fork_storm" in tags(each) for each in few)


def test_a_child_that_is_seen_before_it_executes_counts_once() -> None:
    lines = []
    for line, forked in zip(
        children(110, 5, "process_exec"), children(110, 5, "process_kprobe", flags="clone"), strict=True
    ):
        lines += [forked.replace(b'"exec_id":"', b'"exec_id":"x', 1), line]

    assert not any("fork_storm" in tags(each) for each in documents(*lines))


def test_a_storm_is_counted_on_by_another_worker_from_its_checkpoint() -> None:
    lines = children(201, 9, "process_exec")
    memory = Memory()
    documents(*lines[:150], memory=memory)
    restored = Memory()
    restored.load(memory.drain().items())

    assert "fork_storm" in tags(documents(*lines[150:], memory=restored)[-1])


def test_children_that_are_forgotten_are_not_counted() -> None:
    memory = Memory()
    documents(*children(201, 9, "process_exit", flags="clone"), memory=memory)
    tree = memory.scope("node-1").tree
    tree.sweep(int((T0 + 10_000) * SECOND))

    assert not tree.has_children(BASH["exec_id"])


def test_a_cgroup_that_tetragon_throttles_is_a_storm_of_its_own() -> None:
    throttled = (
        b'{"process_throttle":{"type":"THROTTLE_START","cgroup":"x"},"node_name":"n","time":"2026-01-05T08:00:00Z"}'
    )
    [start] = documents(throttled)
    [stop] = documents(throttled.replace(b"_START", b"_STOP"))

    assert "fork_storm" in tags(start)
    assert "fork_storm" not in tags(stop)


# Exits


@pytest.mark.parametrize(
    ("given", "code", "signal"),
    [
        ({}, 0, None),
        ({"status": 0}, 0, None),
        ({"status": 3}, 3, None),
        ({"signal": "SIGKILL"}, None, "SIGKILL"),
        ({"signal": "SIGKILL", "status": 0}, None, "SIGKILL"),
        ({"signal": "SIGKILL", "status": 137}, 137, "SIGKILL"),
    ],
)
def test_a_process_ends_with_a_code_or_by_a_signal(given: dict[str, Any], code: int | None, signal: str | None) -> None:
    of = below("/bin/a")
    line = orjson.loads(event("process_exit", T0 + 3.5, of, INIT, **given))
    line["process_exit"]["time"] = rfc3339(int((T0 + 3.25) * SECOND))
    [last] = documents(orjson.dumps(line))

    assert last["process"].get("exit_code") == code
    assert last["tetragon"].get("exit", {}).get("signal") == signal
    assert last["event"]["duration"] == int((T0 + 3.25) * SECOND) - int((T0 + 1) * SECOND)
    assert last["process"]["uptime"] == 2
    assert last["process"]["end"] == rfc3339(int((T0 + 3.25) * SECOND))
