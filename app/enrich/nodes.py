"""The fields that say on which node an event happened."""

import uuid
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson

from schemas.fragment import fragment
from schemas.tetragon import decode_labels

_HOSTS: Final = uuid.UUID("5f0d9e0a-6b0e-5c1c-9a57-1f6f7c0b9d11")  # the namespace of host.id


class NodeFields(msgspec.Struct, frozen=True):
    """Of one node, shared by all its documents. Members of an object come without braces: its pods have more."""

    host: orjson.Fragment
    orchestrator: bytes
    kubernetes: bytes
    unfit: bool  # its labels are none


@lru_cache(maxsize=4096)
def node_fields(cluster: str, node: str, labels: bytes) -> NodeFields:
    """`labels` is the JSON of the node's, empty if Tetragon told none."""
    host: dict[str, Any] = {"os": {"type": "linux"}}
    if node:
        host["name"] = node
        host["id"] = str(uuid.uuid5(_HOSTS, f"{cluster}/{node}"))
    known = decode_labels(labels) if labels else {}
    return NodeFields(
        fragment(host),
        orjson.dumps({"cluster": {"name": cluster}})[1:-1] if cluster else b"",
        orjson.dumps({"node": {"labels": known}})[1:-1] if known else b"",
        bool(labels) and not known,
    )
