"""A few schedules of the many that `make simulate` runs, and that each protection is missed when it is left out."""

from itertools import count
from typing import Final

import pytest

from tests.simulate.flaws import FLAWS
from tests.simulate.run import simulate

CLEAN: Final = 40
MOST: Final = 2000
# The first seeds of the rarer flaws, which are asked first. Where one shows nothing any more, all are.
SHOWN: Final = {"conflicts": 26, "generations": 26, "sweep's step 3": 69, "sweep's step 4": 771}


@pytest.mark.parametrize("seed", range(1, 1 + CLEAN))
def test_what_is_stored_is_what_an_undisturbed_run_stores(seed: int) -> None:
    verdict = simulate(seed)
    assert verdict.is_clean, f"python -m tests.simulate.run --from {seed} --seeds 1"


@pytest.mark.parametrize("flaw", sorted(FLAWS))
def test_a_protection_that_is_left_out_is_missed(flaw: str) -> None:
    seeds = (SHOWN.get(flaw, 1), *range(1, 1 + MOST))
    assert any(not simulate(seed, flaw).is_clean for seed in seeds)


def test_a_seed_gives_the_same_schedule_again() -> None:
    seed = next(seed for seed in count(1) if not simulate(seed, "keys").is_clean)
    assert simulate(seed, "keys") == simulate(seed, "keys")
