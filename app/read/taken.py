"""What a tap shows of one record. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import orjson
from msgspec.structs import replace

from app.enrich.blocks import documents_of, whole_lines_of
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.read.fields import text
from app.read.output import Look
from app.read.where import Condition, hold
from schemas.record import POSITION, Record
from schemas.rejection import Rejection

Role: TypeAlias = Literal["documents", "events", "rejected"]

_ALONE: Final = Pipeline([], original=False)  # an event by itself: no agents, and nothing is remembered


class Wanted(NamedTuple):
    """`key` is that of records, cluster/node, or the node of it alone."""

    conditions: Sequence[Condition] = ()
    key: str | None = None

    def has_key(self, key: str) -> bool:
        return self.key is None or key == self.key or key.endswith(f"/{self.key}")


def take(role: Role, record: Record, wanted: Wanted, look: Look) -> Iterator[bytes]:
    """A line for stdout each."""
    return _TAKERS[role](record, wanted, look)


def _events(record: Record, wanted: Wanted, look: Look) -> Iterator[bytes]:
    if not wanted.has_key(_key(record)):
        return
    for each in whole_lines_of(record.value):
        line = each.line
        if not line or line.isspace():
            continue
        if look.form == "json" and not wanted.conditions:
            yield look.json(line)
            continue
        made = _alone(record, each.within, line)
        if not isinstance(made, Rejection):
            yield from _chosen(line, made, wanted, look, look.document)
        elif not wanted.conditions:
            yield look.letter(made.wire())


def _documents(record: Record, wanted: Wanted, look: Look) -> Iterator[bytes]:
    """Every second line, for the bulk API's own are between them; whatever else lies there is shown as it is."""
    if wanted.has_key(_key(record)):
        for line in filter(None, record.value.split(b"\n")[1::2]):
            yield from _chosen(line, _decoded(line), wanted, look, look.document)


def _rejected(record: Record, wanted: Wanted, look: Look) -> Iterator[bytes]:
    letter = _decoded(record.value)
    if record.value and wanted.has_key(text(letter, "key") if letter is not None else ""):
        yield from _chosen(record.value, letter, wanted, look, look.letter)


_TAKERS: Final[dict[Role, Callable[[Record, Wanted, Look], Iterator[bytes]]]] = {
    "documents": _documents,
    "events": _events,
    "rejected": _rejected,
}


def _chosen(
    line: bytes, decoded: dict[str, Any] | None, wanted: Wanted, look: Look, show: Callable[[dict[str, Any]], bytes]
) -> Iterator[bytes]:
    if decoded is None:
        if not wanted.conditions:
            yield look.json(line) if look.form == "json" else look.unreadable(line)
    elif hold(wanted.conditions, decoded):
        yield look.json(line) if look.form == "json" else show(decoded)


def _alone(record: Record, within: int, line: bytes) -> dict[str, Any] | Rejection:
    headers = record.headers
    position = headers.get(POSITION, b"")
    if position.isdigit():
        headers = {**headers, POSITION: b"%d" % (int(position) + within)}
    enriched = _ALONE.enrich(Memory(), replace(record, value=line, headers=headers))
    if enriched.rejections:
        return enriched.rejections[0]
    document: dict[str, Any] = orjson.loads(next(documents_of(enriched.blocks[0][0])))
    return document


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        decoded = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return decoded if isinstance(decoded, dict) else None


def _key(record: Record) -> str:
    return (record.key or b"").decode("utf-8", "backslashreplace")
