"""Document blocks as bulk requests, and what Elasticsearch's answer says of every document. Pure.

A block is in the format of the bulk API already, so a request is a concatenation and nothing is decoded on the way out.
The usual answer, every document created, is compared as bytes and not decoded either.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from schemas.record import DOCUMENTS, Record

LIMIT: Final = 5 * 1024 * 1024  # bytes of a request's body; above it a request costs memory and saves nothing
FILTER: Final = ",".join(
    ["errors"]
    + [f"items.*.{name}" for name in ("status", "failure_store")]
    + [f"items.*.error.{name}" for name in ("type", "reason", "caused_by", "index", "shard")]
)
REASON_LIMIT: Final = 2_000  # characters: Elasticsearch quotes the value that it refuses

# These speak of the index or of who asks, whatever their status: no document is to blame.
_INDEX_AT_FAULT: Final = frozenset(
    {
        "cluster_block_exception",
        "index_closed_exception",
        "index_not_found_exception",
        "security_exception",
    }
)
# These speak of a shard, a node or the master: that other documents are stored meanwhile says nothing.
_SHARD_AWAY: Final = frozenset(
    {
        "cluster_block_exception",
        "master_not_discovered_exception",
        "no_shard_available_action_exception",
        "node_closed_exception",
        "node_disconnected_exception",
        "node_not_connected_exception",
        "process_cluster_event_timeout_exception",
        "unavailable_shards_exception",
    }
)
_MEMORY: Final = re.compile(r"_operation_bytes=(\d+), max_\w+_bytes=(\d+)")


class Block(NamedTuple):
    """`data` has two lines a document; the rest is where Kafka keeps it, for dead letters."""

    data: bytes
    documents: int
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    key: bytes | None = None


class Action(NamedTuple):
    """One document with the line before it, no line ends; `line` is its number within the block, from 0."""

    command: bytes
    document: bytes
    block: Block
    line: int


class Repeated(NamedTuple):
    """A place in the request whose document lies in the index of this name already; None where that is not told."""

    place: int
    name: str | None
    shard: int | None


class Items(NamedTuple):
    """What became of every document, by its place in the request: each place is in one list, or stored.

    `failing` may be the document's own fault, `too_large` is that of what was sent together; `busy` and `blocked` are
    nobody's here.
    """

    stored: int
    repeated: list[Repeated]
    busy: list[int]
    failing: list[tuple[int, str]]
    blocked: list[int]
    too_large: list[tuple[int, str]]
    refused: list[tuple[int, str]]
    reason: str | None  # the first of busy, failing or blocked


class Halve(NamedTuple):
    """Some document, or the size, is why Elasticsearch refuses all of the request."""

    reason: str


class Again(NamedTuple):
    """The same request may succeed later."""

    reason: str


class Blocked(NamedTuple):
    """No request will succeed before a person, or the cluster itself, has changed something."""

    reason: str


Verdict = Items | Halve | Again | Blocked


def block_of(record: Record) -> Block:
    """Its header tells the number of documents; to count them costs as much as all else here."""
    told = record.headers.get(DOCUMENTS, b"")
    documents = int(told) if told.isdigit() else record.value.count(b"\n") // 2
    return Block(record.value, documents, record.topic, record.partition, record.offset, record.key)


def is_sound(block: Block) -> bool:
    """Whether the block has whole lines, and an even number of them."""
    return block.data.endswith(b"\n") and block.data.count(b"\n") % 2 == 0


def is_as_told(block: Block) -> bool:
    return is_sound(block) and block.data.count(b"\n") == 2 * block.documents


def bodies(blocks: Iterable[Block], limit: int = LIMIT) -> Iterator[list[Block]]:
    """Neighbours whose data fits into one request of `limit` bytes. A larger block is a request of its own."""
    body: list[Block] = []
    size = 0
    for block in blocks:
        if body and size + len(block.data) > limit:
            yield body
            body, size = [], 0
        body.append(block)
        size += len(block.data)
    if body:
        yield body


def actions(block: Block) -> list[Action]:
    """The block's documents one by one, by lines: a document holds no line end."""
    lines = block.data.split(b"\n")
    return [Action(lines[2 * n], lines[2 * n + 1], block, n) for n in range(len(lines) // 2)]


def body_of(left: Iterable[Action]) -> list[bytes]:
    return [b"".join([b"%b\n%b\n" % (action.command, action.document) for action in left])]


def document_id(action: Action) -> str | None:
    """None when the line before the document is not as we write it."""
    try:
        (command,) = orjson.loads(action.command).values()
        name = command["_id"]
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None


def read_answer(status: int, answer: bytes, documents: int) -> Verdict:
    """`status` is the request's. An answer that does not account for every document counts as none."""
    if status == 200:
        if answer == _all_created(documents):
            return Items(documents, [], [], [], [], [], [], None)
        return _read_items(answer, documents)
    error = request_error(answer)
    reason = f"HTTP {status} {_shown(answer) if error is None else error_reason(error)}"
    if status == 413 or _exceeds_memory(status, reason) or (status == 400 and _blames_a_document(error, reason)):
        return Halve(reason)
    if status in (408, 429) or status >= 500 or status < 300:
        return Again(reason)
    return Blocked(reason)


@lru_cache(maxsize=64)
def _all_created(documents: int) -> bytes:
    return b'{"errors":false,"items":[%b]}' % b",".join([b'{"create":{"status":201}}'] * documents)


def _read_items(answer: bytes, documents: int) -> Items | Again:
    try:
        decoded = orjson.loads(answer)
        results = [result for item in decoded["items"] for result in item.values()]
        outcomes = [(result["status"], result.get("error"), result.get("failure_store")) for result in results]
    except (ValueError, AttributeError, KeyError, TypeError):
        return Again(f"the answer is not what the bulk API gives: {_shown(answer)}")
    if len(decoded["items"]) != documents or len(outcomes) != documents:
        return Again(f"the answer tells of {len(outcomes)} documents, expected {documents}")
    stored = 0
    repeated: list[Repeated] = []
    busy: list[int] = []
    failing: list[tuple[int, str]] = []
    blocked: list[int] = []
    too_large: list[tuple[int, str]] = []
    refused: list[tuple[int, str]] = []
    first: str | None = None
    for place, (status, error, aside) in enumerate(outcomes):
        kind = error.get("type") if isinstance(error, dict) else None
        if aside == "used":
            refused.append((place, "put aside into the data stream's failure store"))
            continue
        if status in (200, 201):
            stored += 1
            continue
        if status == 409:
            repeated.append(_repeated(place, error))
            continue
        reason = f"{status} {error_reason(error)}"
        if _exceeds_memory(status, reason):
            too_large.append((place, reason))
            continue
        if not isinstance(status, int) or status < 400 or status == 429:
            busy.append(place)
        elif status >= 500:
            if kind in _SHARD_AWAY:
                busy.append(place)
            else:
                failing.append((place, reason))
        elif status in (401, 403, 404) or kind in _INDEX_AT_FAULT:
            blocked.append(place)
        else:
            refused.append((place, reason))
            continue
        first = first or reason
    return Items(stored, repeated, busy, failing, blocked, too_large, refused, first)


def _repeated(place: int, error: Any) -> Repeated:
    told = error if isinstance(error, dict) else {}
    name, shard = told.get("index"), str(told.get("shard"))
    return Repeated(place, name if isinstance(name, str) else None, int(shard) if shard.isdecimal() else None)


def _blames_a_document(error: Any, reason: str) -> bool:
    """Of a 400 to a whole request. One that is not in Elasticsearch's words is by something in between, and one about
    our parameters or headers meets every document: neither may turn a whole topic into dead letters."""
    if not isinstance(error, dict) or error.get("type") == "media_type_header_exception":
        return False
    return "unrecognized parameter" not in reason


def _exceeds_memory(status: int, reason: str) -> bool:
    """A 429 that will not pass: what Elasticsearch counts for this very operation is more than it grants to all."""
    counted = _MEMORY.search(reason) if status == 429 else None
    return counted is not None and int(counted[1]) > int(counted[2])


def error_reason(error: Any) -> str:
    """Elasticsearch's error, `type: reason` with its causes, as one line."""
    parts: list[str] = []
    while isinstance(error, dict) and len(parts) < 5:
        parts.append(f"{error.get('type', 'error')}: {error.get('reason', 'no reason given')}")
        error = error.get("caused_by")
    if not parts:
        parts.append(str(error) if error is not None else "no reason given")
    return " ".join(" caused by ".join(parts)[:REASON_LIMIT].split())


def request_error(answer: bytes) -> Any:
    """The error in an answer to a whole request, None when it is not in Elasticsearch's form."""
    try:
        decoded = orjson.loads(answer)
    except ValueError:
        return None
    return decoded.get("error") if isinstance(decoded, dict) else None


def _shown(answer: bytes) -> str:
    return repr(answer[:200].decode("utf-8", "replace"))
