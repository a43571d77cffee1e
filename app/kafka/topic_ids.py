"""The topics' identities and partition counts, which aiokafka's own metadata request is too old to ask for.

Kafka gives a topic an id when it is made: a topic that was deleted and made anew has the same name and another id.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from io import BytesIO
from typing import Final, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from app.errors import Stop
from app.kafka.connection import connection
from app.settings import Settings

NO_ID: Final = bytes(16)


class Topic(NamedTuple):
    """`id` as Kafka's own tools print it."""

    id: str
    partitions: int


class Cluster(NamedTuple):
    """`topics` are those that were asked for and exist; the others are by their names."""

    brokers: int
    topics: dict[str, Topic]
    copies: dict[str, int]  # of the partition that has the fewest
    leaderless: dict[str, int]  # how many partitions have no broker now; a topic without any is left out
    rights: dict[str, frozenset[str]]  # what this user may do with it, as RIGHTS names it
    refused: dict[str, KafkaError]  # topics that Kafka tells nothing of


# Kafka's numbers for operations are the bits that it tells of them.
RIGHTS: Final = {3: "Read", 4: "Write", 5: "Create", 7: "Alter", 8: "Describe", 10: "DescribeConfigs"}
_ALL_RIGHTS: Final = frozenset(RIGHTS.values())
_NOT_TOLD: Final = -(2**31)


class _Uuid(AbstractType[bytes]):  # type: ignore[misc]  # aiokafka ships no types
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequestStruct(RequestStruct):  # type: ignore[misc]  # aiokafka ships no types
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class MetadataRequest(Request[_MetadataRequestStruct]):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 3

    def __init__(self, names: Iterable[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_MetadataRequestStruct]) -> _MetadataRequestStruct:
        return request_struct_class([(NO_ID, name, {}) for name in self._names], False, True, {})


async def topics_by_name(settings: Settings, names: Iterable[str]) -> dict[str, Topic]:
    """Those of `names` that exist. Raises KafkaError when Kafka is away or grants no look at them, Stop when it is
    older than topic ids."""
    found = await describe(settings, names)
    for error in found.refused.values():
        raise error
    return found.topics


async def describe(settings: Settings, names: Iterable[str]) -> Cluster:
    """Raises KafkaError when Kafka is away, Stop when it is older than topic ids."""
    client = AIOKafkaClient(**connection(settings))
    await client.bootstrap()
    try:
        response = await client.send(client.get_random_node(), MetadataRequest(names))
    except (NotImplementedError, IncompatibleBrokerVersion) as error:
        raise Stop(
            f"Kafka at {settings.kafka!r} is too old to tell a topic's id. Expected Kafka 3.1 or later."
        ) from error
    finally:
        await client.close()
    cluster = Cluster(len(response.brokers), {}, {}, {}, {}, {})
    for error_code, name, raw_id, _, partitions, rights, *_ in response.topics:
        if error_code == UnknownTopicOrPartitionError.errno:
            continue
        if error_code:
            cluster.refused[name] = for_code(error_code)(name)
            continue
        if raw_id == NO_ID:
            raise Stop(
                f"Topic {name!r} has no id, as topics of Kafka before 2.8 have none. Expected one: make it anew."
            )
        cluster.topics[name] = Topic(urlsafe_b64encode(raw_id).rstrip(b"=").decode("ascii"), len(partitions))
        cluster.copies[name] = min((len(each[4]) for each in partitions), default=0)
        if leaderless := sum(each[2] < 0 for each in partitions):
            cluster.leaderless[name] = leaderless
        cluster.rights[name] = rights_in(rights)
    return cluster


def rights_in(bits: int) -> frozenset[str]:
    """All of them where Kafka tells nothing."""
    return _ALL_RIGHTS if bits == _NOT_TOLD else frozenset(name for bit, name in RIGHTS.items() if bits >> bit & 1)
