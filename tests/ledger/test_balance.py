"""Numbers in, verdicts out: each case is a period as the topics and Elasticsearch tell it."""

from collections import Counter
from typing import Any

import pytest

from app.ledger.balance import Found, Line, Named, lines, nodes, place_of
from app.ledger.view import silences
from app.read.paint import paint_for
from schemas.ledger import HOUR, MINUTE, Account, Period, Row, Statement

M0 = 1_000 * HOUR  # on the hour
AT_M0 = Period("minute", M0)


def found(rows: dict[tuple[str, Period], Row], **more: Any) -> Found:
    given: dict[str, Any] = {
        "rows": rows, "accounts": [], "unread": Counter(), "unread_all": True, "on_the_way": Counter(),
        "on_the_way_all": True, "refused": Counter(), "refused_ids": frozenset(), "lost_records": 0,
    }  # fmt: skip
    return Found(**given | more)


@pytest.mark.parametrize(
    ("made", "stored", "refused", "on_the_way", "unread", "off"),
    [
        (10, 10, 0, 0, 0, 0),
        (10, 9, 1, 0, 0, 0),
        (10, 8, 1, 0, 0, 1),
        (10, 7, 0, 3, 0, 0),  # what is on the way may be stored already, or not
        (10, 10, 0, 3, 0, 0),
        (10, 6, 0, 3, 0, 1),
        (10, 12, 0, 0, 0, -2),
        (10, 12, 0, 0, 5, 0),  # made after the last checkpoint
        (10, 12, 0, 0, 1, -1),
        (0, 0, 0, 0, 0, 0),
    ],
)
def test_a_period_adds_up_or_not(made: int, stored: int, refused: int, on_the_way: int, unread: int, off: int) -> None:
    of = found(
        {("n", AT_M0): Row(made, made)},
        refused=Counter({("n", M0): refused}),
        on_the_way=Counter({("n", M0): on_the_way}),
        unread=Counter({"n": unread}),
    )
    [line] = lines(of, Counter({("n", M0): stored}), since=-1)
    assert line.off == off
    assert line.wire()["off"] == off


def test_minutes_are_looked_for_where_they_were_put_together() -> None:
    rows = {
        ("n", Period("earlier", 0)): Row(3, 3),
        ("n", Period("hour", M0)): Row(5, 5),
        ("n", Period("minute", M0 + 59 * MINUTE)): Row(1, 1),
    }
    stored = Counter(
        {("n", 7 * MINUTE): 3, ("n", M0 + MINUTE): 2, ("n", M0 + 2 * MINUTE): 3, ("n", M0 + 59 * MINUTE): 1}
    )
    made = lines(found(rows), stored, since=-1)
    assert [(line.period, line.stored, line.off) for line in made] == [
        (Period("earlier", 0), 3, 0),
        (Period("hour", M0), 5, 0),
        (Period("minute", M0 + 59 * MINUTE), 1, 0),
    ]


def test_only_what_ends_after_the_beginning_is_told() -> None:
    rows = {("n", Period("hour", M0)): Row(5, 5), ("n", Period("hour", M0 + HOUR)): Row(7, 7)}
    stored = Counter({("n", M0 + MINUTE): 5, ("n", M0 + HOUR): 7})
    assert [line.row.documents for line in lines(found(rows), stored, since=M0 + HOUR)] == [7]
    assert [line.row.documents for line in lines(found(rows), stored, since=M0 + HOUR - 1)] == [5, 7]


def test_documents_that_no_row_knows_stand_by_themselves() -> None:
    [line] = lines(found({}), Counter({("n", M0): 4}), since=-1)
    assert (line.row, line.off) == (Row(), -4)
    assert place_of(set(), "n", M0) == ("n", AT_M0)


def test_what_is_true_of_a_node_as_a_whole() -> None:
    account = Account(taken=90, taken_then=80, at=5_000, stated_at=4_000, statement=Statement(95, 10, 1, 2, 3))
    [node] = nodes([Named("n", "s", account)], now=65_000)
    assert (node.sent, node.taken, node.missing, node.silent) == (85, 80, 5, 60.0)
    assert (node.lost_lines, node.lost_files, node.lost_bytes) == (1, 2, 3)


def test_a_line_is_explained_by_what_was_made_twice() -> None:
    line = Line("n", AT_M0, Row(10, 10), stored=8, repeated=2)
    assert line.off == 0


def test_what_is_told_all_together_is_left_out_whole_unless_all_is_asked_for() -> None:
    """The earlier ones lie before the beginning and behind it: which of their documents count cannot be told."""
    rows = {("n", Period("earlier", 0)): Row(9, 9), ("n", Period("hour", M0)): Row(5, 5)}
    stored = Counter({("n", M0 - 60 * HOUR): 4, ("n", M0 - 50 * HOUR): 5, ("n", M0): 5})
    asked = lines(found(rows), stored, since=M0 - 55 * HOUR)
    assert [(line.period, line.off) for line in asked] == [(Period("hour", M0), 0)]
    assert [line.off for line in lines(found(rows), stored, since=-1)] == [0, 0]


def test_a_node_is_silent_when_none_of_its_position_files_speaks_and_is_told_once() -> None:
    heard = {"a": (0, 600_000), "b": (0, 100_000)}  # each has lost its position file once
    accounts = [
        Named(node, f"s{number}", Account(at=at)) for node, ats in heard.items() for number, at in enumerate(ats)
    ]
    found_nodes = nodes(accounts, now=601_000)
    assert [(node.node, node.silent) for node in found_nodes] == [("a", 1.0)] * 2 + [("b", 501.0)] * 2
    assert list(silences(found_nodes, paint_for("never", {}, terminal=False))) == ["b has been silent for 8 minutes"]
