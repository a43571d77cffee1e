"""Findings name what shows them, and are as grave as what they tell of."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from examples.story import story
from schemas.record import Record
from tests.agents.cases import AGENTS, CORPUS, TIMESTAMP, cases, documents, leaves

LEAST = 2  # medium; what is less is told, and nobody is called
WORK = {"owner", "package_manager"}  # of these it takes more
FILES = sorted({case for agent in AGENTS for case in cases(agent)} | set(CORPUS.glob("*.ndjson")))


def wrong(document: dict[str, Any]) -> list[str]:
    told = document["tetragon"]
    found = told.get("findings", [])
    present = leaves(document)
    problems = [
        f"{each['rule']}: {name} is not there" for each in found for name in each["fields"] if name not in present
    ]
    fim, privilege = told.get("fim", {}), told.get("privilege", {})
    least = LEAST + (not WORK.isdisjoint(fim.get("reason", ())))
    expected = {f"fim.{fim['category']}": fim["severity"]} if fim.get("severity", 0) >= least else {}
    own = {each["rule"]: each["severity"] for each in found if each["rule"].startswith("fim.")}
    if own != expected:
        problems.append(f"fim found {own}, and tells {expected}")
    own = {each["rule"]: each["severity"] for each in found if each["rule"].startswith("privilege.")}
    grave = privilege.get("severity", 0)
    if max(own.values(), default=0) != (grave if grave >= LEAST else 0):
        problems.append(f"privilege found {own}, and tells {grave}")
    if any(rule.removeprefix("privilege.") not in privilege["tags"] for rule in own):
        problems.append(f"privilege found {own}, and has tags {privilege.get('tags')}")
    return problems


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_field_that_a_finding_names_is_in_its_document(file: Path) -> None:
    assert [problem for document in documents(file, AGENTS, original=False) for problem in wrong(document)] == []


def test_capabilities_with_which_a_container_starts_are_found_once() -> None:
    """`privilege` has a tag for them, and `escape` the finding."""
    started = [
        [found["rule"] for found in document["tetragon"].get("findings", [])]
        for file in FILES
        for document in documents(file, AGENTS, original=False)
        if "sensitive_capabilities" in document["tetragon"].get("privilege", {}).get("tags", [])
    ]

    assert started
    assert all(rules == ["escape.capabilities"] for rules in started)


def test_it_is_so_in_the_story() -> None:
    assert [problem for document in of_story(story(3, 5, 10, 10)) for problem in wrong(document)] == []


def of_story(lines: Iterable[tuple[int, str, bytes]]) -> Iterator[dict[str, Any]]:
    memory, pipeline = Memory(), Pipeline(AGENTS, original=False)
    for _, node, line in lines:
        [(value, _)] = pipeline.enrich(
            memory, Record("tetragon.events", 0, 0, TIMESTAMP, node.encode(), line, {})
        ).blocks
        yield json.loads(value.splitlines()[1])
