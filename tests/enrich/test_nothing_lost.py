"""Whatever an event holds is found again in its document, without event.original; but for what is named here.

Events are made of the types in schemas.tetragon and schemas.kprobe_args: with any members there, and others missing.
Each text and number is one of its kind, so that it can be looked for.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import kprobe_args
from schemas.tetragon import (
    BODIES,
    Body,
    Capabilities,
    Credentials,
    Line,
    Namespaces,
    Pod,
)
from tests.enrich.test_documents import document

# What is nowhere in the document, by the end of its path, and why.
LOST: Final = {
    r"\.refcnt": "how Tetragon keeps its own books, and different in each event of a process",
    r"\.ancestors\.\d+\..*": "it has its own document; process.Ext.ancestry has its id, tetragon.lineage its name",
    r"\.parent\.parent_exec_id": "is in the parent's own document, and in process.Ext.ancestry",
}
# Members by whose name a truth is found again, where it has another one.
RENAMED: Final = {"maybe_exec_probe": "exec_probe"}

RAW: Final[Mapping[str, Any]] = {
    "pod": Pod,
    "cap": Capabilities,
    "ns": Namespaces,
    "process_credentials": Credentials,
    "args": list[kprobe_args.Argument],
    "data": list[kprobe_args.Argument],
    "return": kprobe_args.Argument,
    "node_labels": Mapping[str, str],
}


class Frame(msgspec.Struct):
    address: str = ""
    offset: str = ""
    symbol: str = ""
    module: str = ""


class Made:
    """Values by the name of the member that they are for, no two alike."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw
        self._number = 0

    def one(self) -> int:
        self._number += 1
        return self._number

    def chance(self) -> bool:
        return bool(self._draw(st.booleans()))

    def of(self, kind: Any, name: str) -> Any:
        kind = _plain(kind)
        if kind is msgspec.Raw:
            if name.endswith("stack_trace"):
                kind = list[Frame]
            elif name in RAW:
                kind = RAW[name]
            else:
                return str(500_000 + self.one())  # 64 bits
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self.struct(kind)
        if get_origin(kind) in (list, Sequence):
            return [self.of(get_args(kind)[0], name) for _ in range(self._draw(st.integers(1, 2)))]
        if get_origin(kind) is Mapping:
            return {f"app.kubernetes.io/k{self.one()}": self.text("label")}
        if kind is bool:
            return self.chance()
        return 100_000 + self.one() if kind is int else self.text(name)

    def struct(self, kind: type[msgspec.Struct]) -> dict[str, Any]:
        return {
            field.encode_name: self.of(field.type, field.encode_name)
            for field in msgspec.structs.fields(kind)
            if self.chance()
        }

    def text(self, name: str) -> str:
        token = f"v{self.one()}v"
        if name in ("time", "start_time"):
            return f"2024-01-01T00:00:00.{self.one():06d}Z"
        if name in ("permitted", "effective", "inheritable"):
            return str(self._draw(st.sampled_from(["DAC_OVERRIDE", "CAP_KILL", "CAP_SYS_ADMIN"])))
        if name == "flags":
            return f"execve clone {token}"
        if name == "arguments":
            return f'-c "{token} x" {token}y'
        if name == "docker":
            return token.ljust(31, "0")
        if name == "id":
            return str(self._draw(st.sampled_from(["reg/a@sha256:{}", "sha256:{}", "containerd://{}", "{}"]))).format(
                token
            )
        if name == "name":
            return str(self._draw(st.sampled_from(["reg/a", "reg/{}:{}", "{}"]))).format(token, token)
        return token


def _plain(kind: Any) -> Any:
    """Without what a member may be besides, and without limits."""
    choices = [each for each in get_args(kind) if each is not type(None)] if get_origin(kind) not in _HOLDERS else []
    return _plain(choices[0]) if choices else kind


_HOLDERS: Final = (list, Sequence, Mapping)


def _relate(process: dict[str, Any] | None, parent: dict[str, Any] | None) -> None:
    """As Tetragon has it: one is the other's parent, and those in one container are in one pod."""
    if process is None or parent is None:
        return
    if "parent_exec_id" in process:
        process["parent_exec_id"] = parent.setdefault("exec_id", process["parent_exec_id"])
    if "docker" in process and "docker" in parent and int(parent["docker"].strip("v0")) % 2:
        parent["docker"] = process["docker"]
        parent.pop("pod", None)
        if "pod" in process:
            parent["pod"] = process["pod"]


@st.composite
def events(draw: Any, name: str) -> dict[str, Any]:
    made = Made(draw)
    body = made.struct(BODIES.get(name, Body))
    if name not in BODIES:
        body |= {"source_ip": "192.0.2.1", "stats": {"bytes_sent": "70000", f"more{made.one()}": made.text("")}}
    _relate(body.get("process"), body.get("parent"))
    if made.chance():
        body[f"new{made.one()}"] = {"a": [made.text(""), made.one() + 200_000]}
    envelope = [field for field in msgspec.structs.fields(Line) if field.encode_name not in BODIES]
    told = {field.encode_name: made.of(field.type, field.encode_name) for field in envelope if made.chance()}
    return {name: body, **told}


def leaves(value: Any, under: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, f"{under}.{name}")
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from leaves(each, f"{under}.{place}")
    else:
        yield under, value


def lost(event: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    found = list(leaves(made))
    texts = "\n".join(str(value) for _, value in found if not isinstance(value, bool))
    numbers = {str(value) for _, value in found if not isinstance(value, bool)}
    truths = {(path.rpartition(".")[2], value) for path, value in found if isinstance(value, bool)}
    gone = []
    for path, value in leaves(event):
        if any(re.search(f"{place}$", path) for place in LOST):
            continue
        last = path.rpartition(".")[2]
        if value is False or value == "":
            continue  # to protobuf, the same as nothing
        if isinstance(value, bool):
            is_there = bool({(last, value), (RENAMED.get(last), value)} & truths)
        elif isinstance(value, int):
            is_there = str(value) in numbers
        else:
            is_there = all(part in texts for part in re.split("[ :@/]+", value))
        if not is_there:
            gone.append(f"{path} = {value!r}")
    return gone


@pytest.mark.parametrize("name", [*BODIES, "process_connect", "process_dns", "process_new"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_leaf_of_an_event_is_in_its_document(name: str, data: st.DataObject) -> None:
    event = data.draw(events(name))
    made = document(json.dumps(event), original=False)

    assert lost(event, made) == []
