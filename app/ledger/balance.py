"""Whether the books add up. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from schemas.ledger import HOUR, MINUTE, Account, Lost, Period, Row
from schemas.times import rfc3339

Place = tuple[str, Period]  # a node, and when its events happened
Minutes = Counter[tuple[str, int]]  # by node, and start of the minute in ns since 1970


class Named(NamedTuple):
    """`node` is the key of its records."""

    node: str
    shipper: str
    account: Account


class Found(NamedTuple):
    """What the topics hold. `unread` are lines, by record key, that no checkpoint has taken in; `unread_all` is False
    when there were too many to count. `lost_records` were dropped by Kafka before they were read."""

    rows: dict[Place, Row]
    accounts: list[Named]
    unread: Counter[str]
    unread_all: bool
    on_the_way: Minutes  # documents that are perhaps not stored yet
    on_the_way_all: bool
    refused: Minutes  # documents that are dead letters
    refused_ids: frozenset[str]
    lost_records: int


class Line(msgspec.Struct, omit_defaults=True):
    """Of one node and period. `repeated` were made more than once, and Kafka can tell no more of those that are `gone`;
    both are known only where it does not add up without them."""

    node: str
    period: Period
    row: Row
    stored: int
    refused: int = 0
    on_the_way: int = 0
    unread: int = 0  # of the node, of any period
    repeated: int = 0
    gone: int = 0
    examples: list[str] = []  # ids of some that are nowhere

    @property
    def off(self) -> int:
        """Documents that are missing; below zero, that are too many."""
        short = self.row.documents - self.stored - self.refused - self.repeated - self.gone
        if short > 0:
            return max(short - self.on_the_way, 0)
        return min(short + self.unread, 0)

    def wire(self) -> dict[str, Any]:
        row = self.row
        told: dict[str, Any] = {
            "node": self.node,
            "from": rfc3339(self.period.start) if self.period.start else None,
            "unit": self.period.unit,
            "lines": row.lines,
            "documents": row.documents,
            "stored": self.stored,
            "rejected": row.rejected,
            "dropped": row.dropped,
            "throttled_by_tetragon": row.throttled,
            "dropped_by_tetragon": row.unseen,
            "refused": self.refused,
            "in_flight": self.on_the_way,
            "repeated": self.repeated,
            "off": self.off,
        }
        if self.gone:
            told["unknown"] = self.gone
        if self.examples:
            told["missing"] = self.examples
        return told


def lines(found: Found, stored: Mapping[tuple[str, int], int], since: int) -> list[Line]:
    """Of the periods that end after `since`, in the order of node and time. `stored` are documents by minute."""
    wanted = {place: row for place, row in found.rows.items() if end_of(place[1]) > since}
    counts = {name: _by_period(found.rows, each, since) for name, each in (
        ("stored", stored), ("refused", found.refused), ("on_the_way", found.on_the_way)
    )}  # fmt: skip
    made = []
    for place in sorted(wanted.keys() | counts["stored"].keys(), key=lambda place: (place[0], place[1].start)):
        node, period = place
        made.append(
            Line(
                node,
                period,
                wanted.get(place, Row()),
                counts["stored"][place],
                counts["refused"][place],
                counts["on_the_way"][place],
                found.unread[node],
            )
        )
    return made


def end_of(period: Period) -> int:
    """In ns since 1970."""
    if period.unit == "earlier":
        return 0
    return period.start + (MINUTE if period.unit == "minute" else HOUR)


def place_of(known: Collection[Place], node: str, minute: int) -> Place:
    """Where a node's minutes are told by the hour, they belong there; what no row tells of stands by itself."""
    choices = (Period("minute", minute), Period("hour", minute - minute % HOUR), Period("earlier", 0))
    return next(((node, period) for period in choices if (node, period) in known), (node, choices[0]))


def _by_period(rows: Iterable[Place], minutes: Mapping[tuple[str, int], int], since: int) -> Counter[Place]:
    known = set(rows)
    counted: Counter[Place] = Counter()
    for (node, minute), number in minutes.items():
        place = place_of(known, node, minute)
        if end_of(place[1]) > since:
            counted[place] += number
    return counted


class Node(msgspec.Struct):
    """What is true of a node as a whole, of one position file. `silent` are seconds since the node sent anything."""

    node: str
    shipper: str
    sent: int
    taken: int
    missing: int
    lost_lines: int
    lost_files: int
    lost_bytes: int
    losses: list[Lost]
    silent: float


def nodes(accounts: Sequence[Named], now: int) -> list[Node]:
    """`now` in ms since 1970."""
    heard: dict[str, int] = {}
    for node, _, account in accounts:  # a position file that was made anew leaves the one before it silent for ever
        heard[node] = max(heard.get(node, 0), account.at)
    told = []
    for node, shipper, account in sorted(accounts, key=lambda each: (each.node, each.shipper)):
        statement = account.statement
        told.append(
            Node(
                node,
                shipper,
                account.sent,
                account.taken_then,
                account.missing,
                statement.lost_lines,
                statement.lost_files,
                statement.lost_bytes,
                statement.losses,
                max(0, now - heard[node]) / 1000,
            )
        )
    return told
