"""The four topics: what they should be like, and whether they are still the ones that setup saw.

The order of a node's events hangs on the partition count, and a checkpoint on the topic's identity. Setup therefore
writes both down as the first record of the checkpoints topic, and every worker compares.
"""

import time
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from app.errors import Retry, TopicError
from app.kafka.connection import connection, producer_defaults
from app.kafka.topic_ids import Topic, topics_by_name
from app.settings import Settings

EVENTS_LIMIT: Final = 8 * 2**20  # bytes of a record: a line of 5 MB, with what other producers wrap around theirs
DOCUMENTS_LIMIT: Final = 3 * EVENTS_LIMIT

_HOUR: Final = 3_600_000  # ms
_KEPT: Final = {"cleanup.policy": "delete", "retention.ms": str(72 * _HOUR)}
# Only closed segments are compacted; one must hold the largest record, and an idle one must close all the same.
_SEGMENTS: Final = {"segment.bytes": str(2 * DOCUMENTS_LIMIT), "max.message.bytes": str(DOCUMENTS_LIMIT)}

CONFIGS: Final[Mapping[str, Mapping[str, str]]] = {
    "events": _KEPT | {"max.message.bytes": str(EVENTS_LIMIT)},
    "documents": _KEPT | {"max.message.bytes": str(DOCUMENTS_LIMIT)},
    "checkpoints": _SEGMENTS
    | {
        "cleanup.policy": "compact",
        "segment.ms": str(_HOUR // 6),
        "min.cleanable.dirty.ratio": "0.1",
        "delete.retention.ms": str(_HOUR // 6),
    },
    # Compacted too: a letter that is sent twice is one letter, and a tombstone takes it away.
    "rejected": _SEGMENTS
    | {"cleanup.policy": "compact,delete", "retention.ms": str(14 * 24 * _HOUR), "segment.ms": str(_HOUR)},
}
_AT_LEAST: Final = {"max.message.bytes", "retention.ms", "segment.bytes"}

VERSION: Final = 1
_SETUP_KEY: Final = b"setup"  # a checkpoint's key begins with a digit
_SETUP: Final = 0  # the partition
_STALLED_SECONDS: Final = 30.0


class Topics(NamedTuple):
    events: Topic
    documents: Topic
    checkpoints: Topic
    rejected: Topic


class Recorded(msgspec.Struct, frozen=True):
    """What setup saw. Not the rejected topic's id: to empty it by making it anew harms nothing."""

    partitions: int
    topic_ids: dict[str, str]
    version: int = VERSION


class Difference(NamedTuple):
    """`harmful`: records would vanish; else it is the operator's choice."""

    config: str
    value: str
    expected: str
    harmful: bool


def topic_names(settings: Settings) -> dict[str, str]:
    """By role, as in CONFIGS and Topics."""
    return {
        "events": settings.events_topic,
        "documents": settings.documents_topic,
        "checkpoints": settings.checkpoints_topic,
        "rejected": settings.rejected_topic,
    }


async def check_topics(settings: Settings) -> Topics:
    """Raises TopicError for a topic that is not as setup left it; KafkaError or Retry while Kafka is away."""
    names = topic_names(settings)
    found = await topics_by_name(settings, names.values())
    for name in names.values():
        if name not in found:
            raise TopicError(f"Topic {name!r} is missing. Run `tetrastash setup`, which makes it.")
    topics = Topics(*(found[name] for name in names.values()))
    require_equal_partitions(settings, topics)
    recorded = await read_record(settings)
    if recorded is None:
        raise TopicError(
            f"The topics of TETRASTASH_TOPIC_PREFIX={settings.topic_prefix!r} are there, but nobody has set them up. "
            "Run `tetrastash setup`, which checks them and writes down what they are."
        )
    require_recorded(settings, topics, recorded)
    return topics


def require_equal_partitions(settings: Settings, topics: Topics) -> None:
    """Raises TopicError. A checkpoint and a dead letter have the partition number of their source."""
    names = topic_names(settings)
    counts = {names[role]: topic.partitions for role, topic in topics._asdict().items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise TopicError(
            f"The topics differ in their partition counts: {told}. Expected the same for all four. Make those anew "
            "that hold nothing yet, or set another TETRASTASH_TOPIC_PREFIX, and run `tetrastash setup`."
        )


def require_recorded(settings: Settings, topics: Topics, recorded: Recorded) -> None:
    """Raises TopicError."""
    names = topic_names(settings)
    anew = "Set another TETRASTASH_TOPIC_PREFIX, or delete all four topics, and run `tetrastash setup`."
    if topics.events.partitions != recorded.partitions:
        raise TopicError(
            f"Topic {names['events']!r} has {topics.events.partitions} partitions. Expected {recorded.partitions}, as "
            f"when it was set up: with another count a node's events change their partition. {anew}"
        )
    for role, topic_id in recorded.topic_ids.items():
        present = getattr(topics, role).id
        if present != topic_id:
            raise TopicError(
                f"Topic {names[role]!r} has the id {present!r}. Expected {topic_id!r}, as when it was set up: it was "
                f"deleted and made anew, and what was remembered of it is no longer true. {anew}"
            )


def record_of(topics: Topics) -> Recorded:
    ids = {"events": topics.events.id, "documents": topics.documents.id}
    return Recorded(topics.events.partitions, ids)


def differences(role: str, actual: Mapping[str, str]) -> list[Difference]:
    """Between a topic's configuration and the one that setup would have given it."""
    found = []
    for config, expected in CONFIGS[role].items():
        value = actual.get(config)
        if value is None or value == expected:
            continue
        if config in _AT_LEAST and (value == "-1" or int(value) >= int(expected)):
            continue
        policies, kept = set(value.split(",")), set(expected.split(","))
        if config == "cleanup.policy" and policies == kept:
            continue
        found.append(Difference(config, value, expected, config == "cleanup.policy" and role != "rejected"))
    return found


async def config_of(admin: AIOKafkaAdminClient, name: str) -> dict[str, str]:
    """Raises KafkaError, where this user may not look at it too."""
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    (resource,) = answer.resources
    code, message, entries = resource[0], resource[1], resource[4]
    if code:
        raise for_code(code)(message)
    return {entry[0]: entry[1] for entry in entries if entry[1] is not None}


async def read_record(settings: Settings) -> Recorded | None:
    """None when setup has not been there. Raises TopicError when it is of a later version."""
    place = TopicPartition(settings.checkpoints_topic, _SETUP)
    consumer = AIOKafkaConsumer(**connection(settings), group_id=None, enable_auto_commit=False, fetch_max_wait_ms=100)
    try:
        await consumer.start()
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        end = (await consumer.end_offsets([place]))[place]
        deadline = time.monotonic() + _STALLED_SECONDS
        while await consumer.position(place) < end:
            fetched = await consumer.getmany(place, timeout_ms=500)
            # It is the first record, unless operators put others into the topic beforehand.
            for record in fetched.get(place, ()):
                if record.key == _SETUP_KEY and record.value is not None:
                    return _decode(settings, record.value)
            if fetched:
                deadline = time.monotonic() + _STALLED_SECONDS
            elif time.monotonic() > deadline:
                raise Retry(f"Topic {place.topic!r} could not be read: nothing came for {_STALLED_SECONDS:.0f} s.")
        return None
    finally:
        await consumer.stop()


async def write_record(settings: Settings, recorded: Recorded) -> None:
    """Returns when Kafka has it."""
    producer = AIOKafkaProducer(**producer_defaults(settings))
    try:
        await producer.start()
        await producer.send_and_wait(settings.checkpoints_topic, msgspec.json.encode(recorded), _SETUP_KEY, _SETUP)
    finally:
        await producer.stop()


def _decode(settings: Settings, value: bytes) -> Recorded:
    try:
        recorded = msgspec.json.decode(value, type=Recorded)
    except msgspec.DecodeError:
        recorded = None
    if recorded is None or recorded.version != VERSION:
        raise TopicError(
            f"What setup wrote into {settings.checkpoints_topic!r} is {value[:200]!r}. Expected version {VERSION}: run "
            "the tetrastash that wrote it, or a later one."
        )
    return recorded
