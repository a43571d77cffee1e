"""`tetrastash setup`: makes the topics and the index template, or checks those that are there."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, TypeVar

import click
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidReplicationFactorError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)
from elastic_transport import TransportError
from elasticsearch import ApiError

from app import elastic
from app.elastic.reach import why_elasticsearch_fails
from app.errors import Retry, Stop
from app.index.install import install, refusal
from app.kafka.connection import connection
from app.kafka.reach import why_kafka_is_away
from app.kafka.topic_ids import Topic, topics_by_name
from app.kafka.topics import (
    CONFIGS,
    Topics,
    config_of,
    differences,
    read_record,
    record_of,
    require_equal_partitions,
    require_recorded,
    topic_names,
    write_record,
)
from app.settings import Settings

PATIENCE: Final = 120.0  # seconds for Kafka and Elasticsearch to come up, when all are started together
PAUSE: Final = 1.0
SHOWN_SECONDS: Final = 10.0

T = TypeVar("T")


async def setup(settings: Settings, patience: float = PATIENCE) -> int:
    """Tells a line for each thing. Raises Stop for what a person must mend, and when Kafka or Elasticsearch stays away
    for `patience` seconds."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would tell is told here, in sentences
    deadline = time.monotonic() + patience
    made: set[str] = set()
    for step in (partial(_topics, settings, made), partial(_template, settings)):
        for line in await _patiently(step, deadline):
            click.echo(line)
    return 0


async def _patiently(step: Callable[[], Awaitable[T]], deadline: float) -> T:
    told = ""
    while True:
        try:
            return await step()
        except Retry as error:
            reason = str(error)
        left = deadline - time.monotonic()
        if left <= 0:
            raise Stop(reason)
        if reason != told:
            click.echo(f"waiting, for {left:.0f} s at most: {reason}", err=True)
            told = reason
        await asyncio.sleep(PAUSE)


async def _topics(settings: Settings, made: set[str]) -> list[str]:
    """What was done, a line each; `made` gathers names over several attempts. Raises Retry while Kafka is away, Stop
    when it refuses."""
    try:
        return await _make_or_check(settings, made)
    except (TopicAuthorizationFailedError, ClusterAuthorizationFailedError) as error:
        raise Stop(
            f"Kafka does not let user {settings.kafka_username!r} make or describe the topics of "
            f"TETRASTASH_TOPIC_PREFIX={settings.topic_prefix!r}: {error}. Expected the rights Create, Describe "
            "and DescribeConfigs on them, and Read and Write on that of the checkpoints."
        ) from error
    except (KafkaError, OSError) as error:
        raise Retry(f"{await why_kafka_is_away(settings)} ({error!r})") from error


async def _make_or_check(settings: Settings, made: set[str]) -> list[str]:
    names = topic_names(settings)
    present = await topics_by_name(settings, names.values())
    missing = {role: name for role, name in names.items() if name not in present}
    partitions = next(iter(present.values())).partitions if present else settings.partitions
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        if missing:
            await _make(admin, missing, partitions, settings.replication, made)
            present = await _shown(settings, names)
        topics = Topics(*(present[name] for name in names.values()))
        require_equal_partitions(settings, topics)
        lines = []
        for role, name in names.items():
            if name in made:
                lines.append(f"topic {name}: made, {partitions} partitions")
            else:
                lines += _told(settings, role, name, present[name], await config_of(admin, name))
    finally:
        await admin.close()
    recorded = await read_record(settings)
    if recorded is None:
        await write_record(settings, record_of(topics))
    else:
        require_recorded(settings, topics, recorded)
    return lines


async def _make(
    admin: AIOKafkaAdminClient, missing: Mapping[str, str], partitions: int, replication: int, made: set[str]
) -> None:
    """Adds to `made`. Raises KafkaError while Kafka is away, Retry while it has too few brokers, Stop if it refuses."""
    answer = await admin.create_topics(
        [NewTopic(name, partitions, replication, topic_configs=dict(CONFIGS[role])) for role, name in missing.items()]
    )
    for name, code, message in answer.topic_errors:
        error = for_code(code)
        if not code:
            made.add(name)
        elif code == InvalidReplicationFactorError.errno:
            raise Retry(
                f"Kafka cannot make topic {name!r} with TETRASTASH_REPLICATION={replication}: {message} Expected as "
                "many brokers at least."
            )
        elif error.retriable or error in (TopicAuthorizationFailedError, ClusterAuthorizationFailedError):
            raise error(message)
        elif error is not TopicAlreadyExistsError:  # which another setup has made since we looked
            raise Stop(f"Kafka refuses to make topic {name!r}: {error.message}: {message}")


async def _shown(settings: Settings, names: Mapping[str, str]) -> dict[str, Topic]:
    """A broker learns of a topic some time after the controller has made it."""
    deadline = time.monotonic() + SHOWN_SECONDS
    while time.monotonic() < deadline:
        found = await topics_by_name(settings, names.values())
        if len(found) == len(names):
            return found
        await asyncio.sleep(SHOWN_SECONDS / 100)
    raise Retry("Kafka has made the topics, and does not show them yet.")


def _told(settings: Settings, role: str, name: str, topic: Topic, config: Mapping[str, str]) -> list[str]:
    """Raises Stop for a topic that would lose records."""
    lines = []
    if topic.partitions == settings.partitions:
        lines.append(f"topic {name}: already there, {topic.partitions} partitions")
    else:
        lines.append(
            f"topic {name}: already there, {topic.partitions} partitions, which stay; TETRASTASH_PARTITIONS is "
            f"{settings.partitions}"
        )
    for config_name, value, expected, harmful in differences(role, config):
        sentence = f"topic {name}: {config_name} is {value!r}, expected {expected!r}"
        if harmful:
            raise Stop(
                f"{sentence}: Kafka would delete what is needed. Change it with kafka-configs.sh, and run "
                "`tetrastash setup` again."
            )
        lines.append(f"{sentence}; left as it is")
    return lines


async def _template(settings: Settings) -> list[str]:
    """What was done, a line each. Raises Retry while Elasticsearch is away, Stop when it refuses."""
    async with elastic.client(settings) as client:
        try:
            return await install(client, settings.data_stream)
        except (ApiError, TransportError) as error:
            if isinstance(error, ApiError) and error.meta.status == 403:
                raise Stop(
                    f"Elasticsearch at {settings.elasticsearch!r} does not let this user make the index template: "
                    f"{refusal(error)}. Expected the cluster right manage_index_templates, and view_index_metadata on "
                    "the data stream."
                ) from error
            raise why_elasticsearch_fails(settings, error) from error
