"""Every agent, on lines that Tetragon wrote or could write; `make expected` writes the expected documents."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents import Agent
from tests.agents.cases import AGENTS, HERE, agent_documents, cases, expected_of, leaves

CASES = [pytest.param(agent, case, id=f"{agent.name}/{case.stem}") for agent in AGENTS for case in cases(agent)]


@pytest.mark.parametrize(("agent", "case"), CASES)
def test_an_agents_documents_are_the_expected_ones(agent: Agent, case: Path) -> None:
    expected: list[dict[str, Any]] = json.loads(expected_of(case).read_text())

    assert agent_documents(case, agent) == expected


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_an_agent_has_an_event_that_it_enriches_and_one_that_it_leaves_alone(agent: Agent) -> None:
    touched = [
        any(field == added or field.startswith(f"{added}.") for field in leaves(document) for added in agent.adds)
        for case in cases(agent)
        for document in json.loads(expected_of(case).read_text())
    ]

    assert True in touched, f"{agent.name} has no case that it enriches: add a .log to {HERE / agent.name}"
    assert False in touched, f"{agent.name} has no event that it leaves alone: add one to {HERE / agent.name}"


def test_every_folder_of_cases_belongs_to_an_agent() -> None:
    folders = {path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert folders == {agent.name for agent in AGENTS}
