"""What the table says."""

from typing import get_args

import pytest

from bench.report import as_markdown, as_text
from bench.rows import HEADINGS, ROWS, Group, Reading, cells, figures, share


def test_a_figure_is_the_median_of_its_readings_and_the_remark_is_of_the_reading_in_the_middle() -> None:
    readings = [Reading("ship", 5, 8, "a"), Reading("ship", 3, 6, "b"), Reading("ship", 4, 10, "c")]
    assert figures(readings) == {"ship": (4, 3, 5, 8, "c")}


def test_a_row_above_its_budget_is_marked_and_one_at_its_budget_is_not() -> None:
    above, at = figures([Reading("ship", 4.1)]), figures([Reading("ship", 4.0)])
    assert [row[3] for row in cells(above, ["ship"])] == ["OVER"]
    assert [row[3] for row in cells(at, ["ship"])] == [""]


def test_a_row_without_a_reading_says_so() -> None:
    assert [row[:3] for row in cells({}, ["start"])] == [("first document", "not measured", "5 s")]


def test_a_row_beside_its_peer_shows_how_many_times_as_much_it_costs() -> None:
    [row] = cells(figures([Reading("ship", 3, 6)]), ["ship"])
    assert dict(zip(HEADINGS[1:], row[1:], strict=True)) == {
        "measured": "3 µs",
        "budget": "4 µs",
        "": "",
        "peer": "6 µs",
        "ratio": "0.50",
        "least to greatest": "",
        "remarks": "",
    }


@pytest.mark.parametrize(("part", "expected"), [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100), (0.001, 1)])
def test_a_share_is_the_least_value_that_so_many_do_not_exceed(part: float, expected: float) -> None:
    assert share(range(1, 101), part) == expected


def test_both_forms_of_the_table_have_every_row() -> None:
    rows = cells({}, get_args(Group))
    for text in (as_text(rows), as_markdown(rows, "python -m bench", "on paper")):
        assert [name for name in ROWS if name.strip() not in text] == []
