"""What is told of Kafka: as a table where a description of it is enough, on the real one where it is not."""

import asyncio
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAuthorizationFailedError

from app.check.finding import Finding
from app.check.kafka import (
    config_findings,
    copies_findings,
    kafka_findings,
    rights_findings,
    too_many_copies,
)
from app.kafka.rights import Command
from app.kafka.topic_ids import RIGHTS, Cluster, Topic, rights_in
from app.kafka.topics import CONFIGS, topic_names
from app.local.kafka import Kafka
from app.local.ports import free_ports
from app.settings import Settings
from app.setup import setup

NAMES = topic_names(Settings())
ALL = frozenset(RIGHTS.values())
BOTH: frozenset[Command] = frozenset(("ship", "work"))


def cluster(
    *, brokers: int = 3, copies: int = 3, leaderless: Mapping[str, int] | None = None, lacking: Mapping[str, str] = {}
) -> Cluster:
    return Cluster(
        brokers,
        {name: Topic("id", 12) for name in NAMES.values()},
        dict.fromkeys(NAMES.values(), copies),
        dict(leaderless or {}),
        {name: ALL - {lacking.get(role, "")} for role, name in NAMES.items()},
        {},
    )


def statuses(findings: list[Finding]) -> list[str]:
    return [finding.status for finding in findings]


@pytest.mark.parametrize(
    ("role", "right", "command"),
    [
        ("events", "Write", "ship"),
        ("events", "Read", "work"),
        ("documents", "Write", "work"),
        ("checkpoints", "Read", "work"),
        ("rejected", "Write", "work"),
    ],
)
def test_a_right_that_is_missing_is_named_with_its_topic_and_who_needs_it(role: str, right: str, command: str) -> None:
    found = list(rights_findings(Settings(kafka_username="u"), cluster(lacking={role: right}), BOTH))
    failed = [finding for finding in found if finding.status == "failed"]
    assert len(failed) == 1
    assert failed[0].text == f"user 'u' lacks what `{command}` needs: {right} on tetragon.{role}."


def test_a_right_that_nobody_needs_is_not_asked_for() -> None:
    assert statuses(list(rights_findings(Settings(), cluster(lacking={"rejected": "Read"}), BOTH))) == [
        "ok",
        "ok",
    ]
    assert statuses(list(rights_findings(Settings(), cluster(lacking={"events": "Read"}), frozenset(("ship",))))) == [
        "ok"
    ]


def test_a_topic_that_may_not_be_looked_at_lacks_every_right() -> None:
    seen = cluster()
    refused = seen._replace(rights={}, refused={NAMES["events"]: TopicAuthorizationFailedError()})
    [finding] = rights_findings(Settings(), refused, frozenset(("ship",)))
    assert "Write on tetragon.events" in finding.text


@pytest.mark.parametrize(
    ("bits", "rights"),
    [
        (-(2**31), ALL),
        (0, set()),
        (1 << 3 | 1 << 8, {"Read", "Describe"}),
        (1 << 4 | 1 << 8 | 1 << 10 | 1 << 11, {"Write", "Describe", "DescribeConfigs"}),
    ],
)
def test_rights_are_the_bits_that_kafka_tells(bits: int, rights: set[str]) -> None:
    assert rights_in(bits) == rights


@pytest.mark.parametrize(
    ("brokers", "copies", "expected"), [(3, 3, []), (3, 1, ["warning"]), (1, 1, []), (2, 1, []), (5, 2, [])]
)
def test_one_copy_is_a_warning_where_there_could_be_three(brokers: int, copies: int, expected: list[str]) -> None:
    assert statuses(list(copies_findings(cluster(brokers=brokers, copies=copies)))) == expected


def test_partitions_without_a_broker_are_a_failure() -> None:
    [finding] = copies_findings(cluster(leaderless={"tetragon.events": 4}))
    assert finding.status == "failed"
    assert "tetragon.events: 4 of 12 partitions have no broker now." in finding.text


