"""What one record becomes: blocks in the format of Elasticsearch's bulk API, and dead letters."""

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from app.enrich.additions import Failure
from app.enrich.drops.rules import Dropped
from schemas.envelope import is_part, join, may_hold_parts, stream_of, text_of
from schemas.identity import event_id, placed_id
from schemas.ledger import MINUTE, Row
from schemas.record import FILE, PATH, POSITION, REPLAY, SHIPPER, Record, node_of, scope_name
from schemas.rejection import Origin, Rejection, Stage

_RETURN: Final = ord("\r")
_MILLISECOND: Final = 1_000_000  # ns


def lines_of(value: bytes) -> Iterator[tuple[int, bytes]]:
    """The place of each line's first byte, and the line without its end, be that of Unix or of Windows."""
    # bytes.split() looks at every byte in turn: on lines of 2 KB it takes several times as long.
    start = 0
    while (end := value.find(b"\n", start)) >= 0:
        yield start, value[start : end - 1 if end > start and value[end - 1] == _RETURN else end]
        start = end + 1
    if start < len(value):
        yield start, value[start:].removesuffix(b"\r")


class Line(NamedTuple):
    """`number` counts the lines of the record from 0, `within` is the place of its first byte, `raw` are its bytes as
    they came, which may be `parts` lines, of which the last begins at `last`."""

    number: int
    within: int
    last: int
    line: bytes
    raw: bytes
    parts: int = 1


def whole_lines_of(value: bytes) -> Iterator[Line]:
    """As lines_of, with what a container runtime has cut put together again.

    A part whose rest is not in the record comes as it is, behind all others.
    """
    if not may_hold_parts(value):
        for number, (within, line) in enumerate(lines_of(value)):
            yield Line(number, within, within, line, line)
        return
    waiting: dict[bytes, list[Line]] = {}
    alone: list[Line] = []
    for number, (within, line) in enumerate(lines_of(value)):
        here = Line(number, within, within, line, line)
        stream = stream_of(line)
        before = waiting.pop(stream, [])
        if stream and is_part(line) and (before or not _is_whole(line)):
            waiting[stream] = [*before, here]
        elif before and not _is_whole(line):
            parts = [*(each.line for each in before), line]
            yield Line(before[0].number, before[0].within, within, join(parts), b"\n".join(parts), len(parts))
        else:
            alone += before
            yield here
    yield from sorted([*alone, *(part for parts in waiting.values() for part in parts)])


