from pathlib import Path

import pytest

from tests.faults.chaos import report, run
from tests.faults.control import unprotected

SEED = 1
SECONDS = 40
RATES = (150.0, 250.0)  # enough to be noticed, and soon checked
SWEEP_SECONDS = 15.0  # a sweep has begun its second round by then


@pytest.mark.parametrize("protection", ["commits", "positions", "order", "sweep"])
def test_a_worker_without_one_of_its_protections_is_noticed(
    protection: str, environment: dict[str, str], tmp_path: Path
) -> None:
    worker = unprotected(protection)
    verdict = run(SEED, SECONDS, tmp_path, environment, worker, RATES, sweep_seconds=SWEEP_SECONDS)

    report(verdict)
    assert verdict.is_noticed, verdict.line()