@pytest.mark.parametrize(("replication", "brokers", "count"), [(3, 1, 1), (3, 3, 0), (1, 1, 0)])
def test_more_copies_than_brokers_are_told_before_setup(replication: int, brokers: int, count: int) -> None:
    assert len(list(too_many_copies(Settings(replication=replication), brokers))) == count


@pytest.mark.parametrize(
    ("role", "changed", "status", "text"),
    [
        ("events", {}, None, ""),
        ("events", {"retention.ms": "3600000"}, "warning", "retention.ms is '3600000', expected '259200000'"),
        ("events", {"cleanup.policy": "compact"}, "failed", "Kafka would delete what is needed"),
        ("checkpoints", {"cleanup.policy": "delete"}, "failed", "Kafka would delete what is needed"),
        ("events", {"min.insync.replicas": "4"}, "failed", "min.insync.replicas is 4, and a partition has 3 copies"),
        ("events", {"min.insync.replicas": "3"}, None, ""),
    ],
)
def test_a_configuration_that_does_harm_is_a_failure_and_a_choice_is_a_warning(
    role: str, changed: dict[str, str], status: str | None, text: str
) -> None:
    config = dict(CONFIGS[role]) | changed
    found = list(config_findings(role, NAMES[role], config, cluster()))
    assert statuses(found) == ([status] if status else [])
    assert text in "".join(finding.text for finding in found)


async def test_kafka_that_is_away_is_told_in_time(tmp_path: Path) -> None:
    [port] = free_ports(1)
    [finding, skipped] = await kafka_findings(Settings(kafka=f"127.0.0.1:{port}"), BOTH)
    assert (finding.status, skipped.status) == ("failed", "skipped")
    assert f"Kafka cannot be reached at '127.0.0.1:{port}'" in finding.text
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        found = await kafka_findings(Settings(kafka=address), BOTH)
        assert time.monotonic() - began < 2.5
    assert found[0].status == "failed"
    wrong = Settings(kafka_security="SSL", kafka_ca=tmp_path / "none.pem")
    [finding, _] = await kafka_findings(wrong, BOTH)
    assert "TLS with Kafka cannot be set up from TETRASTASH_KAFKA_CA" in finding.text


async def test_before_setup_topics_are_missing_and_after_it_nothing_is(settings: Settings) -> None:
    found = await kafka_findings(settings, BOTH)
    assert statuses(found)[:2] == ["ok", "failed"]
    assert found[1].todo == "Run `tetrastash setup`, which makes what is missing."
    assert all(name in found[1].text for name in topic_names(settings).values())
    await setup(settings)
    found = await kafka_findings(settings, BOTH)
    assert {finding.status for finding in found} == {"ok"}
    assert found[-1].text == "all four as setup left them, 4 partitions each"
    assert statuses(await kafka_findings(settings, frozenset(("ship",)))) == ["ok", "ok"]


async def test_one_bootstrap_server_of_two_is_enough(settings: Settings) -> None:
    await setup(settings)
    [port] = free_ports(1)
    both = settings.model_copy(update={"kafka": f"127.0.0.1:{port},{settings.kafka}"})
    found = await kafka_findings(both, BOTH)
    assert statuses(found)[0] == "warning"
    assert {finding.status for finding in found[1:]} == {"ok"}


async def test_topics_that_nobody_has_set_up_are_told(settings: Settings, kafka: Kafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 2, 1) for name in topic_names(settings).values()])
    await admin.close()
    for _ in range(100):
        found = await kafka_findings(settings, BOTH)
        if not any("missing" in finding.text for finding in found):
            break
        await asyncio.sleep(0.1)
    failed = [finding.text for finding in found if finding.status == "failed"]
    assert any("cleanup.policy is 'delete', expected 'compact'" in text for text in failed)
    assert failed[-1] == "they are there, but nobody has set them up."