def _is_whole(line: bytes) -> bool:
    """Needs nothing in front of it or behind it: some leave the end of Docker's lines out, and a rest may be lost."""
    text = text_of(line)
    try:
        return text.startswith(b"{") and bool(msgspec.json.decode(text, type=dict[str, msgspec.Raw]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def documents_of(block: bytes) -> Iterator[bytes]:
    """With their line ends, and without the lines that tell the bulk API what to do with them."""
    start = 0
    while start < len(block):
        document = block.index(b"\n", start) + 1
        start = block.index(b"\n", document) + 1
        yield block[document:start]


class Enriched(msgspec.Struct):
    blocks: list[tuple[bytes, int]]  # value, number of documents
    rejections: list[Rejection]
    failures: list[Failure]  # of agents; for the log
    # lines = documents + rejected + dropped, the last also as dropped.<rule>; resent lines are none of these
    # aliases and late_parents count executions
    counters: dict[str, int]
    kept: dict[str, int]  # by rule: lines that its sample kept; for a person
    dropped: list[Dropped]  # where somebody asks


class Source:
    """The record that lines come from, and where each of them lies."""

    __slots__ = ("file", "key", "name", "path", "position", "record", "sent", "shipper", "stream")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.sent = record.timestamp * _MILLISECOND
        self.name = scope_name(record.key, record.partition)
        self.key = record.key or b""
        path = record.headers.get(PATH)
        self.path = path.decode("utf-8", "backslashreplace") if path is not None else None
        self.file = record.headers.get(FILE)
        position = record.headers.get(POSITION, b"")
        self.position = int(position) if position.isdigit() else None
        self.shipper = record.headers.get(SHIPPER, b"").decode("ascii", "replace")
        # Names what positions are of, where a shipper vouches for it.
        self.stream: str | None = None
        if self.shipper and self.file and self.path is not None and self.position is not None:
            self.stream = f"{self.shipper} {self.file.decode('ascii', 'replace')} {self.path}"

    def identity(self, time: int | None, line: bytes, number: int, within: int) -> str:
        """`_id`. `number` is the line's within the record, `within` the place of its first byte."""
        if time is not None:
            return event_id(time, self.key, line)
        if replayed := self.record.headers.get(REPLAY):
            return replayed.decode("utf-8", "replace")
        if self.file is not None and self.position is not None:
            place = b"%b:%d" % (self.file, self.position + within)
        else:
            record = self.record
            place = f"{record.topic}:{record.partition}:{record.offset}:{number}".encode()
        return placed_id(place, self.key, line)

    def origin(self, number: int, within: int) -> Origin:
        return Origin(
            topic=self.record.topic,
            partition=self.record.partition,
            offset=self.record.offset,
            line=number,
            path=self.path,
            position=self.position + within if self.position is not None else None,
        )


class Output:
    """Gathers. A block ends before it would be longer than `limit`; a longer document is a block alone."""

    __slots__ = (
        "_blocks",
        "_documents",
        "_limit",
        "_parts",
        "_row",
        "_row_of",
        "_size",
        "_source",
        "aliases",
        "dropped",
        "failures",
        "kept",
        "late",
        "lines",
        "rejections",
        "resent",
        "tally",
    )

    def __init__(self, source: Source, limit: int) -> None:
        self._source = source
        self._limit = limit
        self._blocks: list[tuple[bytes, int]] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._documents = 0
        self.lines = 0
        self.resent = 0
        self.aliases = 0
        self.late = 0
        self.kept: dict[str, int] = {}
        self.dropped: list[Dropped] = []
        self.failures: list[Failure] = []
        self.rejections: list[Rejection] = []
        self.tally: dict[tuple[str, int], Row] = {}  # by node, and start of the minute
        self._row = Row()
        self._row_of = ("", "", -1)

    def add(self, identity: str, document: bytes) -> None:
        """`document` ends with a newline."""
        action = b'{"create":{"_id":"%b"}}\n' % identity.encode()
        size = len(action) + len(document)
        if self._parts and self._size + size > self._limit:
            self._cut()
        self._parts += (action, document)
        self._size += size

    def row(self, time: int, node: str, cluster: str = "") -> Row:
        """Of the ledger, for one line of that time in ns; `node` without a cluster may be a whole record key."""
        of = (node, cluster, time // MINUTE)
        if of != self._row_of:
            named = (node_of(cluster, node), of[2] * MINUTE)
            self._row, self._row_of = self.tally.setdefault(named, Row()), of
        self._row.lines += 1
        return self._row

    def keep(self, rule: str) -> None:
        self.kept[rule] = self.kept.get(rule, 0) + 1

    def reject(self, stage: Stage, reason: str, line: bytes, number: int, within: int) -> None:
        source = self._source
        self.row(source.sent, source.name).rejected += 1
        self.rejections.append(
            Rejection(
                id=source.identity(None, line, number, within),
                stage=stage,
                reason=reason,
                origin=source.origin(number, within),
                key=source.record.key,
                original=line,
            )
        )

    def finish(self) -> Enriched:
        if self._parts:
            self._cut()
        counters = {
            "lines": self.lines,
            "documents": self._documents,
            "rejected": len(self.rejections),
            "agent_errors": len(self.failures),
        }
        if self.resent:
            counters["resent"] = self.resent
        if self.aliases:
            counters["aliases"] = self.aliases
        if self.late:
            counters["late_parents"] = self.late
        dropped: Counter[str] = Counter()
        for row in self.tally.values():
            dropped.update(row.dropped)
        if dropped:
            counters["dropped"] = dropped.total()
            counters |= {f"dropped.{rule}": number for rule, number in dropped.items()}
        return Enriched(self._blocks, self.rejections, self.failures, counters, self.kept, self.dropped)

    def _cut(self) -> None:
        documents = len(self._parts) // 2
        self._blocks.append((b"".join(self._parts), documents))
        self._documents += documents
        self._parts = []
        self._size = 0
