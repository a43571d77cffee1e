"""How much may be rejected before a stage stops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.stream.limit import RejectionLimit


@pytest.mark.parametrize(
    ("counted", "exceeded"),
    [
        ([(100, 51)], True),
        ([(100, 50)], False),
        ([(99, 99)], False),  # too few to say
        ([(50, 50), (49, 49)], False),
        ([(50, 50), (50, 1)], True),
        ([(1, 1)] * 51 + [(1, 0)] * 49, True),
        ([(1, 1)] * 50 + [(1, 0)] * 1000 + [(1, 1)] * 50, False),  # never so many within a hundred
        ([(100, 51), (100, 0)], True),  # once is for good
        ([(0, 0)], False),
        ([(5000, 2501)], True),
    ],
)
def test_a_share_of_the_last_ones(counted: list[tuple[int, int]], exceeded: bool) -> None:
    limit = RejectionLimit(0.5, window=100)
    for taken, rejected in counted:
        limit.count(taken, rejected)
    assert limit.exceeded is exceeded


@given(st.lists(st.integers(0, 300)))
def test_a_share_of_one_is_never_exceeded(counted: list[int]) -> None:
    limit = RejectionLimit(1.0, window=100)
    for number in counted:
        limit.count(number, number)
    assert not limit.exceeded


def test_a_share_of_nothing_bears_not_one() -> None:
    limit = RejectionLimit(0.0, window=10)
    limit.count(9, 0)
    limit.count(1, 1)
    assert limit.exceeded


def test_it_says_how_much_why_and_what_to_do() -> None:
    limit = RejectionLimit(0.5, window=10)
    limit.count(8, 8, "no event: it has no type")
    limit.count(2, 0)
    for part in ("8 of the last 10", "'no event: it has no type'", "TETRASTASH_REJECTED_SHARE", "restart"):
        assert part in limit.message
