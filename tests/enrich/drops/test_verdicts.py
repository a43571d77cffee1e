"""Rules beside lines that begin with the verdict expected of them: the rule that drops it, `rejected`, or -."""

import json
from pathlib import Path

import pytest

from agents import Fields, agent
from app.enrich.blocks import documents_of
from app.enrich.drops.file import load_rules, read_rules
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from schemas.tetragon import Event
from tests.agents.cases import AGENTS, record_of

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))


@pytest.mark.parametrize("rules", CASES, ids=lambda file: file.stem)
def test_each_line_gets_the_verdict_that_stands_before_it(rules: Path) -> None:
    pipeline = Pipeline([], drops=load_rules(rules), explain=True)
    wrong = []
    for line in rules.with_suffix(".log").read_bytes().splitlines():
        expected, _, event = line.partition(b" ")
        enriched = pipeline.enrich(Memory(), record_of(event, "tetragon.log"))
        told = [*(each.rule for each in enriched.dropped), *("rejected" for _ in enriched.rejections)] or ["-"]
        if told != [expected.decode()]:
            wrong.append((told, line))

    assert wrong == []


@pytest.mark.parametrize("rules", CASES, ids=lambda file: file.stem)
def test_every_rule_of_a_case_drops_or_keeps_a_line_and_leaves_another(rules: Path) -> None:
    compiled = load_rules(rules)
    assert compiled is not None
    lines = [line.partition(b" ")[2] for line in rules.with_suffix(".log").read_bytes().splitlines()]
    enriched = Pipeline([], drops=compiled).enrich(Memory(), record_of(b"\n".join(lines), "tetragon.log"))

    decided = {
        name: enriched.counters.get(f"dropped.{name}", 0) + enriched.kept.get(name, 0) for name in compiled.names
    }
    assert all(0 < number < len(lines) for number in decided.values()), decided


def test_a_line_that_is_no_text_is_a_dead_letter_whatever_the_rules() -> None:
    """Where the parts that are decoded on demand lie, too."""
    rules = read_rules(b"rules: [{name: all, events: [process_exec], drop: true}]", "f")
    line = b'{"process_exec":{"process":{"pid":1,"pod":{"name":"\xff"}}}}'
    enriched = Pipeline([], drops=rules).enrich(Memory(), record_of(line, "tetragon.log"))

    assert [letter.stage for letter in enriched.rejections] == ["decode"]
    assert enriched.counters == {"lines": 1, "documents": 0, "rejected": 1, "agent_errors": 0}


def test_no_agent_sees_what_is_dropped_and_a_child_of_it_has_its_ancestors() -> None:
    seen: list[str] = []

    @agent(events=None, adds={"labels.seen"})
    def seeing(event: Event) -> Fields:
        seen.append(event.process.exec_id if event.process else "")
        return {}

    rules = read_rules(b"rules: [{name: shells, when: {process.binary: /bin/sh}, drop: true}]", "f")
    agents = [seeing, next(each for each in AGENTS if each.name == "ancestry")]
    lines = [
        b'{"process_exec":{"process":{"exec_id":"a","pid":7,"binary":"/bin/sh","parent_exec_id":"i"},'
        b'"parent":{"exec_id":"i","pid":1,"binary":"/sbin/init"}},"time":"2026-01-02T03:04:05Z"}',
        b'{"process_exec":{"process":{"exec_id":"b","pid":8,"binary":"/bin/ls","parent_exec_id":"a"}},'
        b'"time":"2026-01-02T03:04:06Z"}',
    ]
    enriched = Pipeline(agents, drops=rules).enrich(Memory(), record_of(b"\n".join(lines), "tetragon.log"))
    [document] = [json.loads(each) for block, _ in enriched.blocks for each in documents_of(block)]

    assert seen == ["b"]
    assert document["process"]["parent"]["executable"] == "/bin/sh"
    assert document["process"]["Ext"]["ancestry"] == ["a", "i"]
    assert document["tetragon"]["lineage"]["path"] == "init > sh > ls"
