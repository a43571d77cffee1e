"""What a shipper says, and when."""

import msgspec

from app.ship.book import Book, LogBook, Loss, Totals
from app.ship.statements import AT_LEAST_SECONDS, AT_MOST_A_SECOND, EVERY_SECONDS, LOSSES_TOLD, Statements, begin
from schemas.ledger import Statement


def book(**lines: int) -> Book:
    return Book(logs={f"/{key}.log": LogBook(totals={key: Totals(lines=number)}) for key, number in lines.items()})


def said(statements: Statements, of: Book, now: float) -> dict[bytes, Statement]:
    return {key: msgspec.json.decode(text, type=Statement) for key, text in statements.due(of, (), now)}


def test_what_has_changed_is_said_soon_and_what_has_not_now_and_then() -> None:
    statements, of = Statements(), book(a=1, b=2)
    assert said(statements, of, 0) == {b"a": Statement(1), b"b": Statement(2)}
    of.logs["/a.log"].totals["a"].lines = 5
    assert said(statements, of, EVERY_SECONDS - 1) == {}
    assert said(statements, of, EVERY_SECONDS) == {b"a": Statement(5)}
    assert said(statements, of, AT_LEAST_SECONDS) == {b"b": Statement(2)}
    statements.forget()
    assert len(said(statements, of, AT_LEAST_SECONDS)) == 2, "a new producer"


def test_thousands_that_are_silent_do_not_crowd_the_topic() -> None:
    statements, of = Statements(), book(**{f"n{number}": 1 for number in range(10_000)})
    assert len(said(statements, of, 0)) == 10_000
    assert said(statements, of, 10_000 / AT_MOST_A_SECOND - 1) == {}
    assert len(said(statements, of, 10_000 / AT_MOST_A_SECOND + EVERY_SECONDS)) == 10_000


def test_the_totals_of_all_logs_of_a_key_are_one() -> None:
    of = Book(
        logs={
            "/1.log": LogBook(totals={"n": Totals(lines=3, lost_files=1, lost_bytes=7)}),
            "/2.log": LogBook(totals={"n": Totals(lines=4, lost_lines=2), "m": Totals(lines=1)}),
        },
        losses=[Loss(f"at {number}", "/1.log", "f", "n", 0, number, "why") for number in range(LOSSES_TOLD + 2)],
    )
    statement = said(Statements(), of, 0)[b"n"]
    assert (statement.lines, statement.lost_lines, statement.lost_files, statement.lost_bytes) == (7, 2, 1, 7)
    assert [loss.bytes for loss in statement.losses] == [6, 5, 4, 3, 2], "the latest"


def test_what_was_sent_before_or_elsewhere_is_no_part_of_it() -> None:
    of = book(a=10)
    begin(of, "events")
    assert said(Statements(), of, 0)[b"a"].base == 10
    of.logs["/a.log"].totals["a"].lines = 25
    begin(of, "events")
    assert said(Statements(), of, 0)[b"a"].base == 10, "a restart"
    begin(of, "other.events")
    assert said(Statements(), of, 0)[b"a"].base == 25
    new = Book()
    begin(new, "events")
    new.logs |= book(a=3).logs
    assert said(Statements(), new, 0)[b"a"].base == 0
