"""A few schedules of the many that `make simulate` runs, and that each protection is missed when it is left out."""

from itertools import count
from typing import Final

import pytest

from tests.simulate.flaws import FLAWS
from tests.simulate.run import simulate

CLEAN: Final = 40
MOST: Final = 2000  # the rarest flaw shows in one of 100 schedules


@pytest.mark.parametrize("seed", range(1, 1 + CLEAN))
def test_what_is_stored_is_what_an_undisturbed_run_stores(seed: int) -> None:
    verdict = simulate(seed)
    assert verdict.is_clean, f"python -m tests.simulate.run --from {seed} --seeds 1"


@pytest.mark.parametrize("flaw", sorted(FLAWS))
def test_a_protection_that_is_left_out_is_missed(flaw: str) -> None:
    assert any(not simulate(seed, flaw).is_clean for seed in range(1, 1 + MOST))


def test_a_seed_gives_the_same_schedule_again() -> None:
    seed = next(seed for seed in count(1) if not simulate(seed, "keys").is_clean)
    assert simulate(seed, "keys") == simulate(seed, "keys")
