"""What a node itself does on an ordinary day: units start, people log in and work as root, cron turns the logs."""

from collections.abc import Callable, Iterator
from typing import Final

from examples import activities, hooks
from examples.events import Process
from examples.node import Node

DAEMONS: Final[tuple[tuple[str, ...], ...]] = (
    ("/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml", "--node-ip="),
    ("/usr/sbin/rsyslogd", "-n", "-iNONE"),
    ("/usr/lib/systemd/systemd-logind",),
    ("/usr/sbin/chronyd", "-F", "1"),
    ("/usr/bin/gitlab-runner", "run", "--config", "/etc/gitlab-runner/config.toml"),
)
COLLEAGUES: Final = ("10.0.40.11", "10.0.40.23", "10.0.41.5")
_UNITS: Final = (
    ("app", "/srv/bin/app", "--listen", "127.0.0.1:8090"),
    ("fwupd-refresh", "/usr/bin/fwupdmgr", "refresh"),
    ("man-db", "/usr/bin/mandb", "--quiet"),
    ("systemd-tmpfiles-clean", "/usr/bin/systemd-tmpfiles", "--clean"),
)
_MODULES: Final = ("br_netfilter", "overlay", "nf_conntrack", "xt_comment")


def boot(node: Node) -> None:
    activities.boot(node)
    journald = node.services["/usr/lib/systemd/systemd-journald"]
    init = journald.parent or journald
    for number, (binary, *arguments) in enumerate(DAEMONS):
        node.services[binary] = node.found(init, 12 + number, 108 + number, binary, *arguments, pod=None)


def unit(node: Node) -> Iterator[bool]:
    """systemd starts a service with a file system of its own; a service may end soon or not."""
    init = _init(node)
    name, *command = node.random.choice(_UNITS)
    executor = node.clone(init, "/usr/lib/systemd/systemd-executor", "--deserialize", "84", "--log-level", "info")
    hooks.unshare(node, executor, hooks.CLONE_NEWNS)
    hooks.mount(node, executor, "/run/systemd/unit-root", f"/run/systemd/propagate/{name}.service")
    yield True
    hooks.check_program(node, init, "sd_fw_egress", 84)
    yield True
    process = node.exec(executor, *command)
    hooks.load(node, process, "/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libssl.so.3")
    yield True
    hooks.write(node, _logger(node), "/var/log/syslog", "-rw-r-----")
    yield True
    node.exit(process, status=0 if node.random.random() < 0.95 else 1)


def modules(node: Node) -> Iterator[bool]:
    name = node.random.choice(_MODULES)
    process = node.clone(_init(node), "/usr/sbin/modprobe", "--all", "--", name)
    yield True
    hooks.read(node, process, f"/etc/modules-load.d/{name}.conf")
    hooks.module(node, process, name, f"/usr/lib/modules/6.12.48-cloud-amd64/kernel/net/{name}.ko")
    yield True
    node.exit(process)


