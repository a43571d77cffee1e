"""Whatever an event holds is found again in its document, without event.original; but for what is named here."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.tetragon import BODIES
from tests.ecs.checker import problems
from tests.enrich.made import Made, leaves
from tests.enrich.test_documents import document

T = TypeVar("T")

# What is nowhere in the document, by the end of its path, and why.
LOST: Final = {
    r"\.refcnt": "how Tetragon keeps its own books, and different in each event of a process",
    r"\.ancestors\.\d+\..*": "it has its own document; process.Ext.ancestry has its id, tetragon.lineage its name",
    r"\.parent\.parent_exec_id": "is in the parent's own document, and in process.Ext.ancestry",
}
# Members by whose name a truth is found again, where it has another one.
RENAMED: Final = {"maybe_exec_probe": "exec_probe"}


class Drawn:
    def __init__(self, draw: Any) -> None:
        self._draw = draw

    def chance(self) -> bool:
        return bool(self._draw(st.booleans()))

    def one_of(self, choices: Sequence[T]) -> T:
        drawn: T = self._draw(st.sampled_from(choices))
        return drawn


@st.composite
def events(draw: Any, name: str) -> dict[str, Any]:
    return Made(Drawn(draw)).event(name)


def lost(event: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    found = list(leaves(made))
    texts = "\n".join(str(value) for _, value in found if not isinstance(value, bool))
    numbers = {str(value) for _, value in found if not isinstance(value, bool)}
    truths = {(path.rpartition(".")[2], value) for path, value in found if isinstance(value, bool)}
    gone = []
    for path, value in leaves(event):
        if value is False or value == "" or any(re.search(f"{place}$", path) for place in LOST):
            continue  # what is false or empty is the same as nothing to protobuf
        last = path.rpartition(".")[2]
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
@settings(max_examples=30, deadline=None)
def test_every_leaf_of_an_event_is_in_its_document_which_is_one_of_ecs(name: str, data: st.DataObject) -> None:
    event = data.draw(events(name))
    made = document(json.dumps(event), original=False)

    assert lost(event, made) == []
    assert problems(made) == []


@pytest.mark.parametrize("kept", ["process", "tetragon"])
def test_what_is_taken_out_of_a_document_is_missed(kept: str) -> None:
    event = {"process_exec": {"process": {"pid": 123456, "flags": "execve miss"}}}
    made = document(json.dumps(event), original=False)

    assert lost(event, made) == []
    assert len(lost(event, {kept: made[kept]})) == 1


def test_a_time_that_cannot_be_read_is_kept_as_it_came() -> None:
    container = {"name": "c", "start_time": "yesterday"}
    process = {"pid": 7, "start_time": "tomorrow", "pod": {"container": container}}
    event = {"process_exit": {"process": process, "time": "3026-11-30T00:00:00Z"}, "time": "noon"}

    assert lost(event, document(json.dumps(event), original=False)) == []
