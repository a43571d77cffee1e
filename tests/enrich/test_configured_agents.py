"""A user's file <agent>.yaml beside the user's agents."""

from pathlib import Path

import pytest

from agents import Agent
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from app.errors import AgentError
from tests.agents.cases import record_of

LINE = (
    b'{"process_lsm":{"process":{"exec_id":"bjE6NTox","pid":5,"binary":"/usr/bin/vi"},"function_name":"file_permission",'
    b'"args":[{"file_arg":{"path":"/srv/ledger.db"}},{"int_arg":2}]},"node_name":"n1","time":"2026-01-01T00:00:00Z"}\n'
)


def document(agents: list[Agent]) -> bytes:
    found = Pipeline(agents, original=False).enrich(Memory(), record_of(LINE, "tetragon.log"))
    return b"".join(value for value, _ in found.blocks)


def test_a_users_taxonomy_counts(tmp_path: Path) -> None:
    category = "{id: own.ledger, about: Money, tier: specific, write: {severity: critical}, patterns: [/srv/*.db]}"
    (tmp_path / "fim.yaml").write_text(f"categories:\n- {category}\n")

    assert b'"category":"own.ledger"' in document(load_agents(tmp_path))
    assert b'"fim"' not in document(load_agents(None))


def test_a_typo_in_it_stops_the_start_and_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "fim.yaml").write_text("extend:\n- id: web.root\n  patern: [/x]\n")

    with pytest.raises(AgentError, match=r"fim.yaml, line 3: 'patern' is unknown here. Did you mean 'patterns'\?"):
        load_agents(tmp_path)


@pytest.mark.parametrize("name", ["fim.yml", "FIM.yaml", "fimm.yaml", "Fim.yml"])
def test_a_name_that_nobody_reads_stops_the_start(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("disable: [scratch.tmp]\n")

    with pytest.raises(AgentError, match=rf"No agent reads .*{name}. Expected it to be named fim.yaml"):
        load_agents(tmp_path)


def test_a_file_for_an_agent_that_takes_none_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "privilege.yaml").write_text("severity: low\n")

    with pytest.raises(AgentError, match=r"'privilege' cannot be configured: .*privilege.yaml is read by nobody"):
        load_agents(tmp_path)


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yaml").write_text("services: {}\n")

    assert [agent.name for agent in load_agents(tmp_path)] == [agent.name for agent in load_agents(None)]


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "fim.yaml").mkdir()

    with pytest.raises(AgentError, match="'fim' cannot be configured"):
        load_agents(tmp_path)
