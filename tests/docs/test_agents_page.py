"""What docs/agents.md shows works as it stands there."""

import json
import re
from pathlib import Path

import pytest

from agents import Agent
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from app.errors import AgentError
from tests.agents.cases import record_of

PAGE = Path("docs/agents.md").read_text("utf-8")


def folder_with(path: Path, **files: str) -> Path:
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    (path / "first_run.py").write_text(code[1])
    for name, text in files.items():
        (path / f"{name}.yaml").write_text(text)
    return path


def marked(agents: list[Agent], *binaries: str) -> list[bool]:
    events = (
        {"process_exec": {"process": {"exec_id": str(number), "binary": binary}}, "time": "2026-01-02T03:04:05Z"}
        for number, binary in enumerate(binaries)
    )
    record = record_of("\n".join(map(json.dumps, events)).encode(), "tetragon.log")
    found = Pipeline(agents, original=False).enrich(Memory(), record)
    assert not found.failures
    lines = (line for value, _ in found.blocks for line in value.splitlines()[1::2])
    return [json.loads(line).get("labels") == {"first_run": True} for line in lines]


def test_the_agent_marks_a_program_once(tmp_path: Path) -> None:
    assert marked(load_agents(folder_with(tmp_path)), "/a", "/b", "/a") == [True, True, False]


def test_its_setting_leaves_programs_out(tmp_path: Path) -> None:
    agents = load_agents(folder_with(tmp_path, first_run='{"ignored": ["/opt/ci/"]}'))

    assert marked(agents, "/opt/ci/a", "/b") == [False, True]


def test_a_setting_that_it_cannot_take_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"first_run.yaml cannot be used: .*\. Expected \{"):
        load_agents(folder_with(tmp_path, first_run='{"ignore": []}'))
