"""The pods of a generated node."""

from dataclasses import dataclass
from random import Random
from typing import Any, Final

_WORKLOADS: Final = (
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
    started: str
    command: tuple[str, ...]
    namespaces: int  # how far the numbers of its kernel namespaces lie above the host's

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
            },
            "pod_labels": {"app.kubernetes.io/name": self.workload, "pod-template-hash": self.name.split("-")[1]},
            "workload": self.workload,
            "workload_kind": "Deployment",
        }


def pods_of(random: Random) -> list[Pod]:
    def digits(count: int) -> str:
        return f"{random.getrandbits(4 * count):0{count}x}"

    return [
        Pod(
            namespace,
            f"{workload}-{digits(10)}-{digits(5)}",
            workload,
            container,
            digits(64),
            image,
            f"{image.rpartition(':')[0]}@sha256:{digits(64)}",
            f"2026-01-05T0{random.randrange(8)}:{random.randrange(60):02}:{random.randrange(60):02}Z",
            command,
            namespaces=600 + 20 * number,
        )
        for number, (namespace, workload, container, image, command) in enumerate(_WORKLOADS)
    ]
