"""Documents against the truth: nobody has an ancestor that was none, whatever was missed, late or restarted."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pytest

from tests.enrich.kernel import Conditions, Machine, Task, Told
from tests.enrich.told import NODE, documents

SEEDS: Final = range(1, 31)
CONDITIONS: Final = {
    "nothing is missed": Conditions(),
    "without Tetragon's process cache": Conditions(cache=False),
    "with Tetragon's ancestors": Conditions(ancestors=True),
    "Tetragon misses events": Conditions(unseen=0.15),
    "lines do not arrive": Conditions(unread=0.2),
    "lines come late": Conditions(late=30),
    "Tetragon is restarted": Conditions(restarts=2),
    "Tetragon is away for a while": Conditions(restarts=2, away=True),
    "the machine is booted": Conditions(boots=2),
    "containers are entered": Conditions(containers=12),
    "all that comes late": Conditions(late=30, restarts=2, away=True, boots=1),
}


@pytest.mark.parametrize("of", CONDITIONS)
def test_who_descends_from_whom_is_true(of: str) -> None:
    for seed in SEEDS:
        machine = Machine(seed, CONDITIONS[of])
        for told, document in _documents(machine.told):
            assert not list(_untrue(told, document)), (seed, told, document)


def test_and_so_of_two_machines_whose_lines_have_no_key() -> None:
    for seed in SEEDS:
        one, other = (
            Machine(seed, CONDITIONS["lines come late"]),
            Machine(seed + 1000, Conditions(restarts=2), "node-2"),
        )
        both = sorted((*one.told, *other.told), key=lambda told: told.arrival)
        for told, document in _documents(both, key=None):
            assert not list(_untrue(told, document)), (seed, told, document)


@pytest.mark.parametrize("of", [Conditions(ancestors=True), Conditions(ancestors=True, boots=2)])
def test_and_whole_where_tetragon_brings_all_ancestors(of: Conditions) -> None:
    for seed in SEEDS:
        machine = Machine(seed, of)
        for told, document in _documents(machine.told):
            if told.task.pid != 1:
                assert document["tetragon"]["lineage"]["complete"], (seed, told, document)
                assert told.owners[_ancestry(document)[-1]].pid == 1


def _documents(told: Sequence[Told], key: bytes | None = NODE.encode()) -> Iterator[tuple[Told, dict[str, Any]]]:
    return zip(told, documents(*(each.line for each in told), key=key), strict=True)


def _ancestry(document: dict[str, Any]) -> list[str]:
    ids: list[str] = document["process"].get("Ext", {}).get("ancestry", [])
    return ids


def _untrue(told: Told, document: dict[str, Any]) -> Iterator[str]:
    task, process, lineage = told.task, document["process"], document["tetragon"]["lineage"]
    if "entity_id" in process and told.owners.get(process["entity_id"]) is not task:
        yield "another's name"
    here = task
    for exec_id in _ancestry(document):
        above = told.owners.get(exec_id)
        if above is None or above not in here.parents:
            yield f"{exec_id} was never the parent of {here.pid}"
            return
        here = above
    if lineage["complete"] and here.pid != 1:
        yield "complete, and does not end at init"
    if lineage.get("suspect"):
        yield "no parent can be wrong here"
    yield from _untrue_of_container(told, document)
    if "parent" in process and task.pid != 1 and not lineage.get("parent_is_previous_image"):
        yield from _untrue_of_parent(task, process["parent"])
    images = [image.binary for image in task.images]
    if any(each["executable"] not in images for each in process.get("previous", [])):
        yield "it was never that image"
    if document["tetragon"].get("orphan") and not any(_had_ended(parent, told.time) for parent in task.parents):
        yield "an orphan whose parents live"


def _untrue_of_container(told: Told, document: dict[str, Any]) -> Iterator[str]:
    image, leader = told.image, document["process"].get("entry_leader", {})
    within = document["tetragon"].get("container", {})
    if "container" in document and within.get("exec_session") is not image.entered:
        yield "somebody has entered it, or not"
    if leader.get("entry_meta", {}).get("type") == "container":
        first = told.owners.get(leader["entity_id"]) if "entity_id" in leader else told.task  # it may be unknown
        if first is None or not _was_in(image.container, first):
            yield "its leader is not in the container"
        elif "entity_id" in leader and all(_was_in(image.container, parent) for parent in first.parents):
            yield "somebody in the container had started its leader"
    elif image.container and document["tetragon"]["lineage"]["complete"]:
        yield "all is known, and no leader is"


def _was_in(container: str, task: Task) -> bool:
    return any(image.container == container for image in task.images)


def _untrue_of_parent(task: Task, parent: dict[str, Any]) -> Iterator[str]:
    likely = [each for each in task.parents if each.pid == parent.get("pid")]
    if parent.get("pid") and not likely:
        yield "it never had a parent of that pid"
    images = [image.binary for each in likely for image in each.images]
    if "executable" in parent and parent["executable"] not in images:
        yield "no parent was ever that image"


def _had_ended(task: Task, time: int) -> bool:
    return task.end is not None and task.end <= time
