"""One fault after another, each in a run of its own: what it cost, and whether the protection against it acted.

    python -m tests.faults.matrix [--only TEXT] [--write]

A row counts only if its protection acted; one in which it never did has shown nothing. Exit status: 0 when every row
counts, and nothing was lost, double or made of a wrong state.
"""

import argparse
import contextlib
import logging
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from app.errors import Stop
from app.local.elasticsearch import Elasticsearch
from app.local.kafka import QUICK_RETURN, Kafka
from tests.docs.rows import FAULTS, Table, line_of
from tests.faults.acts import ROWS, Row, Stage, place_of
from tests.faults.brokers import Brokers, behind_a_relay, three
from tests.faults.faults import mend
from tests.faults.scene import Scene, UnsettledError, environment_of, is_clean
from tests.faults.stepped import stepped

BEFORE_SECONDS: Final = 4.0
AFTER_SECONDS: Final = 3.0
RATES: Final = (250.0, 350.0)  # events a second
TABLE: Final = Table(
    "faults",
    ("place", "fault", "events", "lost", "double", "differing", "seconds", "acted", "the log said"),
    place_of,
)
_COMPLAINT: Final = re.compile(r"^\S+ \S+ (?:WARNING|ERROR) (\S+): (.*)$", re.MULTILINE)
_VARYING: Final = re.compile(r"0x[0-9a-f]+|\b\d[\d.:,-]*\b|'[^']{60,}'")


class Outcome(NamedTuple):
    row: Row
    found: Mapping[str, Any]
    seconds: float
    acted: int
    said: str
    complaints: list[str]

    @property
    def counts(self) -> bool:
        return self.acted > 0

    @property
    def is_clean(self) -> bool:
        return is_clean(self.found) and not self.complaints

    @property
    def cells(self) -> tuple[object, ...]:
        found, seconds = self.found, round(self.seconds)
        acted = self.acted if self.row.signs else ""
        said = f"`{self.said}`" if self.said else ""
        counts = (found["events"], found["lost"], found["duplicated"], found["differing"])
        return (self.row.place, self.row.name, *counts, seconds, acted, said)


def run(row: Row, number: int, kafka: Kafka, elasticsearch: Elasticsearch, folder: Path) -> Outcome:
    """`kafka` is for rows with a broker of no special kind. Raises UnsettledError."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        if row.brokers == "relayed":
            brokers = stack.enter_context(behind_a_relay(folder / "kafka", number))
        elif row.brokers == "three":
            brokers = stack.enter_context(three(folder / "kafka"))
        else:
            brokers = Brokers([kafka], kafka.bootstrap)
        for broker in brokers.all:
            if not broker.is_running:
                broker.start()
        if not elasticsearch.is_running:
            elasticsearch.start()
        return _play(row, number, brokers, elasticsearch, folder)


def _play(row: Row, number: int, brokers: Brokers, elasticsearch: Elasticsearch, folder: Path) -> Outcome:
    environment = environment_of(
        brokers.all[0],
        elasticsearch,
        folder,
        KAFKA=brokers.bootstrap,
        REPLICATION=str(len(brokers.all)),
        **names_of(number),
    )
    if row.stepped:
        environment |= stepped(folder)
    with Scene(folder, environment, number, workers=row.workers, rates=RATES) as scene:
        scene.wait(BEFORE_SECONDS)
        before = Counter({metric: scene.occurrences.total(metric) for metric in row.signs})
        seconds = suffer(row, Stage(scene, brokers, elasticsearch))
        acted = sum(scene.occurrences.total(metric) - before[metric] for metric in row.signs) if row.signs else 1
        found = scene.judge()
        complaints = [*scene.books(), *scene.complaints]
        return Outcome(row, found, seconds, acted, _said(scene), complaints)


def suffer(row: Row, stage: Stage) -> float:
    """The seconds until all is stored again."""
    scene = stage.scene
    row.act(stage)
    scene.wait(AFTER_SECONDS)
    scene.stop_writing()
    mend(scene.children, scene.tick)
    return scene.settle()


def names_of(number: int) -> dict[str, str]:
    """Settings of a row of its own, whatever was stored before."""
    name = f"row{number}-{int(time.time())}"
    return {"TOPIC_PREFIX": name, "DATA_STREAM": f"logs-{name.replace('-', '_')}.log-default"}


def _said(scene: Scene) -> str:
    """What the processes warned of most often."""
    texts: Counter[str] = Counter()
    for child in scene.children:
        for found in _COMPLAINT.finditer(child.log.read_text("utf-8", "replace")):
            if found[1].startswith("app."):
                texts[_VARYING.sub("…", found[2])[:110]] += 1
    return texts.most_common(1)[0][0] if texts else ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.matrix")
    parser.add_argument("--only", default="", help="rows whose place and name have this text")
    parser.add_argument("--write", action="store_true", help=f"these rows into {FAULTS.name}")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    rows = [row for row in ROWS if given.only in f"{row.place} {row.name}"]
    outcomes: list[Outcome] = []
    failed: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="tetrastash-faults-"))
    kafka, elasticsearch = Kafka(folder / "kafka", QUICK_RETURN), Elasticsearch(folder / "elasticsearch")
    try:
        for number, row in enumerate(rows):
            label = f"{row.place}: {row.name}"
            try:
                outcome = run(row, number, kafka, elasticsearch, folder / f"row-{number}")
            except (UnsettledError, Stop) as error:
                failed.append(f"{label}: {error}")
                print(f"{label}: {error}", flush=True)
                continue
            outcomes.append(outcome)
            print(line_of(outcome.cells), *outcome.complaints, flush=True)
            if not outcome.is_clean or not outcome.counts:
                failed.append(label)
            else:
                shutil.rmtree(folder / f"row-{number}")
    finally:
        for engine in (kafka, elasticsearch):
            engine.stop()
    if given.write:
        FAULTS.write_text(TABLE.merged(FAULTS.read_text("utf-8"), [each.cells for each in outcomes]), "utf-8")
    if failed:
        print(f"not as they must be: {'; '.join(failed)}; logs in {folder}")
        sys.exit(1)
    shutil.rmtree(folder)
    print(f"faults: {len(outcomes)} rows, lost 0, double 0, differing 0")


if __name__ == "__main__":
    main()
