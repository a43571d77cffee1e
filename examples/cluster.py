"""What Kubernetes does on a node on an ordinary day: pods serve and start, the kubelet looks after them."""

from collections.abc import Iterator
from typing import Final

from examples import hooks
from examples.activities import run
from examples.events import Process
from examples.node import Node
from examples.pods import WORKLOADS, Workload, pod_of

API: Final = "10.96.0.1"
DATABASE: Final = "10.244.3.17"
PODS: Final[tuple[Workload, ...]] = (
    *WORKLOADS,
    ("shop", "cms", "php", "docker.io/library/wordpress:6.8.3", ("/usr/sbin/apache2", "-DFOREGROUND")),
)
SHARED: Final = frozenset({"time", "user"})  # as long as a pod does not ask for users of its own
_MIGRATION: Final[Workload] = (
    "shop",
    "migrate",
    "migrate",
    "registry.example.com/shop/orders:4.2.0",
    ("/usr/bin/python3", "-m", "orders.migrate", "--to", "head"),
)
_SERVERS: Final = ("frontend", "orders", "cms")
_RUNTIME: Final = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"


def serve(node: Node) -> Iterator[bool]:
    """A request comes, and another goes on to the database."""
    main = node.random.choice([main for _, main in node.containers if main.pod and main.pod.workload in _SERVERS])
    hooks.accept(node, main, 8080, f"10.244.{node.random.randrange(20)}.{node.random.randrange(2, 40)}")
    yield True
    yield from hooks.talk(node, main, DATABASE, 5432, node.random.randrange(80, 4_000))
    yield True


def backend(node: Node) -> Iterator[bool]:
    """The database forks for a connection; as nothing is executed, only its end and its deeds are seen."""
    main = next(main for _, main in node.containers if main.binary.endswith("postgres"))
    process = node.fork(main)
    hooks.accept(node, process, 5432, f"10.244.{node.random.randrange(20)}.{node.random.randrange(2, 40)}")
    yield True
    hooks.create(node, process, f"/var/lib/postgresql/18/docker/base/pgsql_tmp/pgsql_tmp{process.pid}.0", 0o600)
    hooks.unlink(node, process, f"/var/lib/postgresql/18/docker/base/pgsql_tmp/pgsql_tmp{process.pid}.0")
    yield True
    node.exit(process)


def look_after(node: Node) -> Iterator[bool]:
    """The kubelet renews a pod's token and reports to the API server."""
    kubelet = node.services["/usr/bin/kubelet"]
    yield from hooks.talk(node, kubelet, API, 6443, node.random.randrange(400, 9_000))
    volume = (
        "/var/lib/kubelet/pods/7f1c5d0e-3a55-4c1e-9f0b-5d2f4f0f6a11/volumes/kubernetes.io~projected/kube-api-access"
    )
    hooks.make_folder(node, kubelet, f"{volume}/..2026_01_05_08_00_00.1093862107")
    hooks.create(node, kubelet, f"{volume}/..2026_01_05_08_00_00.1093862107/token")
    yield True
    hooks.symlink(node, kubelet, "..2026_01_05_08_00_00.1093862107", f"{volume}/..data_tmp")
    hooks.rename(node, kubelet, f"{volume}/..data_tmp", f"{volume}/..data")
    yield True
    hooks.read(node, kubelet, "/var/lib/kubelet/pki/kubelet-client-current.pem", "-rw-------")
    yield True


