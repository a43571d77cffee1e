from pathlib import Path

from tests.faults.chaos import report, run

SEED = 1
SECONDS = 120


def test_nothing_is_lost_stored_twice_or_made_of_a_wrong_state_while_processes_are_killed(
    environment: dict[str, str], tmp_path: Path
) -> None:
    verdict = run(SEED, SECONDS, tmp_path, environment)

    assert report(verdict) == 0, verdict.line()
