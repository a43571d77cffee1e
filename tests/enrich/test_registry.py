from pathlib import Path

import pytest

from app.enrich.registry import load_agents
from app.errors import AgentError

GOOD = """
from agents import Fields, agent
from schemas.tetragon import Event

LIMIT = 5

@agent(events={"process_exec"}, adds={"tetragon.drift"})
def anything(event: Event) -> Fields:
    return {"tetragon.drift": LIMIT}
"""


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_the_agents_of_the_package_load_by_the_names_of_their_files() -> None:
    assert "ancestry" in [agent.name for agent in load_agents(None)]


def test_a_users_agents_load_beside_them_and_are_named_after_their_files(tmp_path: Path) -> None:
    agents = load_agents(written(tmp_path, drift=GOOD, _private="raise SystemExit"))

    assert [agent.name for agent in agents] == sorted([*(each.name for each in load_agents(None)), "drift"])


def test_an_agent_may_use_another_ones_function(tmp_path: Path) -> None:
    using = GOOD.replace("LIMIT = 5", "from agents.ancestry import ancestry")

    assert "drift" in [agent.name for agent in load_agents(written(tmp_path, drift=using.replace("LIMIT", "1")))]


DOUBLE = GOOD + GOOD.replace("anything", "something").replace("tetragon.drift", "tetragon.other")

BAD = {
    "two functions": (DOUBLE, r"has 2 functions under @agent \(anything, something\). Expected exactly one"),
    "no function": ("LIMIT = 5", r"has 0 functions under @agent \(none\)"),
    "unknown event": (GOOD.replace("process_exec", "process_exe"), "asks for event 'process_exe'.*process_exec"),
    "unknown argument": (GOOD.replace("event: Event", "event: Event, tree: int"), r"takes \(event, tree\)"),
    "no event": (GOOD.replace("event: Event", "lineage: int"), r"takes \(lineage\). Expected event first"),
    "one name that is no set of them": (
        GOOD.replace('{"tetragon.drift"}', '"tetragon.drift"'),
        "adds is 'tetragon.drift'",
    ),
    "one event that is no set of them": (
        GOOD.replace('{"process_exec"}', '"process_exec"'),
        "events is 'process_exec'",
    ),
    "no field": (GOOD.replace('{"tetragon.drift"}', "()"), "adds no field"),
    "a core field": (GOOD.replace("tetragon.drift", "process.name"), "claims field 'process.name'"),
    "above a core field": (GOOD.replace("tetragon.drift", "process"), "claims field 'process'"),
    "above one that an agent may refine": (GOOD.replace("tetragon.drift", "event"), "claims field 'event'"),
    "one that an agent refines": (GOOD.replace("tetragon.drift", "event.duration"), "network.py and .*both claim"),
    "below one that an agent refines": (GOOD.replace("tetragon.drift", "source.ip"), "network.py and .*both claim"),
    "below a core field": (GOOD.replace("tetragon.drift", "tetragon.event.x"), "have 'tetragon.event' already"),
    "another agent's": (GOOD.replace("tetragon.drift", "tetragon.lineage.x"), "ancestry.py and .*both claim"),
    "import error": ("import nothing_of_that_name", "cannot be imported: ModuleNotFoundError"),
    "syntax error": ("def x(:", "cannot be imported: SyntaxError"),
    "an end": ("raise SystemExit(0)", "cannot be imported: SystemExit: 0"),
    "a function that waits": (
        GOOD.replace("def anything", "async def anything"),
        "anything is async; expected a plain",
    ),
    "an argument by name only": (GOOD.replace("event: Event", "event: Event, *, memory: dict"), "by name only"),
    "a time that is no number": (GOOD.replace("@agent(", "@agent(ttl='1h', "), "ttl is '1h'; expected seconds"),
    "own error": ("raise RuntimeError('because')", "cannot be imported: RuntimeError: because"),
}


@pytest.mark.parametrize(("text", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_agent_is_refused_in_a_sentence_that_names_its_file(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(AgentError, match=sentence) as caught:
        load_agents(written(tmp_path, drift=text))

    assert str(tmp_path / "drift.py") in str(caught.value)


def test_two_agents_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"Agent 'ancestry' is in .*ancestry.py and in .*ancestry.py"):
        load_agents(written(tmp_path, ancestry=GOOD))


def test_two_users_agents_that_claim_one_field_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"both claim 'tetragon\.drift"):
        load_agents(written(tmp_path, one=GOOD, two=GOOD.replace("tetragon.drift", "tetragon.drift.deep")))


def test_agents_may_share_tags(tmp_path: Path) -> None:
    tagging = GOOD.replace("tetragon.drift", "tags")

    assert len(load_agents(written(tmp_path, one=tagging, two=tagging))) == len(load_agents(None)) + 2


@pytest.mark.parametrize("name", ["missing", "file.py"])
def test_a_folder_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.py").touch()
    with pytest.raises(AgentError, match=name):
        load_agents(tmp_path / name)
