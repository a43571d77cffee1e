"""Whatever is counted is counted once, in whatever period it is told by and by."""

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.enrich.changes import Changes
from app.enrich.clock import Clock
from app.enrich.ledger import MOST_ACCOUNTS, Ledger
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from schemas.ledger import HOUR, HOURS_KEPT, MINUTE, Account, Period, Row, Statement, row_name, row_of
from schemas.record import FILE, PATH, POSITION, SHIPPER, STATEMENT, Record
from schemas.times import SECOND

DAY = 24 * HOUR
NOW = 20_000 * DAY


def ledger() -> tuple[Ledger, Clock]:
    changes = Changes()
    clock = Clock("scope", changes)
    return Ledger("scope", clock, changes), clock


def total(book: Ledger) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, row in book.rows.items():
        found[row_of(name)[0]] += row.lines
    return found


@given(
    entered=st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 20 * DAY), st.integers(1, 5), st.integers(0, 6 * HOUR)),
        max_size=30,
    )
)
def test_no_line_is_forgotten_or_counted_again_as_time_passes(entered: list[tuple[str, int, int, int]]) -> None:
    book, clock = ledger()
    expected: Counter[str] = Counter()
    clock.now = NOW
    for node, age, lines, passes in entered:
        minute = (clock.now - age) // MINUTE * MINUTE
        book.enter({(node, minute): Row(lines, lines)})
        expected[node] += lines
        assert book.total().lines == sum(expected.values())
        clock.now += passes
        book.sweep()
        for owner, name in list(book.names()):  # as after a crash
            value = book.value(owner, name)
            book.restore(owner, name, value)
    assert total(book) == expected
    for name in book.rows:
        period = row_of(name)[1]
        age = clock.now - period.start
        assert {"minute": age <= HOUR, "hour": age <= HOURS_KEPT, "earlier": True}[period.unit]
        assert period.start % {"minute": MINUTE, "hour": HOUR, "earlier": 1}[period.unit] == 0


@given(node=st.text(), unit=st.sampled_from(["minute", "hour", "earlier"]), minutes=st.integers(0, 10**8))
def test_a_row_is_named_so_that_it_can_be_read(node: str, unit: str, minutes: int) -> None:
    period = Period(unit, minutes * MINUTE)  # type: ignore[arg-type]  # one of the three
    assert row_of(row_name(node, period)) == (node, period)


LINE = b'{"process_exec":{"process":{"exec_id":"a","pid":%d}},"node_name":"n1","time":"2026-01-02T03:0%d:05Z"}\n'
START = 1_767_322_800 * SECOND  # 2026-01-02T03:00:00Z


def block(offset: int, value: bytes, position: int = 0, **headers: bytes) -> Record:
    given_ = {FILE: b"f", PATH: b"/l", POSITION: b"%d" % position, SHIPPER: b"s1"} | headers
    return Record("t", 0, offset, 1_767_400_000_000, b"n1", value, given_)


def statement(offset: int, lines: int) -> Record:
    headers = {SHIPPER: b"s1", STATEMENT: msgspec.json.encode(Statement(lines))}
    return Record("t", 0, offset, 1_767_400_060_000, b"n1", b"", headers)


def test_lines_are_entered_by_the_minute_of_their_events() -> None:
    memory, pipeline = Memory(), Pipeline([])
    value = LINE % (1, 1) + LINE % (2, 1) + LINE % (3, 2) + b"garbage\n" + b"\n"
    pipeline.enrich(memory, block(0, value))
    rows = {row_of(name): row for name, row in memory.scope("n1").ledger.rows.items()}
    assert rows == {
        ("n1", Period("minute", START + MINUTE)): Row(2, 2),
        ("n1", Period("minute", START + 2 * MINUTE)): Row(1, 1),
        ("n1", Period("minute", 1_767_400_000 * SECOND // MINUTE * MINUTE)): Row(1, 0, 1),  # when it was sent
    }


def test_what_tetragon_dropped_itself_is_told() -> None:
    memory, pipeline = Memory(), Pipeline([])
    lines = (
        b'{"rate_limit_info":{"number_of_dropped_process_events":"12"},"node_name":"n1","time":"2026-01-02T03:01:05Z"}\n'
        b'{"process_throttle":{"type":"THROTTLE_START","cgroup":"c"},"node_name":"n1","time":"2026-01-02T03:01:06Z"}\n'
        b'{"process_throttle":{"type":"THROTTLE_STOP","cgroup":"c"},"node_name":"n1","time":"2026-01-02T03:01:07Z"}\n'
    )
    pipeline.enrich(memory, block(0, lines))
    [row] = memory.scope("n1").ledger.rows.values()
    assert row == Row(3, 3, 0, throttled=1, unseen=12)


def test_a_shipper_is_taken_at_its_word() -> None:
    memory, pipeline = Memory(), Pipeline([])
    first = LINE % (1, 1) + LINE % (2, 1) + b"\n"  # an empty line is a line
    pipeline.enrich(memory, block(0, first))
    pipeline.enrich(memory, statement(1, 3))
    account = memory.scope("n1").ledger.accounts["s1"]
    assert (account.taken, account.missing) == (3, 0)
    pipeline.enrich(memory, block(2, first))  # after a kill: they come once more
    pipeline.enrich(memory, statement(3, 3))
    assert account.missing == 0
    pipeline.enrich(memory, statement(4, 5))
    assert account.missing == 2
    late = LINE % (3, 2) + LINE % (4, 2)
    pipeline.enrich(memory, block(5, late, position=len(first)))
    assert account.missing == 2, "what comes behind a statement is for the next one"
    pipeline.enrich(memory, statement(6, 5))
    assert account.missing == 0


def test_a_statement_that_is_none_is_a_dead_letter() -> None:
    memory, pipeline = Memory(), Pipeline([])
    record = Record("t", 0, 0, 0, b"n1", b"", {SHIPPER: b"s1", STATEMENT: b"{"})
    enriched = pipeline.enrich(memory, record)
    [rejection] = enriched.rejections
    assert rejection.reason.startswith("no statement of a shipper:")
    assert rejection.original == b"{"


def test_accounts_are_bounded() -> None:
    book, _ = ledger()
    for number in range(MOST_ACCOUNTS + 3):
        book.take(f"s{number}", 1, at=number)
    assert len(book.accounts) == MOST_ACCOUNTS
    assert "s0" not in book.accounts


def test_what_is_kept_in_checkpoints_comes_back() -> None:
    memory, pipeline = Memory(), Pipeline([])
    pipeline.enrich(memory, block(0, LINE % (1, 1)))
    pipeline.enrich(memory, statement(1, 1))
    restored = Memory()
    restored.load(memory.drain().items())
    before, after = memory.scope("n1").ledger, restored.scope("n1").ledger
    assert (after.rows, after.accounts) == (before.rows, before.accounts)
    assert after.accounts["s1"] == Account(1, 1, 1_767_400_060_000, 1_767_400_060_000, Statement(1))
