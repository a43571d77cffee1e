"""A short run of what `make chaos` does, and that it notices a worker that lacks a protection.

One file, for files may run side by side (`make integration INTEGRATION_JOBS=2`), and two such runs are too much.
"""

from pathlib import Path

import pytest

from tests.faults.chaos import report, run
from tests.faults.control import unprotected

SEED = 1
SECONDS = 120
CONTROL_SECONDS = 40
CONTROL_RATES = (150.0, 250.0)  # enough to be noticed, and soon checked
CONTROL_SWEEP_SECONDS = 15.0  # a sweep has begun its second round by then


def test_nothing_is_lost_stored_twice_or_made_of_a_wrong_state_while_processes_are_killed(
    environment: dict[str, str], tmp_path: Path
) -> None:
    verdict = run(SEED, SECONDS, tmp_path, environment)

    assert report(verdict) == 0, verdict.line()


@pytest.mark.parametrize("protection", ["commits", "positions", "order", "sweep"])
def test_a_worker_without_one_of_its_protections_is_noticed(
    protection: str, environment: dict[str, str], tmp_path: Path
) -> None:
    worker = unprotected(protection)
    verdict = run(
        SEED, CONTROL_SECONDS, tmp_path, environment, worker, CONTROL_RATES, sweep_seconds=CONTROL_SWEEP_SECONDS
    )

    report(verdict)
    assert verdict.is_noticed, verdict.line()
