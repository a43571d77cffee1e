"""What holds of every process's entry, whatever a node writes."""

from typing import Any

import orjson
from hypothesis import given

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from tests.agents.cases import AGENTS, record_of
from tests.enrich.nodes import STEPS, Step, lines_of

PIPELINE = Pipeline([agent for agent in AGENTS if agent.name == "ancestry"], original=False)


@given(STEPS)
def test_an_entry_leader_is_the_process_or_one_of_its_ancestors(steps: list[Step]) -> None:
    enriched = PIPELINE.enrich(Memory(), record_of(b"\n".join(lines_of(steps)), "x.log"))
    assert not enriched.failures

    for value, _ in enriched.blocks:
        for line in value.splitlines()[1::2]:
            process: dict[str, Any] = orjson.loads(line).get("process", {})
            leader = process.get("entry_leader")
            if leader is not None and "entity_id" in leader:
                same = leader["entity_id"] == process["entity_id"]
                assert same == leader["same_as_process"]
                assert same or leader["entity_id"] in process["Ext"]["ancestry"]
