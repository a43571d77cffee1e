"""Whatever happens, no acknowledged document is without a copy on disk, and in the end each has exactly one."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from app.index.questions import Copy, Index, Indices, Search, Seen, Shard
from app.index.sweep import Positions, Sweep
from tests.index.flawed import Backward, Hasty, Idle, Trusting
from tests.index.rolling import ALLOWANCE, Trouble, simulate

SEEDS = range(300)
PAGE = 3


def whole(positions: Positions) -> Sweep:
    return Sweep(positions, ALLOWANCE, PAGE)


def troubles(make: Any, **options: Any) -> Iterator[Trouble]:
    """One seed after another, for as long as somebody wants to know."""
    return (simulate(seed, make, **options) for seed in SEEDS)


def test_nothing_is_lost_and_nothing_stays_double() -> None:
    for seed, trouble in zip(SEEDS, troubles(whole), strict=True):
        assert trouble == Trouble([], []), seed


def test_without_a_sweep_documents_are_double() -> None:
    doubled = (trouble for trouble in troubles(Idle) if trouble.double)
    more_than_a_quarter = len(SEEDS) // 4 + 1
    assert len(list(islice(doubled, more_than_a_quarter))) == more_than_a_quarter


@pytest.mark.parametrize(("flawed", "harm"), [(Trusting, "lost"), (Backward, "double"), (Hasty, "double")])
def test_without_one_of_its_precautions_the_simulation_finds_it(flawed: type[Sweep], harm: str) -> None:
    found = troubles(lambda positions: flawed(positions, ALLOWANCE, PAGE))
    assert any(getattr(trouble, harm) for trouble in found)


def test_a_clock_that_errs_by_more_than_the_allowance_leaves_doubles_and_loses_nothing() -> None:
    found = list(troubles(whole, skew=6 * ALLOWANCE))
    assert any(trouble.double for trouble in found)
    assert not any(trouble.lost for trouble in found)


@pytest.mark.parametrize(
    ("happened", "asked"),
    [
        (9_500, (9,)),
        (7_500, (7, 8, 9)),
        (5_500, (5, 6, 8, 9)),
        (500, (1, 2, 8, 9)),
        (None, (1, 2, 8, 9)),
    ],
)
def test_of_many_older_indices_those_are_asked_that_are_likeliest_to_hold_it(
    happened: int | None, asked: tuple[int, ...]
) -> None:
    """Nine of them, each begun a second after the one before."""
    assert wanted_of(happened, allowance=0) == [f"ds-{number}" for number in asked]


def test_the_time_that_clocks_may_differ_by_does_not_hide_where_it_lies_if_it_came_in_time() -> None:
    assert wanted_of(5_500, allowance=4_000) == ["ds-4", "ds-5", "ds-8", "ds-9"]


def wanted_of(happened: int | None, allowance: int) -> list[str]:
    indices = [Index(f"ds-{number}", f"uuid-{number}", number, number * 1000) for number in range(1, 11)]
    sweep = Sweep({f"uuid-{number}": [0] for number in range(1, 10)}, allowance=allowance, widest=4)
    asking = sweep.round()
    assert next(asking) == Indices()
    asking.send(indices)
    asking.send({index.name: [Shard(0, 0)] for index in indices})
    asking.send(True)
    asking.send(0)
    wanted = asking.send([Seen("a", Copy(0, 1), happened)])
    assert isinstance(wanted, Search)
    assert wanted.ids == ["a"]
    assert sweep.counters.unasked == (len(wanted.names) == 4)
    return list(wanted.names)
