"""An event becomes a document. Nothing in it depends on anything but the line, its place and its record."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson
from msgspec import Raw

from app.enrich.kinds import add_kind
from app.enrich.nodes import node_fields
from app.enrich.pods import NO_POD, container_known_by, joined, pod_fields
from app.enrich.processes import own_fields, parent_fields, process_fields, shared_fields
from schemas.document import ECS_VERSION
from schemas.fragment import fragment
from schemas.tetragon import ABSENT, Event, Process, ProcessExit
from schemas.times import NO_TIME, nanoseconds, rfc3339

KEYLESS: Final = "tetragon.keyless"  # the record named no node: what is remembered of it is of the whole partition
TIME_MISSING: Final = "tetragon.time_missing"  # @timestamp is the record's

_ECS: Final = fragment({"version": ECS_VERSION})
_OBSERVER: Final = fragment({"vendor": "Isovalent", "product": "Tetragon", "type": "sensor"})
_DEEPEST: Final = 16  # Elasticsearch refuses a document with more levels than 20 in a flattened field


def document_of(event: Event, start: int, timestamp: int, *, orphan: bool) -> dict[str, Any]:
    """`start` is the process's and `timestamp` the record's, both in ns since 1970.

    `orphan`: whatever the event says, its parent is not the process's, or there is no process that it could be of.

    What many documents share is JSON already (orjson.Fragment).
    """
    tetragon: dict[str, Any] = {"event": event.name}
    node = node_fields(event.cluster_name, event.node_name, bytes(event.raw_node_labels))
    document: dict[str, Any] = {
        "@timestamp": event.timestamp or rfc3339(timestamp),
        "ecs": _ECS,
        "observer": _OBSERVER,
        "host": node.host,
        "tetragon": tetragon,
    }
    other = event.other
    pod = NO_POD
    process = event.process
    if process is not None:
        shared = shared_fields(process)
        fields = document["process"] = process_fields(process, start, shared)
        if shared.user is not None:
            document["user"] = shared.user
        raw = own_fields(process, shared)
        if raw is not None:
            tetragon["process"] = raw
        if shared.unfit:
            other = {**other, **_below(f"{event.name}.process", shared.unfit)}
        if process.raw_pod is not ABSENT:
            pod, vpid = pod_fields(bytes(process.raw_pod))
            if pod.container is not None:
                document["container"] = pod.container
            tetragon.update(pod.tetragon)
            if vpid is not None:
                fields["vpid"] = vpid
            if pod.other:
                other = {**other, **_below(f"{event.name}.process.pod", pod.other)}
        if process.docker and pod.container is None:
            document["container"] = container_known_by(process.docker)
        if not start and process.start_time and process.start_time != NO_TIME:
            other = {**other, f"{event.name}.process.start_time": Raw(orjson.dumps(process.start_time))}
        if not fields:
            del document["process"]
    parent = event.parent
    if parent is not None and orphan:
        other = {**other, f"{event.name}.parent": Raw(msgspec.json.encode(parent))}
    elif parent is not None:
        shared = shared_fields(parent)
        raw = parent_fields(parent, shared)
        if raw is not None:
            tetragon["parent"] = raw
        if shared.unfit:
            other = {**other, **_below(f"{event.name}.parent", shared.unfit)}
        if parent.raw_pod is not ABSENT and (process is None or _elsewhere(process, parent)):
            held = bytes(parent.raw_pod)
            if held.startswith(b"{"):
                tetragon["parent_pod"] = orjson.Fragment(held)
            else:  # a field for objects refuses the whole document
                other = {**other, f"{event.name}.parent.pod": parent.raw_pod}
    if node.unfit:
        other = {**other, "node_labels": event.raw_node_labels}
    orchestrator = joined(pod.orchestrator, node.orchestrator)
    if orchestrator is not None:
        document["orchestrator"] = orchestrator
    kubernetes = joined(pod.kubernetes, node.kubernetes)
    if kubernetes is not None:
        document["kubernetes"] = kubernetes
    if event.aggregated:
        tetragon["aggregated"] = event.aggregated
    add_kind(document, event, start)
    body = event.body
    if type(body) is ProcessExit and body.time not in ("", NO_TIME) and nanoseconds(body.time) is None:
        other = {**other, "process_exit.time": Raw(orjson.dumps(body.time))}
    if other:
        tetragon["other"] = _carried(other)
    if event.time is None:
        document.setdefault("tags", []).append(TIME_MISSING)
    return document


def _elsewhere(process: Process, parent: Process) -> bool:
    """The parent is in another container. What are in the same one have the same pod, but for a pid."""
    return process.docker != parent.docker or (not parent.docker and bytes(process.raw_pod) != bytes(parent.raw_pod))


def _below(place: str, other: Mapping[str, Raw]) -> dict[str, Raw]:
    return {f"{place}.{path}" if path else place: value for path, value in other.items()}


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
