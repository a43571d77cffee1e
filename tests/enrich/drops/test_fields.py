"""Every field that a rule may name is found where Tetragon writes it."""

from typing import Any

import orjson
import pytest

from app.enrich.decode import decode
from app.enrich.drops.conditions import condition
from app.enrich.drops.fields import Field, fields, find
from schemas.tetragon import BODIES, Event

VALUES: dict[str, Any] = {"text": "some", "number": 7, "flag": True}
SEQUENCES = {"ancestors", "environment_variables"}  # of objects, and of text:
LISTS = {"tags", "labels", "permitted", "effective", "inheritable", "securebits", "privileges_changed"}
LINES = ("node_name", "cluster_name", "node_labels")


def event_with(field: Field, name: str) -> Event:
    """One of that name which has nothing but the field, as JSON would bring it."""
    value: Any = {"key.with/dots": "some"} if field.keyed else VALUES[field.kind]
    *outer, last = field.path.split(".")
    if last in LISTS:
        value = ["other", value]
    value = {last: value}
    for step in reversed(outer):
        value = {step: [{}, value] if step in SEQUENCES else value}
    whole = {name: {}, **value} if field.path.partition(".")[0] in LINES else {name: value}
    return decode(orjson.dumps(whole))[0]


@pytest.mark.parametrize("path", sorted(fields()))
def test_a_field_is_found_in_each_event_that_has_it_and_in_none_without(path: str) -> None:
    known = fields()[path]
    field = find(f"{path}.key.with/dots" if known.keyed else path)
    assert field is not None
    holds = condition(field, VALUES[field.kind])

    for name in BODIES:
        assert holds(event_with(known, name)) == (name in known.events), name
        assert not holds(decode(b'{"%b":{"process":{"pid":1}}}' % name.encode())[0]), name


@pytest.mark.parametrize("path", ["process", "process.pod", "process.pod.pod_labels", "args", "process.binary.x", ""])
def test_what_holds_others_or_has_no_type_is_no_field(path: str) -> None:
    assert find(path) is None
