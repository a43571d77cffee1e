"""What happens on a generated node: people log in, cron runs, containers are probed, things fail and are killed.

An activity is a generator; it does one step, yields, and goes on when its turn comes again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from examples.events import Process
    from examples.node import Node

COMMANDS: Final[tuple[tuple[str, ...], ...]] = (
    ("/usr/bin/ls", "--color=auto", "-la", "/var/log"),
    ("/usr/bin/cat", "/etc/hosts"),
    ("/usr/bin/grep", "-rn", "connection refused", "/var/log/app"),
    ("/usr/bin/git", "commit", "--message", 'Say "hello" to the world', "--author", ""),
    ("/usr/bin/curl", "--silent", "--header", "Accept: application/json", "https://api.example.com/v1/orders?limit=50"),
    ("/usr/bin/find", "/srv/data", "-name", "*.parquet", "-newer", "/tmp/stamp"),
    ("/usr/bin/tar", "--create", "--zstd", "--file", "/var/backups/srv.tar.zst", "/srv/data"),
    ("/usr/bin/vim", "/home/ubuntu/Übersicht ☂.txt"),
    ("/usr/bin/awk", "{ sum += $3 }\tEND { print sum }", "/tmp/sizes"),
    ("/usr/bin/mysql", "--host", "", "--port", "3306"),
    ("/usr/bin/id",),
    ("/usr/bin/sleep", "0.2"),
)
SERVICES: Final[tuple[tuple[str, ...], ...]] = (
    ("/usr/lib/systemd/systemd-journald",),
    ("/usr/sbin/cron", "-f", "-P"),
    ("/usr/sbin/sshd", "-D"),
    ("/usr/bin/containerd", "--config", "/etc/containerd/config.toml"),
)
LIMIT: Final = 40  # live processes that nobody waits for, before one of them must end


def boot(node: Node) -> None:
    """What runs already when Tetragon comes."""
    init = node.found(node.kernel(), 2, 1, "/usr/lib/systemd/systemd", "--switched-root", "--system", pod=None)
    for number, (binary, *arguments) in enumerate(SERVICES):
        node.services[binary] = node.found(init, 5 + number, 101 + number, binary, *arguments, pod=None)
    for number, pod in enumerate(node.pods):
        of_pod = ("-namespace", "k8s.io", "-id", pod.container_id, "-address", "/run/containerd/containerd.sock")
        seconds, pid = 30 + 2 * number, 120 + 2 * number
        shim = node.found(init, seconds, pid, "/usr/bin/containerd-shim-runc-v2", *of_pod, pod=None)
        node.containers.append((shim, node.found(shim, seconds + 1, pid + 1, *pod.command, pod=pod)))


def begin(node: Node) -> Iterator[bool]:
    [activity] = node.random.choices((login, job, probe, workers, shell_in_container), (5, 3, 4, 2, 1))
    return activity(node)


def login(node: Node) -> Iterator[bool]:
    session = node.clone(node.services["/usr/sbin/sshd"], "/usr/sbin/sshd", "-D", "-R")
    yield True
    shell = node.clone(session, "/bin/bash", "--login", uid=1000, auid=1000, cwd="/home/ubuntu")
    yield True
    for _ in range(node.random.randrange(2, 12)):
        chance = node.random.random()
        if chance < 0.12:
            yield from as_root(node, shell)
        elif chance < 0.2:
            yield from pipeline(node, shell)
        elif chance < 0.25:
            left_behind(node, shell)
            yield True
        else:
            yield from command(node, shell)
    node.exit(shell, status=node.random.choice((0, 0, 0, 130)))
    yield True
    node.exit(session)


def command(node: Node, shell: Process) -> Iterator[bool]:
    process = node.clone(shell, *node.random.choice(COMMANDS))
    yield True
    chance = node.random.random()
    if chance < 0.04:
        node.exit(process, signal=node.random.choice(("SIGINT", "SIGKILL", "SIGSEGV")))
    else:
        node.exit(process, status=0 if chance < 0.85 else node.random.choice((1, 2, 127)))
    yield True


def run(node: Node, parent: Process, *command: str) -> Iterator[bool]:
    process = node.clone(parent, *command)
    yield True
    node.exit(process)
    yield True


def as_root(node: Node, shell: Process) -> Iterator[bool]:
    sudo = node.clone(shell, "/usr/bin/sudo", "systemctl", "restart", "app.service", uid=0, is_setuid=True)
    yield True
    systemctl = node.clone(sudo, "/usr/bin/systemctl", "restart", "app.service")
    yield True
    node.exit(systemctl)
    yield True
    node.exit(sudo)
    yield True


def pipeline(node: Node, shell: Process) -> Iterator[bool]:
    """Two at once; the shell between replaces itself by the last command, in the same pid."""
    inner = node.clone(shell, "/bin/sh", "-c", "journalctl --since today | sort | exec uniq -c")
    yield True
    left = node.clone(inner, "/usr/bin/journalctl", "--since", "today")
    right = node.clone(inner, "/usr/bin/sort")
    yield True
    last = node.exec(inner, "/usr/bin/uniq", "-c")
    yield True
    for process in (left, right, last):
        node.exit(process)
        yield True


def left_behind(node: Node, shell: Process) -> None:
    """Outlives its shell; so the process that its events name as parent may be gone long before."""
    node.orphans.append(node.clone(shell, "/usr/bin/nohup", "/srv/bin/sync", "--interval", "30s", cwd="/"))
    if len(node.orphans) > LIMIT:
        node.exit(node.orphans.pop(0), signal="SIGTERM")


def job(node: Node) -> Iterator[bool]:
    """Cron runs a shell, which becomes the script's interpreter without a clone."""
    child = node.clone(node.services["/usr/sbin/cron"], "/usr/sbin/cron", "-f", "-P")
    yield True
    shell = node.clone(child, "/bin/sh", "-c", "cd / && run-parts --report /etc/cron.hourly", cwd="/")
    yield True
    parts = node.exec(shell, "/usr/bin/run-parts", "--report", "/etc/cron.hourly")
    yield True
    for script in ("logrotate", "apt-compat", "metrics"):
        process = node.clone(parts, f"/etc/cron.hourly/{script}")
        yield True
        process = node.exec(process, "/usr/bin/python3", f"/usr/share/{script}/main.py", "--quiet")
        yield True
        node.exit(process, status=1 if node.random.random() < 0.05 else 0)
        yield True
    node.exit(parts)
    yield True
    node.exit(child)


def probe(node: Node) -> Iterator[bool]:
    """The kubelet's: from outside into the container, so not in the tree of its first process."""
    shim, main = node.random.choice(node.containers)
    shell = node.clone(shim, "/bin/sh", "-c", "wget -qO- http://127.0.0.1:8080/healthz", pod=main.pod, cwd="/")
    yield True
    process = node.exec(shell, "/usr/bin/wget", "-qO-", "http://127.0.0.1:8080/healthz")
    yield True
    node.exit(process, status=1 if node.random.random() < 0.02 else 0)


def workers(node: Node) -> Iterator[bool]:
    _, main = node.random.choice(node.containers)
    made: list[Process] = []
    while len(made) < 3:
        made.append(node.clone(main, main.binary, "--worker", str(len(made)), uid=101))
        yield True
    for process in made:
        node.exit(process, signal="SIGTERM" if node.random.random() < 0.2 else "")
        yield True


def shell_in_container(node: Node) -> Iterator[bool]:
    shim, main = node.random.choice(node.containers)
    shell = node.clone(shim, "/bin/bash", pod=main.pod, cwd="/")
    yield True
    for _ in range(node.random.randrange(1, 6)):
        yield from command(node, shell)
    node.exit(shell)