def start_container(node: Node) -> Iterator[bool]:
    """A job's pod from the runtime's first step to its end: it asks the API server, works, and is cleared away."""
    containerd = node.services["/usr/bin/containerd"]
    pod = pod_of(node.random, _MIGRATION, number=20 + node.random.randrange(40))
    pod.shared = SHARED
    of_pod = ("-namespace", "k8s.io", "-id", pod.container_id, "-address", "/run/containerd/containerd.sock")
    starter = node.clone(containerd, "/usr/bin/containerd-shim-runc-v2", *of_pod, "start")
    yield True
    shim = node.clone(starter, "/usr/bin/containerd-shim-runc-v2", *of_pod)
    node.exit(starter)
    hooks.mount(node, shim, "overlay", f"{_RUNTIME}/{pod.container_id}/rootfs")
    yield True
    runc = node.clone(shim, "/usr/sbin/runc", "--root", "/run/containerd/runc/k8s.io", "create", pod.container_id)
    yield True
    within = node.clone(runc, "/proc/self/exe", "init")
    hooks.unshare(node, within, hooks.CLONE_NEWNS | hooks.CLONE_NEWUTS | hooks.CLONE_NEWIPC | hooks.CLONE_NEWPID)
    hooks.setns(node, within, 7, hooks.CLONE_NEWNET)
    yield True
    for source, target in (("proc", "/proc"), ("tmpfs", "/dev"), ("sysfs", "/sys"), ("cgroup", "/sys/fs/cgroup")):
        hooks.mount(node, within, source, f"{_RUNTIME}/{pod.container_id}/rootfs{target}")
    hooks.pivot_root(node, within)
    yield True
    node.exit(runc)
    entry = node.exec(within, "/usr/local/bin/entrypoint.sh", *pod.command, pod=pod, in_init_tree=True, cwd="/srv/app")
    yield True
    entry = node.exec(entry, "/usr/bin/setpriv", "--reuid=1001", "--regid=1001", "--clear-groups", *pod.command)
    hooks.set_ids(node, entry, "setresgid", 1001, 1001, 1001)
    hooks.set_ids(node, entry, "setresuid", 1001, 1001, 1001)
    hooks.commit_creds(node, entry, 1001)
    yield True
    main = node.exec(entry, *pod.command, uid=1001)
    hooks.load(node, main, "/usr/lib/x86_64-linux-gnu/libpython3.13.so.1.0", "/usr/lib/x86_64-linux-gnu/libpq.so.5.17")
    yield True
    hooks.read_token(node, main)
    yield from hooks.talk(node, main, API, 443, 512)
    yield from hooks.talk(node, main, DATABASE, 5432, 2_048)
    yield True
    node.exit(main, status=0 if node.random.random() < 0.9 else 1)
    yield True
    runc = node.clone(shim, "/usr/sbin/runc", "--root", "/run/containerd/runc/k8s.io", "delete", pod.container_id)
    yield True
    for process in (runc, shim):
        node.exit(process)
        yield True


def debug(node: Node) -> Iterator[bool]:
    """kubectl exec: a shell that enters the container from outside."""
    shim, main = node.random.choice(node.containers)
    runc = node.clone(shim, "/usr/sbin/runc", "--root", "/run/containerd/runc/k8s.io", "exec", "--process", "/tmp/p")
    yield True
    within = node.clone(runc, "/proc/self/exe", "init")
    hooks.setns(node, within, 8, hooks.CLONE_NEWNS)
    hooks.setns(node, within, 9, hooks.CLONE_NEWPID)
    yield True
    shell = node.exec(within, "/bin/bash", pod=main.pod, cwd="/")
    yield True
    yield from run(node, shell, "/usr/bin/env")
    cat = node.clone(shell, "/bin/cat", "/etc/passwd")
    hooks.opened(node, cat, "/etc/passwd", "-rw-r--r--")
    node.exit(cat)
    yield True
    yield from node.random.choice((_stop_being_root, _become_root))(node, shell)
    node.exit(shell)
    yield True
    node.exit(runc)


def _stop_being_root(node: Node, shell: Process) -> Iterator[bool]:
    su = node.clone(shell, "/bin/su", "www-data", "-s", "/bin/sh", "-c", "php -v")
    hooks.set_ids(node, su, "setgid", 33)
    hooks.set_ids(node, su, "setuid", 33)
    hooks.commit_creds(node, su, 33)
    yield True
    inner = node.clone(su, "/bin/sh", "-c", "php -v", uid=33)
    yield True
    for process in (inner, su):
        node.exit(process)
        yield True


def _become_root(node: Node, shell: Process) -> Iterator[bool]:
    """By a set-id program, as the package put it there and the administrators mean it."""
    entering = node.clone(shell, "/usr/bin/setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "/bin/sh")
    hooks.set_ids(node, entering, "setresuid", 1000, 1000, 1000)
    yield True
    user = node.exec(entering, "/bin/sh", uid=1000)
    yield True
    sudo = node.clone(user, "/usr/bin/sudo", "cat", "/var/log/dpkg.log", uid=0, is_setuid=True)
    hooks.read(node, sudo, "/etc/sudoers", "-r--r-----")
    hooks.set_ids(node, sudo, "setresuid", hooks.UNCHANGED, 0, hooks.UNCHANGED)
    hooks.commit_creds(node, sudo, 0)
    yield True
    yield from run(node, sudo, "/bin/cat", "/var/log/dpkg.log")
    for process in (sudo, user):
        node.exit(process)
        yield True
