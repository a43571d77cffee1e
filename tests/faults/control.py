"""The chaos run with a worker that lacks one protection: it must be noticed.

    python -m tests.faults.control --without answers|commits|ids|order|positions|sweep --seed 1 --minutes 1

Exit status: 0 when something was lost, is double or differs, as it must; 1 when nothing was, so that the chaos run
proves nothing.
"""

import subprocess
import sys

from app.errors import Stop
from tests.faults.chaos import kept_on_failure, options, prepare, rates_about, report, run
from tests.faults.scene import UnsettledError, engines, environment_of
from tests.faults.unprotected import PROTECTIONS


def unprotected(protection: str) -> list[str]:
    return [sys.executable, "-m", "tests.faults.unprotected", "--without", protection]


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--without", required=True, choices=PROTECTIONS)
    given = parser.parse_args()
    prepare()
    with kept_on_failure(given.folder, keep=given.keep) as folder:
        try:
            with engines(folder) as (kafka, elasticsearch):
                environment = environment_of(kafka, elasticsearch, folder)
                rates = rates_about(given.rate)
                verdict = run(given.seed, given.minutes * 60, folder, environment, unprotected(given.without), rates)
        except (Stop, UnsettledError, subprocess.TimeoutExpired) as error:
            print(f"control: without {given.without}, seed {given.seed} did not come to an end: {error}")
            sys.exit(4)
        report(verdict)
    outcome = "were noticed, as they must be" if verdict.is_noticed else "went UNNOTICED"
    print(f"control: without {given.without} the faults {outcome}")
    sys.exit(0 if verdict.is_noticed else 1)


if __name__ == "__main__":
    main()
