"""Software is installed and built: what most looks like an intrusion on an ordinary day."""

from collections.abc import Iterator
from typing import Final

from examples import hooks
from examples.activities import run
from examples.events import Process
from examples.node import Node

ARCHIVE: Final = "151.101.86.132"
FORGE: Final = "140.82.121.4"
_RUNNER_UID: Final = 998
_APT_UID: Final = 106
_PACKAGES: Final = (
    ("curl", ("/usr/bin/curl", "/usr/share/doc/curl/changelog.Debian.gz")),
    ("openssl", ("/usr/bin/openssl", "/usr/lib/x86_64-linux-gnu/libssl.so.3", "/etc/ssl/openssl.cnf")),
    ("sysstat", ("/usr/bin/sar", "/etc/cron.d/sysstat", "/usr/lib/systemd/system/sysstat.service")),
    ("sudo", ("/usr/bin/sudo", "/etc/sudoers.d/README", "/etc/pam.d/sudo")),
)


def upgrade(node: Node) -> Iterator[bool]:
    """systemd's timer runs apt, which fetches as a user of its own and has dpkg unpack."""
    journald = node.services["/usr/lib/systemd/systemd-journald"]
    name, files = node.random.choice(_PACKAGES)
    shell = node.clone(journald.parent or journald, "/bin/sh", "/usr/lib/apt/apt.systemd.daily", "install")
    yield True
    apt = node.clone(shell, "/usr/bin/apt-get", "install", "--yes", "--only-upgrade", name)
    yield True
    yield from _fetch(node, apt, name)
    yield from run(node, apt, f"/tmp/{name}.config.{node.random.getrandbits(24):06x}", "configure", "1.0-1")
    dpkg = node.clone(apt, "/usr/bin/dpkg", "--status-fd", "21", "--unpack", f"/var/cache/apt/archives/{name}.deb")
    yield True
    for path in files:
        hooks.create(node, dpkg, f"{path}.dpkg-new", 0o600)
        hooks.chown(node, dpkg, f"{path}.dpkg-new", 0, 0)
        hooks.chmod(node, dpkg, f"{path}.dpkg-new", _mode(path))
        yield True
        hooks.rename(node, dpkg, f"{path}.dpkg-new", path)
        yield True
    hooks.replace(node, dpkg, "/var/lib/dpkg/status", "/var/lib/dpkg/status-new")
    yield True
    yield from _configure(node, dpkg, name)
    node.exit(dpkg)
    yield True
    hooks.write(node, apt, "/var/log/dpkg.log")
    for process in (apt, shell):
        node.exit(process)
        yield True


def build(node: Node) -> Iterator[bool]:
    """A runner clones, compiles, runs what came out, and fetches libraries to test with."""
    runner = node.services["/usr/bin/gitlab-runner"]
    folder = "/home/gitlab-runner/builds/k3Vx/0/shop/orders"
    shell = node.clone(runner, "/bin/bash", "--login", uid=_RUNNER_UID, cwd="/home/gitlab-runner")
    hooks.read(node, shell, "/etc/profile")
    yield True
    git = node.clone(shell, "/usr/bin/git", "clone", "--depth", "20", "https://github.com/shop/orders.git", folder)
    yield True
    yield from hooks.talk(node, git, FORGE, 443, 1_200)
    hooks.create(node, git, f"{folder}/.git/hooks/pre-commit.sample", 0o755)
    node.exit(git)
    yield True
    make = node.clone(shell, "/usr/bin/make", "--jobs=4", "all", cwd=folder)
    yield True
    for source in ("main", "orders", "http"):
        yield from _compile(node, make, source)
    linker = node.clone(make, "/usr/bin/ld", "-o", "build/orders", "main.o", "orders.o", "http.o")
    hooks.create(node, linker, f"{folder}/build/orders", 0o644)
    hooks.chmod(node, linker, f"{folder}/build/orders", 0o755)
    yield True
    for process in (linker, make):
        node.exit(process)
        yield True
    yield from _try_out(node, shell, folder)
    node.exit(shell, status=0 if node.random.random() < 0.9 else 1)


def _fetch(node: Node, apt: Process, name: str) -> Iterator[bool]:
    method = node.clone(apt, "/usr/lib/apt/methods/http")
    hooks.set_ids(node, method, "setresuid", _APT_UID, _APT_UID, _APT_UID)
    yield True
    yield from hooks.talk(node, method, ARCHIVE, 80, 340)
    hooks.create(node, method, f"/var/cache/apt/archives/partial/{name}.deb", 0o600)
    node.exit(method)
    yield True
    hooks.rename(node, apt, f"/var/cache/apt/archives/partial/{name}.deb", f"/var/cache/apt/archives/{name}.deb")
    yield True


def _configure(node: Node, dpkg: Process, name: str) -> Iterator[bool]:
    script = node.clone(dpkg, f"/var/lib/dpkg/info/{name}.postinst", "configure", "1.0-1")
    yield True
    yield from run(node, script, "/usr/bin/systemctl", "daemon-reload")
    linker = node.clone(script, "/usr/sbin/ldconfig")
    hooks.replace(node, linker, "/etc/ld.so.cache", "/etc/ld.so.cache~")
    node.exit(linker)
    yield True
    node.exit(script)
    yield True


def _compile(node: Node, make: Process, source: str) -> Iterator[bool]:
    driver = node.clone(make, "/usr/bin/gcc", "-O2", "-c", "-o", f"{source}.o", f"{source}.c")
    yield True
    scratch = f"/tmp/cc{node.random.getrandbits(24):06x}.s"
    hooks.create(node, driver, scratch, 0o600)
    for binary in ("/usr/libexec/gcc/x86_64-linux-gnu/14/cc1", "/usr/bin/as"):
        yield from run(node, driver, binary, "-quiet", f"{source}.c", "-o", scratch)
    hooks.unlink(node, driver, scratch)
    node.exit(driver)
    yield True


def _try_out(node: Node, shell: Process, folder: str) -> Iterator[bool]:
    pip = node.clone(shell, "/usr/bin/python3", "-m", "pip", "install", "--target", "/tmp/venv", "pytest", cwd=folder)
    yield True
    yield from hooks.talk(node, pip, ARCHIVE, 443, 900)
    hooks.create(node, pip, "/tmp/venv/pytest/__init__.py")
    node.exit(pip)
    yield True
    hooks.checked(node, shell, f"{folder}/build/orders")
    built = node.clone(shell, f"{folder}/build/orders", "--self-test", cwd=folder)
    hooks.listen(node, built, 18_080)
    yield True
    node.exit(built, signal="SIGTERM")
    yield True


def _mode(path: str) -> int:
    if path == "/usr/bin/sudo":
        return 0o4755
    return 0o755 if path.startswith("/usr/bin/") else 0o644
