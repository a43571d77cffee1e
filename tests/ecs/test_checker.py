"""The checker catches what it is there for: each row is a document that is right, but for one thing."""

import copy
from typing import Any

import pytest

from schemas.document import ECS_VERSION, FIELDS
from tests.ecs.checker import ECS, LIST, is_own, mapping_problems, problems

RIGHT: dict[str, Any] = {
    "@timestamp": "2026-01-05T08:00:00.123456789Z",
    "ecs": {"version": "9.4.0"},
    "event": {
        "action": "connection_attempted",
        "category": ["network"],
        "dataset": "cilium_tetragon.log",
        "duration": 1,
        "id": "x",
        "kind": "event",
        "outcome": "success",
        "type": ["connection", "start"],
    },
    "host": {"os": {"type": "linux"}},
    "kubernetes": {"labels": {"app.kubernetes.io/name": "a", "any": {"depth": [1]}}},
    "labels": {"mine": True},
    "log": {"offset": 0},
    "network": {"direction": "egress"},
    "process": {
        "args": ["sh", "-c", ""],
        "Ext": {"ancestry": ["a"]},
        "pid": 12,
        "previous": [{"args": ["sh"], "executable": "/bin/sh"}],
        "thread": {"capabilities": {"effective": ["CAP_DAC_OVERRIDE", "41"]}},
    },
    "source": {"ip": "fd00::1", "port": 443},
    "tetragon": {"process": {"cap": {}, "in_init_tree": False}, "lineage": {"complete": True}},
}


def changed(name: str, value: Any) -> dict[str, Any]:
    """RIGHT with another value at a dotted name; without the name, if the value is ABSENT."""
    document = copy.deepcopy(RIGHT)
    *parents, last = name.split(".") if not name.startswith("@") else [name]
    here = document
    for parent in parents:
        here = here.setdefault(parent, {})
    here[last] = value
    if value is ABSENT:
        del here[last]
    return document


ABSENT = object()


def test_a_document_that_is_right_has_no_problem() -> None:
    assert problems(RIGHT) == []


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("event.outcome", "sucess", "event.outcome is 'sucess'; ECS allows failure, success, unknown"),
        ("event.kind", "events", "event.kind is 'events'; ECS allows alert, asset"),
        ("event.category", ["networking"], "event.category is 'networking'; ECS allows api, authentication"),
        ("event.category", "network", "event.category is 'network'; ECS wants a list"),
        ("event.type", ["connection", "started"], "event.type is 'started'; ECS allows access, admin"),
        ("event.type", ["connection", "change"], "event.type is 'change', which ECS does not allow for 'network'"),
        ("event.category", ["network", "library"], ABSENT),
        ("event.category", ["network", "file"], "event.type is ['connection', 'start'], of which ECS allows none for"),
        ("event.type", ABSENT, "event.type is missing"),
        ("event.dataset", ABSENT, "event.dataset is missing"),
        ("@timestamp", ABSENT, "@timestamp is missing"),
        ("@timestamp", "2026-01-05 08:00:00", "@timestamp is '2026-01-05 08:00:00'; expected a value for date_nanos"),
        ("@timestamp", "2026-02-30T08:00:00Z", "@timestamp is '2026-02-30T08:00:00Z'; expected a value for date_nanos"),
        ("ecs.version", "8.11.0", "ecs.version is '8.11.0', and the facts are those of 9.4.0"),
        ("host.os.type", "Linux", "host.os.type is 'Linux'; ECS allows android"),
        ("network.direction", "out", "network.direction is 'out'; ECS allows egress"),
        ("process.pid", "12", "process.pid is '12'; expected a value for long"),
        ("process.pid", True, "process.pid is True; expected a value for long"),
        ("process.pid", 2**63, f"process.pid is {2**63}; expected a value for long"),
        ("process.pid", [12], "process.pid is [12]; ECS wants one value"),
        ("process.args", "sh -c", "process.args is 'sh -c'; ECS wants a list"),
        ("process.args", ["sh", 1], "process.args is 1; expected a value for keyword"),
        ("process.args", [], "process.args is []; expected it absent"),
        ("process.parent", {}, "process.parent is not in the mapping"),
        ("process.previous", {"args": ["sh"], "executable": "/bin/sh"}, ABSENT),
        ("process.previous", [{"args": "sh"}], "process.previous.args is 'sh'; ECS wants a list"),
        ("process.entity_id", None, "process.entity_id is None; expected it absent"),
        ("process.name", "", "process.name is ''; expected it absent"),
        ("process.name", {"a": 1}, "process.name.a is not in the mapping"),
        ("process.user.id", 0, "process.user.id is 0; expected a value for keyword"),
        ("process.thread.capabilities.effective", ["DAC_OVERRIDE"],
         "process.thread.capabilities.effective is 'DAC_OVERRIDE'; ECS wants ^(CAP_[A-Z_]+"),
        ("container.security_context.privileged", "true", "container.security_context.privileged is 'true'"),
        ("error.message", ["one", "two"], "error.message is ['one', 'two']; ECS wants one value"),
        ("source.ip", "<nil>", "source.ip is '<nil>'; expected a value for ip"),
        ("source.ip", "fe80::1%eth0", "source.ip is 'fe80::1%eth0'; expected a value for ip"),
        ("related.ip", ["10.0.0.1", "10.0.0.256"], "related.ip is '10.0.0.256'; expected a value for ip"),
        ("process.exe", "/bin/sh", "process.exe is not in the mapping"),
        ("processes.name", "sh", "processes.name is not in the mapping"),
        ("tetragon.mine", 1, "tetragon.mine is not in the mapping"),
        ("tetragon.lineage.depth", "3", "tetragon.lineage.depth is '3'; expected a value for long"),
        ("kubernetes.labels", "a=b", "kubernetes.labels is 'a=b'; expected an object"),
    ],
)  # fmt: skip
def test_one_thing_that_is_wrong_is_told(name: str, value: Any, problem: str) -> None:
    """An ABSENT problem: it is right as well."""
    found = problems(changed(name, value))

    if problem is ABSENT:
        assert found == []
    else:
        assert [each for each in found if each.startswith(problem)], found


