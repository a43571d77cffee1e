from tests.faults.acts import ROWS
from tests.faults.matrix import TABLE, Outcome
from tests.faults.peers import Suffered, table_of

EMPTY = "before\n<!-- faults -->\n<!-- end of faults -->\nafter\n"


def outcome(number: int, events: int = 1) -> Outcome:
    found = {"events": events, "lost": 0, "duplicated": 0, "differing": 0, "extra": 0, "unfit": 0}
    return Outcome(ROWS[number], found, 1.0, 2, "waits | says so", [])


def merged(text: str, outcomes: list[Outcome]) -> str:
    return TABLE.merged(text, [each.cells for each in outcomes])


def test_rows_come_in_their_order_whenever_they_are_measured() -> None:
    text = merged(merged(EMPTY, [outcome(3)]), [outcome(1), outcome(0)])
    assert text.startswith("before\n<!-- faults -->\n| place | fault |")
    rows = text.splitlines()[4:7]
    assert [row.split(" | ")[1] for row in rows] == [ROWS[number].name for number in (0, 1, 3)]
    assert text.endswith("\n<!-- end of faults -->\nafter\n")


def test_a_row_that_is_measured_again_takes_the_place_of_the_old_one() -> None:
    text = merged(merged(EMPTY, [outcome(0), outcome(1)]), [outcome(0, events=12_345)])
    assert text.count(f"| {ROWS[0].name} |") == 1
    assert "| 12,345 |" in text


def test_what_a_log_said_breaks_no_table() -> None:
    text = merged(EMPTY, [outcome(0)])
    assert text.splitlines()[4].count(" | ") == 8
    assert merged(text, []) == text


def test_no_two_rows_have_one_name() -> None:
    assert len({(row.place, row.name) for row in ROWS}) == len(ROWS)


def test_what_a_peer_suffers_goes_into_a_table_of_its_own() -> None:
    text = EMPTY + "<!-- peers -->\n<!-- end of peers -->\n"
    found = {"events": 1_000, "lost": 200, "duplicated": 3}
    replaced = table_of("rsyslog").replaced(text, [Suffered(ROWS[0], found, 4.0).cells])
    assert replaced.startswith(EMPTY)
    assert f"| {ROWS[0].place} | {ROWS[0].name} | 1,000 | 200 | 3 | 4 |\n<!-- end of peers -->" in replaced
