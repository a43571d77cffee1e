"""What each command has to be allowed on a Kafka with ACLs, and what of it is lacking."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError

from app.kafka.connection import connection
from app.kafka.topic_ids import Cluster, describe
from app.kafka.topics import topic_names
from app.settings import Settings

Command: TypeAlias = Literal["ship", "work"]


class Right(NamedTuple):
    """On a topic."""

    command: Literal["setup"] | Command
    role: str  # as in topic_names
    right: str


_ROLES: Final = ("events", "documents", "checkpoints", "rejected")

RIGHTS: Final = (
    *(Right("setup", role, right) for role in _ROLES for right in ("Create", "Describe", "DescribeConfigs")),
    Right("setup", "checkpoints", "Read"),
    Right("setup", "checkpoints", "Write"),
    Right("ship", "events", "Write"),
    Right("work", "events", "Read"),
    Right("work", "documents", "Read"),
    Right("work", "documents", "Write"),
    Right("work", "checkpoints", "Read"),
    Right("work", "checkpoints", "Write"),
    Right("work", "rejected", "Write"),
)


async def lacking_to_work(settings: Settings) -> list[str]:
    """Raises KafkaError or Stop as `describe` does. A topic that is missing lacks nothing."""
    cluster = await describe(settings, topic_names(settings).values())
    return [*lacking_on_topics(settings, cluster, "work"), *await lacking_on_groups(settings)]


def lacking_on_topics(settings: Settings, cluster: Cluster, command: Command) -> Iterator[str]:
    names = topic_names(settings)
    for need in RIGHTS:
        name = names[need.role]
        if need.command == command and (
            name in cluster.refused or need.right not in cluster.rights.get(name, {need.right})
        ):
            yield f"{need.right} on {name}"


async def lacking_on_groups(settings: Settings) -> list[str]:
    """Kafka tells of a group that is not there yet, too."""
    admin = AIOKafkaAdminClient(**connection(settings))
    found = []
    try:
        await admin.start()
        for group in (settings.enrich_group, settings.index_group):
            try:
                await admin.find_coordinator(group)
            except GroupAuthorizationFailedError:
                found.append(f"Read on the group {group}")
            except KafkaError:
                break  # a Kafka that nobody has used yet has to make a topic for its groups first
    finally:
        await admin.close()
    return found


def not_allowed(settings: Settings, command: Command, lacking: list[str]) -> str:
    return (
        f"Kafka does not let user {settings.kafka_username!r} do what `{command}` needs: {', '.join(lacking)}. "
        "Expected it to be granted, with kafka-acls.sh for example; it is waited for."
    )
