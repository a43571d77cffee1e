"""What agents may do to a document, and what a bad one costs."""

import json
import re
from typing import Any

import pytest
from msgspec.structs import replace
from orjson import Fragment

from agents import FINDINGS, Agent, Fields, Memory, agent
from agents.ancestry import ancestry
from app.enrich.blocks import Enriched
from app.enrich.memory import Memory as Remembered
from app.enrich.pipeline import Pipeline
from schemas.finding import Finding
from schemas.lineage import Lineage
from schemas.record import Record
from schemas.tetragon import Event

LINE = (
    b'{"process_exec":{"process":{"exec_id":"e","pid":5,"binary":"/bin/a","uid":0,"pod":{"name":"p"}}},'
    b'"node_name":"n","time":"2024-01-01T00:00:00Z"}'
)
THROTTLE = b'{"process_throttle":{"type":"THROTTLE_START"},"node_name":"n","time":"2024-01-01T00:00:00Z"}'


def named(name: str, one: Agent) -> Agent:
    return replace(one, name=name)


def enriched(*agents: Agent, line: bytes = LINE, memory: Remembered | None = None) -> Enriched:
    return Pipeline(agents, original=False).enrich(memory or Remembered(), Record("t", 0, 0, 0, b"n", line, {}))


def made(of: Enriched) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(of.blocks[0][0].splitlines()[1])
    return document


def adding(fields: Any, *adds: str) -> Agent:
    @agent(events=None, adds=adds)
    def add(event: Event) -> Fields:  # noqa: ARG001 - the contract
        found: Fields = fields
        return found

    return add


def test_fields_go_where_their_names_say_and_shared_parts_are_not_spoilt() -> None:
    names = ("tetragon.fim", "process.seen", "container.drift", "host.risk", "user.roles", "threat", "tags")
    fields = {
        "tetragon.fim": {"path": "/a"},
        "process.seen": 1,
        "container.drift": True,
        "host.risk.level": "low",
        "user.roles": ["x"],
        "threat.technique.id": ["T1"],
        "tags": ["shell", "shell", "server"],
    }
    document = made(enriched(named("a", adding(fields, *names))))
    plain = made(enriched())

    assert document["tetragon"]["fim"] == {"path": "/a"}
    assert document["process"]["seen"] == 1
    assert document["container"]["drift"] is True
    assert document["host"] == {**plain["host"], "risk": {"level": "low"}}
    assert document["user"] == {"id": "0", "roles": ["x"]}
    assert document["threat"] == {"technique": {"id": ["T1"]}}
    assert document["tags"] == ["shell", "server"]
    assert made(enriched())["host"] == plain["host"]


def test_agents_add_to_the_same_tags() -> None:
    document = made(
        enriched(named("a", adding({"tags": ["x"]}, "tags")), named("b", adding({"tags": ["y", "x"]}, "tags")))
    )

    assert document["tags"] == ["x", "y"]


def test_the_findings_of_all_agents_stand_together_and_make_the_severity() -> None:
    one = Finding("a.one", 2, "seen", ["process.name"], ["T1611"])
    other = Finding("b.two", 3, "seen", ["process.pid"])
    document = made(
        enriched(named("a", adding({FINDINGS: [one]}, FINDINGS)), named("b", adding({FINDINGS: (other,)}, FINDINGS)))
    )

    assert [each["rule"] for each in document["tetragon"]["findings"]] == ["b.two", "a.one"]
    assert (document["event"]["severity"], document["event"]["risk_score"]) == (3, 73.0)
    assert document["threat"]["technique"]["id"] == ["T1611"]


def test_a_finding_that_is_none_costs_its_agent_and_no_other() -> None:
    good = Finding("a.one", 2, "seen", ["process.name"])
    found = enriched(
        named("a", adding({FINDINGS: [good]}, FINDINGS)), named("b", adding({FINDINGS: [{"rule": "x"}]}, FINDINGS))
    )

    assert [each["rule"] for each in made(found)["tetragon"]["findings"]] == ["a.one"]
    assert [(failure.agent, failure.type) for failure in found.failures] == [("b", "TypeError")]


def test_an_agent_that_raises_costs_its_own_fields() -> None:
    @agent(events=None, adds={"tetragon.bad"})
    def raising(event: Event) -> Fields:
        raise KeyError(object(), event.name)

    of = enriched(named("bad", raising), named("good", adding({"tetragon.good": 1}, "tetragon.good")))
    document = made(of)

    assert document["tetragon"]["good"] == 1
    assert document["event"]["kind"] == "pipeline_error"
    assert document["error"] == {"message": "agent bad raised KeyError", "type": "KeyError"}
    assert of.counters["agent_errors"] == 1
    [failure] = of.failures
    assert (failure.agent, failure.type, failure.exec_id) == ("bad", "KeyError", "e")
    assert "process_exec" in failure.text
    assert re.search(r" \(test_additions\.py, line \d+\)$", failure.text)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (None, "it returned None; expected a dict of fields, {} for none"),
        ({"tetragon.other": 1}, "field 'tetragon.other' is not declared in adds=['tetragon.bad']"),
        ({"tetragon.bad": {1}}, "Type is not JSON serializable: set"),
    ],
)
def test_what_an_agent_returned_is_told_without_a_line_of_ours(fields: Any, told: str) -> None:
    [failure] = enriched(named("bad", adding(fields, "tetragon.bad"))).failures

    assert failure.text == told


