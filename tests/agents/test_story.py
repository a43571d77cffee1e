"""What all agents together say of the story: each step of the intrusion, and little of an ordinary day."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pytest

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from examples.story import Line, intrusion, ordinary, story
from schemas.record import Record
from tests.agents.cases import AGENTS, TIMESTAMP

SEED, NODES, MINUTES, RATE = 1, 20, 10.0, 10.0
GRAVE = 3


class Told(NamedTuple):
    """What is found in a document; None where it has none of it."""

    fim: str | None = None  # category
    reason: str | None = None
    severity: int | None = None
    privilege: str | None = None  # tag
    tag: str | None = None
    outcome: str | None = None


STEPS: dict[str, Told] = {
    "a script among the web server's uploads": Told(fim="web.upload", severity=3),
    "the web shell": Told(tag="shell_under_server"),
    "the download": Told(fim="scratch.tmp", reason="shell_under_server", severity=2),
    "it is made executable": Told(fim="scratch.tmp", reason="scratch_made_executable", severity=3),
    "it runs": Told(tag="exec_from_scratch"),
    "the service account's token": Told(fim="k8s.serviceaccount_token", reason="shell_under_server", severity=3),
    "passwords, in vain": Told(fim="credentials.shadow", reason="failed", severity=3, outcome="failure"),
    "a set-id program": Told(privilege="setuid_exec"),
    "root": Told(privilege="uid_to_root"),
    "the container's passwords": Told(fim="credentials.shadow", reason="shell_under_server", severity=4),
    "the host's disk is mounted": Told(fim="devices", severity=3),
    "the host's passwords": Told(fim="credentials.shadow", reason="host_root", severity=4),
    "a job in the host's crontab": Told(fim="persistence.cron", reason="host_root", severity=4),
    "the host's log is emptied": Told(fim="audit.logs", reason="host_root", severity=4),
    "a key, from the host's cron": Told(fim="ssh.authorized_keys", severity=4),
}


def documents(lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
    memory, pipeline = Memory(), Pipeline(AGENTS, original=False)
    for _, node, line in lines:
        record = Record("tetragon.events", 0, 0, TIMESTAMP, node.encode(), line, {})
        [(value, _)] = pipeline.enrich(memory, record).blocks
        yield json.loads(value.splitlines()[1])


def tells(document: dict[str, Any], wanted: Told) -> bool:
    fim: dict[str, Any] = document["tetragon"].get("fim", {})
    privilege = document["tetragon"].get("privilege", {})
    return (
        (wanted.fim is None or fim.get("category") == wanted.fim)
        and (wanted.reason is None or wanted.reason in fim.get("reason", ()))
        and (wanted.severity is None or fim.get("severity") == wanted.severity)
        and (wanted.privilege is None or wanted.privilege in privilege.get("tags", ()))
        and (wanted.tag is None or wanted.tag in document.get("tags", ()))
        and (wanted.outcome is None or document["event"].get("outcome") == wanted.outcome)
    )


@pytest.fixture(scope="module")
def intruded() -> list[dict[str, Any]]:
    attack = {line for _, _, line in intrusion(SEED, NODES, MINUTES)}
    told = list(story(SEED, NODES, MINUTES, RATE))
    return [made for (_, _, line), made in zip(told, documents(told), strict=True) if line in attack]


def test_each_step_of_the_intrusion_is_told_in_its_order(intruded: list[dict[str, Any]]) -> None:
    left = iter(intruded)
    for step, wanted in STEPS.items():
        assert any(tells(made, wanted) for made in left), f"not told, or not after the step before it: {step}"


def test_what_the_intruder_runs_was_dropped_by_what_the_intruder_ran_before(intruded: list[dict[str, Any]]) -> None:
    [made] = [made for made in intruded if "drop_and_exec" in made.get("tags", ())]
    [by] = [other for other in intruded if other["process"]["entity_id"] == made["tetragon"]["dropped"]["by"]][:1]

    assert made["process"]["executable"] == "/tmp/.x"
    assert by["process"]["executable"] == made["tetragon"]["dropped"]["executable"] == "/usr/bin/curl"


def test_each_grave_step_of_the_intrusion_is_a_finding(intruded: list[dict[str, Any]]) -> None:
    rules = {found["rule"] for made in intruded for found in made["tetragon"].get("findings", ())}

    assert rules >= {
        f"fim.{wanted.fim}" for wanted in STEPS.values() if wanted.fim is not None and (wanted.severity or 0) >= GRAVE
    }
    assert "privilege.uid_to_root" in rules


def test_an_ordinary_day_has_few_grave_findings() -> None:
    """Of all agents together. Most of what is medium is what people and jobs do on purpose."""
    found: Counter[int] = Counter()
    number = 0
    for made in documents(ordinary(SEED, NODES, MINUTES, RATE)):
        number += 1
        found.update(each["severity"] for each in made["tetragon"].get("findings", ()))

    assert number > 5_000
    assert sum(found[severity] for severity in (3, 4)) / number <= 5 / 10_000
    assert 0 < found[2] / number <= 5 / 100
