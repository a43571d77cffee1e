"""Every document that a test expects, and every one of the story, is a document of ECS."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.enrich.blocks import Enriched
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from examples.story import story
from schemas.operation.file_hooks import FILE_HOOKS
from schemas.operation.privilege_hooks import PRIVILEGE_HOOKS
from schemas.operation.socket_hooks import SOCKET_HOOKS
from schemas.record import Record
from tests.agents.cases import AGENTS, CORPUS, ROOT, TIMESTAMP, documents, record_of
from tests.ecs.checker import mapping_problems, problems
from tests.schemas.operation.files import FILES
from tests.schemas.operation.privileges import PRIVILEGES
from tests.schemas.operation.sockets import SOCKETS

EXPECTED = sorted((ROOT / "tests").rglob("*.expected.json"))
LOGS = sorted([*CORPUS.glob("*.ndjson"), *(ROOT / "tests" / "agents").rglob("*.log")])
# Where the arguments of one hook are given to all of them.
ARGUMENTS = sorted({args for _, args, _ in FILES[::6] + SOCKETS[::6] + PRIVILEGES[::6]})


def told(found: Enriched) -> Iterator[dict[str, Any]]:
    assert not found.rejections
    assert not found.failures
    for value, _ in found.blocks:
        yield from map(json.loads, value.splitlines()[1::2])


def test_what_elasticsearch_is_told_of_a_field_is_what_ecs_says_of_it() -> None:
    assert mapping_problems() == []


@pytest.mark.parametrize("file", EXPECTED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_an_expected_document_is_one_of_ecs(file: Path) -> None:
    assert [problem for document in json.loads(file.read_text()) for problem in problems(document)] == []


@pytest.mark.parametrize("file", LOGS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_line_that_stands_in_a_test_becomes_a_document_of_ecs_by_all_agents(file: Path) -> None:
    made = documents(file, AGENTS, original=True)

    assert made
    assert [problem for document in made for problem in problems(document)] == []


def test_the_story_is_told_in_documents_of_ecs() -> None:
    memory, pipeline = Memory(), Pipeline(AGENTS)
    found: list[str] = []
    number = 0
    for _, node, line in story(seed=1, nodes=4, minutes=2, rate=20):
        record = Record("tetragon.events", 0, 0, TIMESTAMP, node.encode(), line, {})
        for document in told(pipeline.enrich(memory, record)):
            number += 1
            found += problems(document)

    assert number > 2_000
    assert found == []


@pytest.mark.parametrize("hook", sorted({**FILE_HOOKS, **SOCKET_HOOKS, **PRIVILEGE_HOOKS}))
def test_whatever_a_hook_is_given_its_document_is_one_of_ecs(hook: str) -> None:
    end = '"action":"KPROBE_ACTION_OVERRIDE","return":{"int_arg":-13}},"node_name":"n","time":"2026-01-05T08:00:00Z"}'
    lines = [
        f'{{"process_kprobe":{{"process":{{"pid":1,"uid":0}},"function_name":"{hook}","args":[{args}],{end}'
        for args in ARGUMENTS
    ]
    made = told(Pipeline(AGENTS).enrich(Memory(), record_of("\n".join(lines).encode(), "tetragon.log")))

    assert [problem for document in made for problem in problems(document)] == []