def test_all_agents_that_failed_are_named_in_one_message() -> None:
    @agent(events=None, adds={"tetragon.bad"})
    def raising(event: Event) -> Fields:
        raise KeyError(event.name)

    document = made(enriched(named("bad", raising), named("worse", adding({"tetragon.mine": {1}}, "tetragon.mine"))))

    assert document["error"] == {
        "message": "agent bad raised KeyError; agent worse raised TypeError",
        "type": "KeyError",
    }


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"tetragon.other_field": 1}, "ValueError"),
        ({"tetragon.mineral": 1}, "ValueError"),
        ({"tetragon.mine": {1, 2}}, "TypeError"),
        ({"tetragon.mine": 2**70}, "JSONEncodeError"),
        ({"tetragon.mine": "\ud800"}, "JSONEncodeError"),
        ({"tetragon.mine": {5: 1}}, "TypeError"),
        ({5: 1}, "TypeError"),
        ({"tags": "shell"}, "TypeError"),
        ({"tags": [{1}]}, "TypeError"),
        (None, "TypeError"),
        (["tetragon.mine"], "TypeError"),
    ],
)
def test_an_agent_that_returns_what_it_may_not_costs_its_own_fields(fields: Any, error: str) -> None:
    of = enriched(
        named("bad", adding(fields, "tetragon.mine", "tags")),
        named("good", adding({"tetragon.good": 1}, "tetragon.good")),
    )
    document = made(of)

    assert "mine" not in document["tetragon"]
    assert document["tetragon"]["good"] == 1
    assert document["error"]["message"] == f"agent bad raised {error}" or error in ("TypeError", "JSONEncodeError")
    assert of.counters["agent_errors"] == 1
    assert not of.rejections


def test_what_an_agent_gave_before_it_failed_is_left_out_too() -> None:
    fields = {"tetragon.mine.a": 1, "tetragon.mine.b": {1}}

    assert "mine" not in made(enriched(named("bad", adding(fields, "tetragon.mine"))))["tetragon"]


def test_json_that_is_written_already_is_taken_as_it_is() -> None:
    document = made(enriched(named("a", adding({"tetragon.mine": Fragment(b'{"x":[1]}')}, "tetragon.mine"))))

    assert document["tetragon"]["mine"] == {"x": [1]}


def test_an_agent_sees_its_own_events_and_needs_a_process_for_a_lineage() -> None:
    @agent(events={"process_exit"}, adds={"tetragon.exits"})
    def exits(event: Event) -> Fields:
        return {"tetragon.exits": event.name}

    @agent(events=None, adds={"tetragon.all"})
    def everything(event: Event) -> Fields:
        return {"tetragon.all": event.name}

    agents = (named("exits", exits), named("everything", everything), named("ancestry", ancestry))
    document, throttle = made(enriched(*agents)), made(enriched(*agents, line=THROTTLE))
    unknown = made(enriched(*agents, line=LINE.replace(b"process_exec", b"process_new")))

    assert "exits" not in document["tetragon"]
    assert document["tetragon"]["all"] == "process_exec"
    assert "lineage" in document["tetragon"]
    assert throttle["tetragon"]["all"] == "process_throttle"
    assert "lineage" not in throttle["tetragon"]
    assert unknown["tetragon"]["all"] == "process_new"


def test_arguments_come_in_the_order_in_which_they_are_named() -> None:
    @agent(events=None, adds={"tetragon.seen"})
    def both(event: Event, memory: Memory, lineage: Lineage) -> Fields:
        memory["count"] = memory.get("count", 0) + 1
        return {"tetragon.seen": [event.name, memory["count"], lineage.process.pid]}

    memory = Remembered()
    one = named("both", both)
    first, second = made(enriched(one, memory=memory)), made(enriched(one, memory=memory))

    assert first["tetragon"]["seen"] == ["process_exec", 1, 5]
    assert second["tetragon"]["seen"] == ["process_exec", 2, 5]


def test_an_agent_can_be_called_like_the_function_it_is() -> None:
    one = adding({"tetragon.x": 1}, "tetragon.x")

    assert one(None) == {"tetragon.x": 1}
