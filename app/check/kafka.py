"""Kafka, and the topics in it."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from app.check.finding import Finding, failed, ok, refused, skipped, warning
from app.errors import TetrastashError
from app.kafka.connection import connection
from app.kafka.reach import brokers_are_away, try_servers
from app.kafka.rights import Command, lacking_on_groups, lacking_on_topics
from app.kafka.topic_ids import Cluster, describe
from app.kafka.topics import (
    Topics,
    config_of,
    differences,
    read_record,
    require_equal_partitions,
    require_recorded,
    topic_names,
)
from app.settings import Settings

REACH_SECONDS: Final = 1.5
ANSWER_SECONDS: Final = 8.0  # for all that is asked of a Kafka that is reached
MANY_BROKERS: Final = 3

_SETUP: Final = "Run `tetrastash setup`, which makes what is missing."


async def kafka_findings(settings: Settings, commands: frozenset[Command]) -> list[Finding]:
    found: list[Finding] = []
    try:
        tried = await try_servers(settings, REACH_SECONDS)
    except TetrastashError as error:  # a certificate or a password that is not there
        return [refused("kafka", error), skipped("topics", "not looked at, for Kafka is not reached")]
    answering = [server for server, reason in tried.items() if not reason]
    for reason in filter(None, tried.values()):
        finding = refused("kafka", reason)
        found.append(finding._replace(status="warning") if answering else finding)
    if not answering:
        return [*found, skipped("topics", "not looked at, for Kafka is not reached")]
    reached = settings.model_copy(update={"kafka": ",".join(answering)})
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await _look(reached, commands, found)
    except TetrastashError as error:
        found.append(refused("topics", error))
    except (KafkaError, OSError) as error:
        reason = f"nothing within {ANSWER_SECONDS:.0f} s" if isinstance(error, TimeoutError) else repr(error)
        finding = refused("kafka", brokers_are_away(reached))
        found.append(finding._replace(text=f"{finding.text} ({reason})"))
    return found


async def _look(settings: Settings, commands: frozenset[Command], found: list[Finding]) -> None:
    """Adds to `found`, so that what is known when time is up is told."""
    names = {role: name for role, name in topic_names(settings).items() if role == "events" or "work" in commands}
    cluster = await describe(settings, names.values())
    brokers = "1 broker" if cluster.brokers == 1 else f"{cluster.brokers} brokers"
    found.append(ok("kafka", f"{brokers} reached by {settings.kafka!r}"))
    missing = [name for name in names.values() if name not in cluster.topics and name not in cluster.refused]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        found.append(failed("topics", f"{', '.join(missing)} {verb} missing.", _SETUP))
        found += too_many_copies(settings, cluster.brokers)
    found += rights_findings(settings, cluster, commands)
    if "work" in commands and (lacking := await lacking_on_groups(settings)):
        told = f"user {settings.kafka_username!r} lacks what `work` needs: {', '.join(lacking)}."
        found.append(failed("kafka rights", told, "Grant it, with kafka-acls.sh for example."))
    if len(cluster.topics) < len(names):
        return
    found += copies_findings(cluster)
    configs = await _configs(settings, names, found)
    found += [finding for role in configs for finding in config_findings(role, names[role], configs[role], cluster)]
    if "work" in commands:
        found.append(await _as_set_up(settings, Topics(*(cluster.topics[name] for name in names.values()))))


def rights_findings(settings: Settings, cluster: Cluster, commands: frozenset[Command]) -> Iterator[Finding]:
    for command in sorted(commands):
        lacking = list(lacking_on_topics(settings, cluster, command))
        if lacking:
            yield failed(
                "kafka rights",
                f"user {settings.kafka_username!r} lacks what `{command}` needs: {', '.join(lacking)}.",
                f"Grant them, with kafka-acls.sh for example. A machine that does not run `{command}` needs none of "
                "them: see --only.",
            )
        elif cluster.topics:
            yield ok("kafka rights", f"on the topics that are there: all that `{command}` needs")


def too_many_copies(settings: Settings, brokers: int) -> Iterator[Finding]:
    if settings.replication > brokers:
        yield failed(
            "topics",
            f"TETRASTASH_REPLICATION={settings.replication}, and Kafka has {brokers} of as many brokers.",
            "Setup can make no topic so: start more brokers, or lower it.",
        )


def copies_findings(cluster: Cluster) -> Iterator[Finding]:
    for name, partitions in cluster.leaderless.items():
        yield failed(
            "topics",
            f"{name}: {partitions} of {cluster.topics[name].partitions} partitions have no broker now.",
            "Bring their brokers back; until then nothing of these partitions is read or written.",
        )
    single = [name for name, copies in cluster.copies.items() if copies == 1]
    if cluster.brokers >= MANY_BROKERS and single:
        yield warning(
            "topics",
            f"one copy alone, in a Kafka of {cluster.brokers} brokers: {', '.join(single)}.",
            "A broker that dies takes its part along. `setup` with TETRASTASH_REPLICATION=3 makes new topics with "
            "three; kafka-reassign-partitions.sh gives them to those that are there.",
        )


def config_findings(role: str, name: str, config: Mapping[str, str], cluster: Cluster) -> Iterator[Finding]:
    for key, value, expected, harmful in differences(role, config):
        text = f"{name}: {key} is {value!r}, expected {expected!r}"
        if harmful:
            yield failed(
                "topics",
                f"{text}: Kafka would delete what is needed.",
                f"kafka-configs.sh --alter --topic {name} --add-config {key}={expected}",
            )
        else:
            yield warning("topics", f"{text}.", "It is yours to choose; setup leaves it as it is.")
    in_sync = int(config.get("min.insync.replicas", 1))
    if in_sync > cluster.copies.get(name, in_sync):
        yield failed(
            "topics",
            f"{name}: min.insync.replicas is {in_sync}, and a partition has {cluster.copies[name]} copies: Kafka takes "
            "no record.",
            "Lower it, or add copies.",
        )


async def _configs(settings: Settings, names: Mapping[str, str], found: list[Finding]) -> dict[str, dict[str, str]]:
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        return {role: await config_of(admin, name) for role, name in names.items()}
    except TopicAuthorizationFailedError:
        found.append(skipped("topics", "configuration not looked at, for it needs the right DescribeConfigs"))
        return {}
    finally:
        await admin.close()


async def _as_set_up(settings: Settings, topics: Topics) -> Finding:
    try:
        require_equal_partitions(settings, topics)
        recorded = await read_record(settings)
        if recorded is None:
            return failed("topics", "they are there, but nobody has set them up.", _SETUP)
        require_recorded(settings, topics, recorded)
    except TopicAuthorizationFailedError:
        return skipped("topics", "what setup wrote down of them is not looked at, for lack of a right to read it")
    except TetrastashError as error:
        return refused("topics", error)
    return ok("topics", f"all four as setup left them, {topics.events.partitions} partitions each")
