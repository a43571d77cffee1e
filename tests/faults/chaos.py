"""A run of the whole way, from log files to Elasticsearch, in which processes are killed and paused at random.

    python -m tests.faults.chaos --seed 1 --minutes 5 [--write]

Exit status: 0 when nothing was lost, stored twice or made of a wrong state; 1 when something was; 3 when something that
was to be provoked never occurred, so that the run has proved nothing of it; 4 when the run did not come to an end.
"""

import argparse
import contextlib
import json
import logging
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from app.errors import Stop
from tests.docs.rows import FAULTS, Table, number_of
from tests.faults.faults import Driver
from tests.faults.refusal import Topic
from tests.faults.scene import SWEEP_SECONDS, WORK, Scene, UnsettledError, engines, environment_of, is_clean
from tests.faults.writer import RATES

SPOILT_SHARE: Final = 0.25


TABLE: Final = Table(
    "chaos",
    ("seed", "minutes", "events", "faults", "lost", "duplicated", "differing", "restores", "second copies removed"),
    lambda cells: number_of(cells[0]),
)


class Verdict(NamedTuple):
    """`found` is the checker's answer."""

    seed: int
    faults: int
    found: dict[str, Any]
    occurred: dict[str, int]
    noted: dict[str, int]
    complaints: list[str]
    spoilt: dict[str, int]  # requests to Elasticsearch, by what was done to them

    @property
    def is_clean(self) -> bool:
        return is_clean(self.found) and not self.complaints

    @property
    def is_noticed(self) -> bool:
        """What a control run must show."""
        return bool(self.found["lost"] or self.found["differing"] or self.found["duplicated"])

    @property
    def missing(self) -> list[str]:
        return [name for name, times in self.occurred.items() if not times]

    def cells(self, minutes: float) -> tuple[object, ...]:
        """Of its row in the table."""
        found = (self.found["events"], self.faults, *(self.found[what] for what in ("lost", "duplicated", "differing")))
        return (self.seed, f"{minutes:g}", *found, self.occurred["restores"], self.noted["second copies removed"])

    def line(self) -> str:
        found = self.found
        return (
            f"chaos: seed {self.seed}, {found['events']} events, {self.faults} faults, lost {found['lost']}, "
            f"duplicated {found['duplicated']}, documents differing {found['differing']}"
        )


def run(
    seed: int,
    seconds: float,
    folder: Path,
    environment: Mapping[str, str],
    worker: Sequence[str] = WORK,
    rates: tuple[float, float] = RATES,
    share: float = SPOILT_SHARE,
    sweep_seconds: float = SWEEP_SECONDS,
) -> Verdict:
    """As Scene has it. Raises UnsettledError."""
    with Scene(folder, environment, seed, worker=worker, rates=rates, share=share) as scene:
        topics = [Topic(scene.settings.kafka, scene.settings.documents_topic)]
        driver = Driver(scene, topics)
        driver.harm(seconds)
        scene.stop_writing()
        driver.mend()
        scene.settle(sweep_seconds)
        found = scene.judge()
        books = scene.books()
    occurrences = scene.occurrences
    faults = driver.suffered.total()
    return Verdict(
        seed, faults, found, occurrences.required(), occurrences.noted(), [*scene.complaints, *books], scene.spoilt
    )


@contextlib.contextmanager
def kept_on_failure(folder: Path | None, *, keep: bool) -> Iterator[Path]:
    """A folder for a run, removed unless it fails or `keep`."""
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="tetrastash-chaos-"))
    else:
        folder.mkdir(parents=True)
    print(f"logs of all processes: {folder}", flush=True)
    yield folder
    if not keep:
        shutil.rmtree(folder)


def report(verdict: Verdict) -> int:
    """Prints what happened, and returns the exit status."""
    found = verdict.found
    print("occurred:", ", ".join(f"{name} {times}" for name, times in verdict.occurred.items()))
    print("spoilt requests:", ", ".join(f"{name} {times}" for name, times in sorted(verdict.spoilt.items())) or "none")
    print("and also:", ", ".join(f"{name} {times}" for name, times in verdict.noted.items()))
    print(
        f"stored {found['stored']}, dead letters {found['dead_letters']}, extra {found['extra']}, "
        f"undisturbed {found['reference']}, no documents of ECS {found['unfit']} of {found['sampled']} sampled"
    )
    for complaint in verdict.complaints:
        print("complaint:", complaint)
    if not verdict.is_clean:
        print("fields that differ:", json.dumps(found["differing_fields"]))
        print("examples:", json.dumps(found["examples"])[:4000])
    status = 0
    if verdict.missing:
        print(
            f"This counts as not run: {', '.join(verdict.missing)} never occurred. Run it longer, or by another seed."
        )
        status = 3
    if not verdict.is_clean:
        status = 1
    print(verdict.line(), flush=True)
    return status


def options(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--rate", type=float, default=sum(RATES) / 2, help="events a second, about")
    parser.add_argument("--spoilt", type=float, default=SPOILT_SHARE, help="share of all bulk requests")
    parser.add_argument("--folder", type=Path, help="for the logs of all processes; must not exist yet")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a run without a fault, too")
    return parser


def rates_about(rate: float) -> tuple[float, float]:
    return rate * RATES[0] / (sum(RATES) / 2), rate * RATES[1] / (sum(RATES) / 2)


def prepare() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class _FailedError(Exception):
    pass


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--write", action="store_true", help=f"a row of it into {FAULTS.name}")
    given = parser.parse_args()
    prepare()
    status = 4
    try:
        with kept_on_failure(given.folder, keep=given.keep) as folder:
            with engines(folder) as (kafka, elasticsearch):
                environment = environment_of(kafka, elasticsearch, folder)
                rates = rates_about(given.rate)
                verdict = run(given.seed, given.minutes * 60, folder, environment, WORK, rates, given.spoilt)
            status = report(verdict)
            if given.write:
                FAULTS.write_text(TABLE.merged(FAULTS.read_text("utf-8"), [verdict.cells(given.minutes)]), "utf-8")
            if status:
                raise _FailedError
    except _FailedError:
        pass
    except (Stop, UnsettledError, subprocess.TimeoutExpired) as error:
        print(f"chaos: seed {given.seed} did not come to an end: {error}")
    sys.exit(status)


if __name__ == "__main__":
    main()
