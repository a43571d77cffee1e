"""`tetrastash ledger`."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import orjson

from app import elastic
from app.kafka.reach import told
from app.ledger.balance import Found, Line, Node, lines, nodes
from app.ledger.explain import explain
from app.ledger.stored import Stored
from app.ledger.topics import Topics
from app.ledger.view import BALANCED, about, remarks, silences, table
from app.read.paint import Paint, paint_for
from app.settings import Settings
from app.stdout import until_closed
from schemas.ledger import HOUR, HOURS_KEPT
from schemas.times import SECOND


class Ledger(NamedTuple):
    found: Found
    lines: list[Line]
    nodes: list[Node]
    notes: list[str]  # what could not be looked at

    @property
    def balanced(self) -> bool:
        return not any(line.off for line in self.lines) and not any(node.missing for node in self.nodes)


async def ledger(settings: Settings, seconds: float | None, *, every: bool, as_json: bool) -> int:
    """The exit status: 0 if the books of the last `seconds`, None for all, balance. Raises Stop or Retry.

    `every` shows all periods, not only those that do not add up.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would tell is told here, in sentences
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)
    rights = (
        f"Describe and Read on the topics {settings.topic_prefix}.*, and Describe on the group {settings.index_group}"
    )
    async with told(settings, rights):
        read = await _read(settings, seconds)
    with until_closed():
        if as_json:
            sys.stdout.buffer.write(orjson.dumps(_wire(read), option=orjson.OPT_APPEND_NEWLINE))
        else:
            paint = paint_for("auto", os.environ, terminal=sys.stdout.isatty())
            sys.stdout.buffer.write("".join(f"{line}\n" for line in _text(read, paint, every=every)).encode())
        sys.stdout.buffer.flush()
    return 0 if read.balanced else 1


async def _read(settings: Settings, seconds: float | None) -> Ledger:
    now = time.time_ns()
    since = -1 if seconds is None else max(now - int(seconds * SECOND), 0)
    topics = Topics(settings)
    async with elastic.client(settings) as client:
        stored = Stored(client, settings)
        await topics.begin()
        counts = await stored.counts(since if since < 0 else since - since % HOUR)
        found = await topics.find()
        made = lines(found, counts, since)
        notes = []
        if not await explain(made, found.refused_ids, topics.documents, stored.missing):
            notes.append("More documents are missing than can be looked for one by one.")
    if 0 <= since < now - HOURS_KEPT:
        notes.append("What happened more than two days ago is told all together, and only by --since all.")
    if not stored.any:
        notes.append(f"Elasticsearch has no data stream {settings.data_stream!r}: nothing is stored there yet.")
    if not stored.fresh:
        notes.append("What was stored in the last seconds is not counted: the privilege maintenance is not granted.")
    if not found.unread_all:
        notes.append("The enrich stage is so far behind that not all of it was counted.")
    if not found.on_the_way_all:
        notes.append("The index stage is so far behind that not all of it was counted.")
    if found.lost_records:
        notes.append(f"Kafka dropped {found.lost_records:,} records unread: retention overtook the workers.")
    return Ledger(found, made, nodes(found.accounts, now // 1_000_000), notes)


def _wire(read: Ledger) -> dict[str, Any]:
    return {
        "balanced": read.balanced,
        "off": sum(line.off for line in read.lines),
        "periods": [line.wire() for line in read.lines],
        "nodes": [msgspec.to_builtins(node) for node in read.nodes],
        "unread_lines": dict(read.found.unread),
        "notes": read.notes,
    }


def _text(read: Ledger, paint: Paint, *, every: bool) -> Iterator[str]:
    yield from table(read.lines, paint, every=every)
    yield from remarks(read.lines, paint)
    for node in read.nodes:
        yield from about(node, paint)
    yield from silences(read.nodes, paint)
    unread = read.found.unread.total()
    if unread:
        yield f"{unread:,} lines are in no checkpoint of the enrich stage yet"
    yield from read.notes
    yield paint(BALANCED, "green") if read.balanced else paint("not balanced", "red")