def session(node: Node) -> Iterator[bool]:
    """Someone logs in by ssh, works, becomes root now and then, and leaves."""
    daemon = node.services["/usr/sbin/sshd"]
    hooks.accept(node, daemon, 22, node.random.choice(COLLEAGUES))
    sshd = node.clone(daemon, "/usr/lib/openssh/sshd-session", "-D", "-R")
    yield True
    hooks.load(node, sshd, "/usr/lib/x86_64-linux-gnu/libpam.so.0.85.1", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3")
    hooks.read(node, sshd, "/etc/ssh/ssh_host_ed25519_key", "-rw-------")
    hooks.read(node, sshd, "/home/ubuntu/.ssh/authorized_keys", "-rw-------")
    yield True
    hooks.read(node, sshd, "/etc/shadow", "-rw-r-----")
    hooks.write(node, sshd, "/var/log/wtmp", "-rw-rw-r--")
    hooks.set_ids(node, sshd, "setresuid", 1000, 1000, 1000)
    yield True
    shell = node.clone(sshd, "/bin/bash", "--login", uid=1000, auid=1000, cwd="/home/ubuntu")
    hooks.read(node, shell, "/etc/profile")
    hooks.read(node, shell, "/home/ubuntu/.bashrc")
    yield True
    for _ in range(node.random.randrange(3, 12)):
        yield from node.random.choices((activities.command, activities.pipeline, _as_root), (6, 1, 3))[0](node, shell)
    hooks.write(node, shell, "/home/ubuntu/.bash_history", "-rw-------")
    node.exit(shell)
    yield True
    hooks.write(node, sshd, "/var/log/wtmp", "-rw-rw-r--")
    node.exit(sshd)


def failed_login(node: Node) -> Iterator[bool]:
    """Somebody who tries names and passwords, as anybody may who reaches the port."""
    daemon = node.services["/usr/sbin/sshd"]
    hooks.accept(node, daemon, 22, f"198.51.100.{node.random.randrange(1, 255)}")
    sshd = node.clone(daemon, "/usr/lib/openssh/sshd-session", "-D", "-R")
    yield True
    hooks.read(node, sshd, "/etc/shadow", "-rw-r-----")
    hooks.write(node, sshd, "/var/log/btmp", "-rw-rw----")
    hooks.write(node, _logger(node), "/var/log/auth.log", "-rw-r-----")
    yield True
    node.exit(sshd, status=255)


def rotation(node: Node) -> Iterator[bool]:
    """Cron runs logrotate."""
    child = node.clone(node.services["/usr/sbin/cron"], "/usr/sbin/cron", "-f", "-P")
    hooks.read(node, child, "/etc/shadow", "-rw-r-----")
    hooks.set_ids(node, child, "setgid", 0)
    hooks.set_ids(node, child, "setuid", 0)
    yield True
    shell = node.clone(child, "/bin/sh", "-c", "test -x /usr/sbin/anacron || run-parts /etc/cron.daily", cwd="/")
    yield True
    process = node.clone(shell, "/usr/sbin/logrotate", "/etc/logrotate.conf")
    yield True
    log = node.random.choice(("syslog", "auth.log", "kern.log", "nginx/access.log"))
    hooks.unlink(node, process, f"/var/log/{log}.7.gz")
    hooks.rename(node, process, f"/var/log/{log}", f"/var/log/{log}.1")
    hooks.create(node, process, f"/var/log/{log}", 0o640)
    yield True
    hooks.chmod(node, process, f"/var/log/{log}", 0o640)
    hooks.chown(node, process, f"/var/log/{log}", 104, 4)
    yield True
    packer = node.clone(process, "/usr/bin/gzip", f"/var/log/{log}.2")
    hooks.create(node, packer, f"/var/log/{log}.2.gz", 0o600)
    hooks.unlink(node, packer, f"/var/log/{log}.2")
    hooks.truncate(node, process, "/var/log/app/orders.log")
    yield True
    for ended in (packer, process, shell, child):
        node.exit(ended)
        yield True


def _as_root(node: Node, shell: Process) -> Iterator[bool]:
    work, *command = node.random.choice(_WORKS)
    sudo = node.clone(shell, "/usr/bin/sudo", *command, uid=0, is_setuid=True)
    hooks.load(node, sudo, "/usr/libexec/sudo/sudoers.so")
    hooks.read(node, sudo, "/etc/sudoers", "-r--r-----")
    hooks.read(node, sudo, "/etc/shadow", "-rw-r-----")
    yield True
    hooks.set_ids(node, sudo, "setresuid", hooks.UNCHANGED, 0, hooks.UNCHANGED)
    hooks.write(node, _logger(node), "/var/log/auth.log", "-rw-r-----")
    yield True
    process = node.clone(sudo, *command)
    yield True
    work(node, process)
    yield True
    node.exit(process)
    yield True
    node.exit(sudo)
    yield True


def _restart(node: Node, process: Process) -> None:
    hooks.load(node, process, "/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so")
    hooks.write(node, _logger(node), "/var/log/syslog", "-rw-r-----")


def _add_user(node: Node, process: Process) -> None:
    for file, mode in (("passwd", 0o644), ("group", 0o644), ("shadow", 0o640)):
        hooks.replace(node, process, f"/etc/{file}", f"/etc/{file}+", mode)
    hooks.make_folder(node, process, "/home/deploy", 0o750)
    hooks.chown(node, process, "/home/deploy", 1002, 1002)


def _edit(node: Node, process: Process) -> None:
    hooks.create(node, process, "/etc/nginx/sites-available/.shop.conf.swp", 0o600)
    hooks.write(node, process, "/etc/nginx/sites-available/shop.conf")
    hooks.unlink(node, process, "/etc/nginx/sites-available/.shop.conf.swp")


def _edit_crontab(node: Node, process: Process) -> None:
    hooks.replace(node, process, "/var/spool/cron/crontabs/ubuntu", "/var/spool/cron/crontabs/tmp.Xk2A9c", 0o600)


def _backup(node: Node, process: Process) -> None:
    hooks.read(node, process, "/etc/shadow", "-rw-r-----")
    hooks.read(node, process, "/etc/sudoers", "-r--r-----")
    hooks.create(node, process, "/var/backups/etc.tar.gz", 0o600)


_WORKS: Final[tuple[tuple[Callable[[Node, Process], None], *tuple[str, ...]], ...]] = (
    (_restart, "/usr/bin/systemctl", "restart", "app.service"),
    (_restart, "/usr/bin/systemctl", "restart", "app.service"),
    (_add_user, "/usr/sbin/useradd", "--create-home", "--shell", "/bin/bash", "deploy"),
    (_edit, "/usr/bin/vim", "/etc/nginx/sites-available/shop.conf"),
    (_edit_crontab, "/usr/bin/crontab", "-u", "ubuntu", "-"),
    (_backup, "/usr/bin/tar", "--create", "--gzip", "--file", "/var/backups/etc.tar.gz", "/etc"),
)


def _init(node: Node) -> Process:
    journald = node.services["/usr/lib/systemd/systemd-journald"]
    return journald.parent or journald


def _logger(node: Node) -> Process:
    return node.services["/usr/sbin/rsyslogd"]
