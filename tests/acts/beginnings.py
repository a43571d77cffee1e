"""Who begins: the process below which the first programs of a script are started."""

from collections.abc import Callable, Mapping
from typing import Final

from examples import activities
from examples.events import Process
from examples.node import Node
from examples.pods import WORKLOADS, Pod, pod_of

PIDS: Final = range(2_000, 30_000)

_PRIVILEGED: Final = ("kube-ops", "tools", "shell", "docker.io/library/debian:13", ("/usr/bin/sleep", "infinity"))


def machine() -> Node:
    """It runs already when its log begins."""
    node = Node(1, 1, workloads=(*WORKLOADS, _PRIVILEGED), pids=PIDS)
    node.pods[-1].is_privileged = True
    activities.boot(node)
    return node


def begun(node: Node, where: str) -> tuple[Process, Pod | None]:
    """And the new pod in which what it starts is."""
    kind, *words = where.split()
    if kind == "pod":
        pod = _pod(node, words)
        of_pod = ("-namespace", "k8s.io", "-id", pod.container_id)
        return node.clone(_init(node), "/usr/bin/containerd-shim-runc-v2", *of_pod), pod
    if kind.startswith("/"):  # a service of the host, and by whose rights
        return node.clone(_init(node), kind, uid=int(words[0]) if words else 0), None
    if kind not in _BEGINNINGS:
        expected = ", ".join((*_BEGINNINGS, "pod IMAGE", "/SERVICE [UID]"))
        raise ValueError(f"{where!r}: expected one of {expected}")
    return _BEGINNINGS[kind](node), None


def _init(node: Node) -> Process:
    init = node.services["/usr/sbin/sshd"].parent
    assert init is not None
    return init


def _pod(node: Node, words: list[str]) -> Pod:
    image, *options = words
    given = dict(each.partition("=")[::2] for each in options)
    name = image.rpartition("/")[2].partition(":")[0]
    pod = pod_of(node.random, (given.get("ns", "default"), name, name, image, ()), number=20)
    pod.is_privileged = "privileged" in given
    pod.shared = frozenset({"time", "user", *filter(None, given.get("shared", "").split(","))})
    pod.capabilities = tuple(f"CAP_{each}" for each in given.get("caps", "").split(",") if each)
    return pod


def _user(node: Node) -> Process:
    session = node.clone(node.services["/usr/sbin/sshd"], "/usr/sbin/sshd", "-D", "-R")
    return node.clone(session, "/bin/bash", "--login", uid=1000, auid=1000, cwd="/home/ubuntu")


def _root(node: Node) -> Process:
    sudo = node.clone(_user(node), "/usr/bin/sudo", "-i", uid=0, is_setuid=True)
    return node.clone(sudo, "/bin/bash", cwd="/root")


def _cron(node: Node) -> Process:
    child = node.clone(node.services["/usr/sbin/cron"], "/usr/sbin/cron", "-f")
    return node.clone(child, "/bin/sh", "-c", "job")


def _frontend(node: Node) -> Process:
    return next(main for _, main in node.containers if main.pod and main.pod.workload == "frontend")


def _web(node: Node) -> Process:
    return node.clone(node.fork(_frontend(node), uid=33), "/bin/sh", "-c", "id")


def _entered(node: Node, main: Process) -> Process:
    """A shell beside a container's first process."""
    assert main.parent is not None
    runc = node.clone(main.parent, "/usr/bin/runc", "exec", "--process", "/tmp/p", "x")
    return node.clone(runc, "/bin/sh", pod=main.pod, in_init_tree=False)


_BEGINNINGS: Final[Mapping[str, Callable[[Node], Process]]] = {
    "host": _init,
    "user": _user,
    "root": _root,
    "cron": _cron,
    "container": _frontend,
    "exec": lambda node: _entered(node, _frontend(node)),
    "web": _web,
    "privileged-exec": lambda node: _entered(node, node.containers[-1][1]),
}
