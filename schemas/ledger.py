"""The books of what was read, made, lost and left out, by node and minute.

A shipper says on `tetragon.events`, behind its blocks, how many lines it has sent by then: a *statement*. The enrich
stage counts what it takes, and keeps both in its memory: an *account* for each position file, and a *row* for each node
and minute of the events' own time. They travel in the checkpoints, so no crash makes them differ from the documents.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from schemas.times import SECOND

ROWS: Final = "@ledger"  # owners of entries in checkpoints; no agent's name has an @
ACCOUNTS: Final = "@accounts"

MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
HOURS_KEPT: Final = 48 * HOUR  # rows by the hour; afterwards they are one

Unit: TypeAlias = Literal["minute", "hour", "earlier"]
_LETTERS: Final[dict[str, Unit]] = {"m": "minute", "h": "hour", "e": "earlier"}
_UNITS: Final = {unit: letter for letter, unit in _LETTERS.items()}


class Lost(msgspec.Struct, frozen=True, array_like=True):
    """A known loss of a shipper; `bytes` are those known to be lost."""

    at: str
    path: str
    bytes: int
    reason: str


class Statement(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one position file and record key, since the file was made. `losses` are the latest; `base` of the lines were
    sent when nobody counted, or to another topic."""

    lines: int
    base: int = 0
    lost_lines: int = 0
    lost_files: int = 0
    lost_bytes: int = 0
    losses: list[Lost] = []


class Account(msgspec.Struct, array_like=True):
    """`taken` are the lines that were taken by now, `taken_then` those when the statement came. `at` is Kafka's time of
    whatever came last from the shipper, in ms since 1970."""

    taken: int = 0
    taken_then: int = 0
    at: int = 0
    stated_at: int = 0  # likewise, of the statement; 0 before the first
    statement: Statement = Statement(0)

    @property
    def missing(self) -> int:
        """Lines that were sent and never came; below zero, lines that came more often than once."""
        return self.sent - self.taken_then if self.stated_at else 0

    @property
    def sent(self) -> int:
        return self.statement.lines - self.statement.base


class Row(msgspec.Struct, array_like=True):
    """lines = documents + rejected + all of `dropped`, which are by the rule's name."""

    lines: int = 0
    documents: int = 0
    rejected: int = 0
    throttled: int = 0  # times that Tetragon began to throttle a cgroup, and dropped what it did
    unseen: int = 0  # events that Tetragon's own rate limit dropped
    dropped: dict[str, int] = {}

    def add(self, other: "Row") -> None:
        self.lines += other.lines
        self.documents += other.documents
        self.rejected += other.rejected
        self.throttled += other.throttled
        self.unseen += other.unseen
        for rule, number in other.dropped.items():
            self.dropped[rule] = self.dropped.get(rule, 0) + number


class Period(NamedTuple):
    """`start` is in ns since 1970; what is earlier than all other periods has 0."""

    unit: Unit
    start: int


def row_name(node: str, period: Period) -> str:
    """`node` is cluster/node, as the events name it; of lines that are no events, the record's key."""
    return f"{_UNITS[period.unit]}{period.start // MINUTE} {node}"


def row_of(name: str) -> tuple[str, Period]:
    """The inverse of row_name. Raises ValueError for what it did not make."""
    period, _, node = name.partition(" ")
    if period[:1] not in _LETTERS:
        raise ValueError(f"{name!r} names no row")
    return node, Period(_LETTERS[period[0]], int(period[1:]) * MINUTE)
