"""Rules beside lines that begin with the verdict expected of them: the rule that drops it, `rejected`, or -."""

from pathlib import Path

import pytest

from app.enrich.drops.file import load_rules
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from tests.agents.cases import record_of

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
