"""Every attack of the table is told by the rules that it names, as gravely, and its honest twin is not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
import yaml

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from schemas.attack import TECHNIQUES
from tests.acts.script import Line, told
from tests.agents.cases import AGENTS, leaves, record_of

ROWS: Final[list[dict[str, Any]]] = yaml.safe_load((Path(__file__).parent / "attacks.yaml").read_bytes())
PIPELINE: Final = Pipeline(AGENTS, original=False)
LEAST: Final = 2  # medium


def documents(start: str, steps: str) -> list[dict[str, Any]]:
    """Of the steps alone."""
    script = [Line.of(number, written) for number, written in enumerate(steps.splitlines(), start=1)]
    _, before, lines = told(start, script, as_asked=True)
    enriched = PIPELINE.enrich(Memory(), record_of(b"\n".join([*before, *lines]), "x.log"))
    assert not enriched.rejections
    assert not enriched.failures
    made = [orjson.loads(line) for value, _ in enriched.blocks for line in value.splitlines()[1::2]]
    return made[len(before) :]


def findings(made: list[dict[str, Any]]) -> dict[str, int]:
    """Each rule with its gravest severity."""
    found: dict[str, int] = {}
    for document in made:
        for each in document["tetragon"].get("findings", []):
            found[each["rule"]] = max(found.get(each["rule"], 0), each["severity"])
    return {rule: severity for rule, severity in found.items() if severity >= LEAST}


@pytest.mark.parametrize("row", ROWS, ids=[row["attack"] for row in ROWS])
def test_an_attack_is_told(row: Mapping[str, Any]) -> None:
    made = documents(row["as"], row["steps"])

    assert findings(made) == row.get("found", {})
    for document in made:
        present = leaves(document)
        for each in document["tetragon"].get("findings", []):
            assert set(each["fields"]) <= present, each["rule"]


TWINS: Final = [row for row in ROWS if "twin" in row]


@pytest.mark.parametrize("row", TWINS, ids=[row["attack"] for row in TWINS])
def test_its_honest_twin_is_not_told_so(row: Mapping[str, Any]) -> None:
    twin = row["twin"]
    found = findings(documents(twin["as"], twin["steps"]))

    assert found == twin.get("found", {})
    assert max(found.values(), default=0) < max(row["found"].values())


@pytest.mark.parametrize("row", ROWS, ids=[row["attack"] for row in ROWS])
def test_what_is_not_told_says_why(row: Mapping[str, Any]) -> None:
    assert ("found" in row) != ("why" in row)


def test_each_technique_that_a_finding_names_is_one_of_attack() -> None:
    named = {
        technique
        for row in ROWS
        for document in documents(row["as"], row["steps"])
        for technique in document.get("threat", {}).get("technique", {}).get("id", [])
    }

    assert named <= set(TECHNIQUES)
