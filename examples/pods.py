"""The pods of a generated node."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeAlias

_MIDNIGHT: Final = 1_767_571_200 * 10**9  # 2026-01-05
Workload: TypeAlias = tuple[str, str, str, str, tuple[str, ...]]  # namespace, name, container, image, command
WORKLOADS: Final[tuple[Workload, ...]] = (
    ("shop", "frontend", "nginx", "docker.io/library/nginx:1.29.1", ("/usr/sbin/nginx", "-g", "daemon off;")),
    ("shop", "orders", "api", "registry.example.com/shop/orders:4.2.0", ("/usr/bin/python3", "-m", "orders.api")),
    ("data", "postgres", "postgres", "docker.io/library/postgres:18.1", ("/usr/lib/postgresql/18/bin/postgres",)),
    (
        "batch",
        "reports",
        "worker",
        "registry.example.com/batch/reports:0.9.3",
        ("/bin/sh", "-c", "while :; do run; done"),
    ),
)


@dataclass
class Pod:
    namespace: str
    name: str
    workload: str
    container: str
    container_id: str
    image: str
    image_id: str
    started: int  # ns since 1970
    command: tuple[str, ...]
    namespaces: int  # how far the numbers of its kernel namespaces lie above the host's
    is_privileged: bool = False
    shared: frozenset[str] = frozenset()  # kernel namespaces that are the host's
    capabilities: tuple[str, ...] = ()  # beside those that every container has

    def shown(self, pid: int) -> dict[str, Any]:
        return {
            "namespace": self.namespace,
            "name": self.name,
            "container": {
                "id": f"containerd://{self.container_id}",
                "name": self.container,
                "image": {"id": self.image_id, "name": self.image},
                "start_time": self.started,
                "pid": pid % 97 + 1,
                "security_context": {"privileged": True} if self.is_privileged else None,
            },
            "pod_labels": {"app.kubernetes.io/name": self.workload, "pod-template-hash": self.name.split("-")[1]},
            "workload": self.workload,
            "workload_kind": "Deployment",
        }


def pods_of(random: Random, workloads: Sequence[Workload]) -> list[Pod]:
    return [pod_of(random, workload, number) for number, workload in enumerate(workloads)]


def pod_of(random: Random, workload: Workload, number: int) -> Pod:
    """`number` is the pod's own on its node, as is its set of kernel namespaces."""

    def digits(count: int) -> str:
        return f"{random.getrandbits(4 * count):0{count}x}"

    namespace, name, container, image, command = workload
    return Pod(
        namespace,
        f"{name}-{digits(10)}-{digits(5)}",
        name,
        container,
        digits(64),
        image,
        f"{image.rpartition(':')[0]}@sha256:{digits(64)}",
        _MIDNIGHT + _seconds(random) * 10**9,
        command,
        namespaces=600 + 20 * number,
    )


def _seconds(random: Random) -> int:
    hours, minutes, seconds = random.randrange(8), random.randrange(60), random.randrange(60)
    return hours * 3600 + minutes * 60 + seconds
