"""The fields that say in which container and pod a process runs."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson
from msgspec import Raw

from schemas.fragment import fragment
from schemas.tetragon import Container, Image, Pod, decode_part
from schemas.times import NO_TIME, canonical, nanoseconds

# A workload's name has a field of its own for each of these kinds.
_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob")


class PodFields(msgspec.Struct, frozen=True):
    """Of one pod, shared by all its documents."""

    container: orjson.Fragment | None
    kubernetes: bytes  # members of an object, without braces: the node has more
    orchestrator: bytes
    tetragon: Mapping[str, orjson.Fragment]
    vpid: int | None  # 0 if it is told elsewhere
    other: Mapping[str, Raw]


NO_POD: Final = PodFields(None, b"", b"", {}, None, {})


_PID: Final = re.compile(rb'"pid": ?([0-9]+)')


def pod_fields(raw: bytes) -> tuple[PodFields, int | None]:
    """With the process's pid within the container. `raw` is the JSON of a Pod."""
    found = _PID.search(raw)
    if found is None:
        return _pod_fields(raw), None
    # That pid is all that tells one process's pod from another's. What was found is a member, for a quote within a
    # string would be escaped; if it is not the container's, it is among what is not known.
    start, end = found.span(1)
    fields = _pod_fields(raw[:start] + b"0" + raw[end:])
    if fields.other or fields.vpid != 0:
        fields = _pod_fields.__wrapped__(raw)
        return fields, fields.vpid
    return fields, int(found[1])


# A node has as many as it has containers; their processes come by the thousand.
@lru_cache(maxsize=2048)
def _pod_fields(raw: bytes) -> PodFields:
    pod, other = decode_part.__wrapped__(Pod, raw)
    if pod is None:
        return PodFields(None, b"", b"", {}, None, other)
    container = pod.container or Container()
    start = nanoseconds(container.start_time)
    if start is None and container.start_time not in ("", NO_TIME):
        other = {**other, "container.start_time": Raw(orjson.dumps(container.start_time))}
    fields = _container(container)
    details = {
        "pod": _filled({"workload": pod.workload, "workload_kind": pod.workload_kind, "labels": pod.labels}),
        "container": _filled(
            {
                "start": canonical(container.start_time, start) if start is not None else "",
                "exec_probe": container.maybe_exec_probe,
                "image_id": _untold_id(container.image, fields.get("image", {})) if container.image is not None else "",
            }
        ),
    }
    return PodFields(
        fragment(fields) if fields else None,
        orjson.dumps(_kubernetes(pod))[1:-1],
        orjson.dumps(_orchestrator(pod))[1:-1],
        {name: fragment(part) for name, part in details.items() if part},
        container.pid,
        other,
    )


# Of what is in the caches above and below: few, and hashed once.
@lru_cache(maxsize=4096)
def joined(pods: bytes, nodes: bytes) -> orjson.Fragment | None:
    """Two sets of members as one object; None if both are empty."""
    members = b",".join(part for part in (pods, nodes) if part)
    return orjson.Fragment(b"{%b}" % members) if members else None


@lru_cache(maxsize=2048)
def container_known_by(docker: str) -> orjson.Fragment:
    """Of a container in no pod that Tetragon knows: the beginning of its id."""
    return fragment({"id": docker})


def _container(container: Container) -> dict[str, Any]:
    runtime, _, container_id = container.id.rpartition("://")
    fields = _filled({"id": container_id, "runtime": runtime, "name": container.name})
    if container.image is not None:
        image = _image(container.image.name, container.image.id)
        if image:
            fields["image"] = image
    if container.security_context is not None:
        fields["security_context"] = {"privileged": container.security_context.privileged}
    return fields


def _image(name: str, image_id: str) -> dict[str, Any]:
    """`name` is repo:tag, or a bare digest; `image_id` is repo@digest, or a bare digest."""
    repository, _, digest = image_id.rpartition("@")
    if name.startswith("sha256:"):
        digest = digest or name
        name = ""
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        head, tag = name, ""
    fields = _filled({"name": head or repository.rpartition("://")[2]})
    if tag:
        fields["tag"] = [tag]
    if digest.startswith("sha256:"):
        fields["hash"] = {"all": [digest]}
    return fields


def _untold_id(image: Image, told: Mapping[str, Any]) -> str:
    """An image's id where it says more than its name and its digest do."""
    digest = "".join(told.get("hash", {}).get("all", ()))
    held = image.id.rpartition("://")[2]
    return "" if held in (digest, f"{told.get('name')}@{digest}") else image.id


def _kubernetes(pod: Pod) -> dict[str, Any]:
    fields = _filled({"namespace": pod.namespace, "labels": pod.pod_labels, "annotations": pod.pod_annotations})
    details = _filled({"name": pod.name, "uid": pod.uid})
    if details:
        fields["pod"] = details
    if pod.container is not None and pod.container.name:
        fields["container"] = {"name": pod.container.name}
    if pod.workload and pod.workload_kind in _WORKLOADS:
        fields[pod.workload_kind.lower()] = {"name": pod.workload}
    return fields


def _orchestrator(pod: Pod) -> dict[str, Any]:
    resource = {"type": "pod", **_filled({"name": pod.name, "id": pod.uid})}
    if pod.workload_kind:
        resource["parent"] = {"type": pod.workload_kind}
    return {"type": "kubernetes", **_filled({"namespace": pod.namespace}), "resource": resource}


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
