"""An event becomes a document. Nothing in it depends on anything but the line, its place and its record."""

import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from msgspec import Raw

from app.enrich.kinds import add_kind
from app.enrich.pods import pod_fields
from app.enrich.processes import process_fields, raw_fields, user_fields
from schemas.document import DATASET, ECS_VERSION
from schemas.tetragon import ABSENT, Event
from schemas.times import rfc3339

KEYLESS: Final = "tetragon.keyless"  # the record named no node: what is remembered of it is of the whole partition
TIME_MISSING: Final = "tetragon.time_missing"  # @timestamp is the record's

_HOSTS: Final = uuid.UUID("5f0d9e0a-6b0e-5c1c-9a57-1f6f7c0b9d11")  # the namespace of host.id
_ECS: Final = {"version": ECS_VERSION}
_OBSERVER: Final = {"vendor": "Isovalent", "product": "Tetragon", "type": "sensor"}
_DEEPEST: Final = 16  # Elasticsearch refuses a document with more levels than 20 in a flattened field

# Parts that documents share: to be copied before anything is added to one.
SHARED: Final = frozenset({"container", "ecs", "host", "kubernetes", "observer", "orchestrator"})


def document_of(event: Event, start: int, timestamp: int) -> dict[str, Any]:
    """`start` is the process's and `timestamp` the record's, both in ns since 1970."""
    tetragon: dict[str, Any] = {"event": event.name}
    document: dict[str, Any] = {
        "@timestamp": rfc3339(event.time if event.time is not None else timestamp),
        "ecs": _ECS,
        "event": {"module": "tetragon", "dataset": DATASET},
        "observer": _OBSERVER,
        "host": _host(event.cluster_name, event.node_name),
        "tetragon": tetragon,
    }
    other = event.other
    process = event.process
    if process is not None:
        document["process"] = process_fields(process, start)
        user = user_fields(process)
        if user:
            document["user"] = user
        raw = raw_fields(process)
        if raw:
            tetragon["process"] = raw
        if process.raw_pod is not ABSENT:
            pod = pod_fields(bytes(process.raw_pod))
            document.update(pod.top)
            tetragon.update(pod.tetragon)
            if pod.vpid is not None:
                document["process"]["vpid"] = pod.vpid
            if pod.other:
                other = {**other, **{f"{event.name}.process.pod.{path}": value for path, value in pod.other.items()}}
    if event.parent is not None:
        raw = raw_fields(event.parent)
        if event.parent.raw_pod is not ABSENT and (process is None or process.docker != event.parent.docker):
            raw["pod"] = orjson.Fragment(bytes(event.parent.raw_pod))
        if raw:
            tetragon["parent"] = raw
    if event.cluster_name:
        document["orchestrator"] = {**document.get("orchestrator", {}), "cluster": {"name": event.cluster_name}}
    if event.node_labels:
        document["kubernetes"] = {**document.get("kubernetes", {}), "node": {"labels": event.node_labels}}
    if event.aggregated:
        tetragon["aggregated"] = event.aggregated
    add_kind(document, event, start)
    if other:
        tetragon["other"] = _carried(other)
    if event.time is None:
        document.setdefault("tags", []).append(TIME_MISSING)
    return document


@lru_cache(maxsize=4096)
def _host(cluster: str, node: str) -> dict[str, Any]:
    if not node:
        return {"os": {"type": "linux"}}
    host_id = str(uuid.uuid5(_HOSTS, f"{cluster}/{node}"))
    return {"name": node, "id": host_id, "os": {"type": "linux"}}


def _carried(other: Mapping[str, Raw]) -> dict[str, Any]:
    """Elasticsearch takes no null byte in a key of a flattened field, and not any depth: the deepest come as text."""
    carried: dict[str, Any] = {}
    for path, raw in other.items():
        value = bytes(raw)
        deep = value.count(b"{") + value.count(b"[") > _DEEPEST and _depth(value) > _DEEPEST
        carried[path.replace("\0", "\ufffd")] = value.decode() if deep else orjson.Fragment(value)
    return carried


def _depth(json: bytes) -> int:
    depth = deepest = 0
    within = escaped = False
    for byte in json:
        if within:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                within = False
        elif byte == 0x22:
            within = True
        elif byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest
