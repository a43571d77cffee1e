"""A Kafka record, and the headers that tell what its value is.

`tetragon.events` carries *blocks*: consecutive whole lines of one file, exactly as they lie on disk, so that the place
of every line follows from the place of the first. A record by another producer has none of these headers and is a
block all the same. `tetragon.documents` carries blocks in the format of Elasticsearch's bulk API. Changing a name or a
meaning here is a migration of every topic.
"""

from typing import Final

import msgspec

FORMAT_VERSION: Final = b"1"

# On tetragon.events
FORMAT: Final = "format"  # FORMAT_VERSION
PATH: Final = "path"  # of the log; a rotated backup keeps the name of the log that it was
SHIPPER: Final = "shipper"  # id of the position file: within one, file and position name the same bytes for ever
FILE: Final = "file"  # fingerprint of the file (schemas.identity), the same for a backup and its .gz
POSITION: Final = "position"  # of the value's first byte in the uncompressed file
LINE: Final = "line"  # ordinal of the first line in the file, from 0
LINES: Final = "lines"  # how many lines the value holds
STATEMENT: Final = "statement"  # schemas.ledger.Statement as JSON, of what its shipper has sent before; without a value
REPLAY: Final = "replay"  # id of the dead letter whose line this is: one that fails again is the same letter

# On tetragon.documents
DOCUMENTS: Final = "documents"  # how many documents the value holds
SOURCE: Final = "source"  # "<partition>:<offset>" in tetragon.events of the block that they were made of


def node_of(cluster: str | None, node: str) -> str:
    """What a node is called beside those of other clusters."""
    return f"{cluster}/{node}" if cluster else node


def record_key(cluster: str | None, node: str) -> bytes:
    """The key under which one node's events stay in order; it is part of every event's identity."""
    return node_of(cluster, node).encode()


def scope_name(key: bytes | None, partition: int) -> str:
    """What is remembered belongs to a node, which the key names; without one, to the whole partition."""
    return key.decode("utf-8", "backslashreplace") if key else f"#{partition}"


class Record(msgspec.Struct, frozen=True):
    """What Kafka stored, with the place where it stored it.

    `timestamp` is in milliseconds since 1970; `headers` keep the last of equal names.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]
