"""Whatever happens, no acknowledged document is without a copy on disk, and in the end each has exactly one."""

from typing import Any

import pytest

from app.index.questions import Copy, Find, Index, Indices, Seen, Shard
from app.index.sweep import Positions, Sweep
from tests.index.flawed import Backward, Hasty, Idle, Trusting
from tests.index.rolling import ALLOWANCE, Trouble, simulate

SEEDS = range(300)
PAGE = 3


def whole(positions: Positions) -> Sweep:
    return Sweep(positions, ALLOWANCE, PAGE)


def troubles(make: Any, **options: Any) -> list[Trouble]:
    return [simulate(seed, make, **options) for seed in SEEDS]


def test_nothing_is_lost_and_nothing_stays_double() -> None:
    for seed, trouble in zip(SEEDS, troubles(whole), strict=True):
        assert trouble == Trouble([], []), seed


def test_without_a_sweep_documents_are_double() -> None:
    assert sum(bool(trouble.double) for trouble in troubles(Idle)) > len(SEEDS) / 4


@pytest.mark.parametrize(("flawed", "harm"), [(Trusting, "lost"), (Backward, "double"), (Hasty, "double")])
def test_without_one_of_its_precautions_the_simulation_finds_it(flawed: type[Sweep], harm: str) -> None:
    found = troubles(lambda positions: flawed(positions, ALLOWANCE, PAGE))
    assert any(getattr(trouble, harm) for trouble in found)


def test_a_clock_that_errs_by_more_than_the_allowance_leaves_doubles_and_loses_nothing() -> None:
    found = troubles(whole, skew=6 * ALLOWANCE)
    assert any(trouble.double for trouble in found)
    assert not any(trouble.lost for trouble in found)


def test_of_many_older_indices_those_are_asked_that_are_likeliest_to_hold_it() -> None:
    """Ten of them, each a second after the one before; what happened in the fourth is found in the tenth."""
    indices = [Index(f"ds-{number}", f"uuid-{number}", number, number * 1000) for number in range(1, 11)]
    sweep = Sweep({f"uuid-{number}": [0] for number in range(1, 10)}, allowance=0, widest=4)
    asking = sweep.round()
    assert next(asking) == Indices()
    asking.send(indices)
    asking.send({index.name: [Shard(0, 0)] for index in indices})
    asking.send(True)
    asking.send(0)
    wanted = asking.send([Seen("a", Copy(0, 1), 4_500)])
    assert wanted == Find([(f"ds-{number}", "a") for number in (4, 5, 8, 9)])
    assert sweep.counters.unasked == 1
