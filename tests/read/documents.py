"""Documents of any shape, with text that means harm."""

import re
import unicodedata
from typing import Any

from hypothesis import strategies as st

from app.read.compact import SIGNS
from schemas.document import FIELDS
from schemas.tetragon import BODIES

COLOURS = re.compile(r"\x1b\[\d+m")

_HARM = st.sampled_from(
    ["\x1b[2J", "\x1b]0;title\x07", "\u202egnp.exe", "\u2066", "a\nb", "\r", "\x9b31m", "\x7f", "\ufeff", "\u200b",
     "\U000e0041", "\ud800", "\u0301x", "\u3164", "\u2028", "x y", '"', "'", "\\", "", "\0", "é", "漢字", "]", "[x 4]"]
)  # fmt: skip
TEXT = st.one_of(st.text(st.characters(), max_size=8), _HARM, st.builds("".join, st.lists(_HARM, max_size=3)))
_SCALARS = st.one_of(TEXT, st.integers(-(2**63), 2**64), st.booleans(), st.none(), st.floats())
VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=5,
)
_KINDS = st.one_of(st.sampled_from([*SIGNS]), TEXT)
_EVENTS = st.one_of(st.sampled_from([*BODIES]), TEXT)


def nested(fields: dict[str, Any]) -> dict[str, Any]:
    """Of dotted names; one that lies below a value is left out."""
    document: dict[str, Any] = {}
    for field, value in fields.items():
        here = document
        *parents, last = field.split(".")
        for name in parents:
            below = here.setdefault(name, {})
            if not isinstance(below, dict):
                break
            here = below
        else:
            here.setdefault(last, value)
    return document


# What is read of a document, beside numbers.
_SHOWN = (
    "destination.address", "destination.port", "event.action", "event.outcome", "event.type",
    "file.Ext.original.path", "file.gid", "file.mode", "file.path", "file.target_path", "file.uid", "host.name",
    "kubernetes.namespace", "kubernetes.pod.name", "network.transport", "process.args",
    "process.entry_leader.entry_meta.type", "process.executable", "process.exit_code", "process.parent.args",
    "process.parent.executable", "process.previous", "process.user.id", "source.address", "tetragon.exit.signal",
    "tetragon.fim.category", "tetragon.operation.bpf.program", "tetragon.operation.name",
    "tetragon.operation.namespaces", "tetragon.operation.path", "tetragon.operation.target",
    "tetragon.privilege.capabilities.gained", "tetragon.privilege.tags", "user.name",
)  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    texts = st.one_of(TEXT, st.lists(TEXT, max_size=3))
    fields = draw(st.dictionaries(st.sampled_from(_SHOWN), texts, max_size=len(_SHOWN)))
    fields |= draw(st.dictionaries(st.sampled_from([*FIELDS]), VALUES, max_size=8))
    named = {"tetragon.event": _EVENTS, "tetragon.operation.kind": _KINDS, "process.entity_id": TEXT}
    severities = {"tetragon.fim.severity": st.integers(0, 4), "tetragon.privilege.severity": st.integers(0, 4)}
    return nested({name: draw(values) for name, values in (named | severities).items()} | fields)


def unfit(line: str) -> list[str]:
    """What a terminal would obey, or not show."""
    return [each for each in line if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]