@pytest.mark.parametrize(
    ("name", "kind", "problem"),
    [
        ("process.exe", "keyword", "process.exe is no field of ECS, and in no namespace of ours"),
        ("tetragonal.x", "keyword", "tetragonal.x is no field of ECS, and in no namespace of ours"),
        ("process.pid", "keyword", "process.pid is mapped as keyword; ECS has long"),
        ("process.command_line", "keyword", "process.command_line is mapped as keyword; ECS has wildcard"),
        ("@timestamp", "date", "@timestamp is mapped as date; ECS has date, of which documents have date_nanos"),
        ("source.ip", "keyword", "source.ip is mapped as keyword; ECS has ip"),
    ],
)
def test_a_mapping_that_ecs_does_not_have_so_is_told(name: str, kind: str, problem: str) -> None:
    assert mapping_problems({**FIELDS, name: kind}) == [problem]


def test_a_document_is_checked_against_the_mapping_that_is_given() -> None:
    lacking = {name: kind for name, kind in FIELDS.items() if name != "source.port"}

    assert problems(RIGHT, lacking) == ["source.port is not in the mapping"]
    assert problems(changed("agent.id", "a"), FIELDS | {"agent.id": "keyword"}) == []
    assert problems(changed("agent.ids", "a"), FIELDS | {"agent.ids": "keyword"}) == [
        "agent.ids is no field of ECS, and in no namespace of ours"
    ]


def test_the_facts_agree_with_themselves() -> None:
    named = {*ECS.lists_of_objects, *ECS.values, *ECS.patterns, *ECS.required}
    lists = {name for name, kind in ECS.fields.items() if kind.endswith(LIST)}

    assert ECS.version == ECS_VERSION
    assert named - set(ECS.lists_of_objects) <= ECS.fields.keys()
    assert {each for types in ECS.types_of.values() for each in types} <= set(ECS.values["event.type"])
    assert {"event.category", "event.type", "process.args"} <= lists
    assert not [name for name in ECS.fields if is_own(name)]
    assert ECS.exceptions.keys() <= FIELDS.keys()
    assert all([*ECS.own.values(), *ECS.exceptions.values()])
