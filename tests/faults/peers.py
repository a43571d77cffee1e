"""The same faults against another shipper in the place of ours: what it loses, and stores twice.

    python -m tests.faults.peers rsyslog [--only TEXT] [--write]

Of the rows only those that it can suffer as well: faults of the process, of Elasticsearch and of rollover.
"""

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from app.local.elasticsearch import Elasticsearch
from app.local.kafka import Kafka
from tests.docs.rows import FAULTS, Table, line_of
from tests.faults import rsyslog
from tests.faults.acts import ROWS, Row, Stage, place_of
from tests.faults.brokers import Brokers
from tests.faults.checker import NUMBER, call, numbers_written, stored_documents
from tests.faults.children import Child
from tests.faults.matrix import AFTER_SECONDS, BEFORE_SECONDS, RATES, names_of, suffer
from tests.faults.progress import count_documents
from tests.faults.scene import Scene, environment_of

PATIENCE_SECONDS: Final = 30.0  # without a new document it has come to its end
START_SECONDS: Final = 3.0
ALONE: Final = {  # what only a worker of ours can suffer
    "SIGTERM, one after another",
    "SIGSTOP for 10 s: others take over, a zombie wakes",
    "from one to four, and to two",
    "SIGKILL to all",
    "400 to items, which are replayed afterwards",
    "once, and all is indexed again",
}
PLACES: Final = {"worker", "Elasticsearch", "rollover"}
TEMPLATE: Final = {
    "index_patterns": ["logs-row*"],
    "priority": 500,
    "data_stream": {},
    "template": {
        "settings": {"number_of_shards": 1, "number_of_replicas": 0},
        "mappings": {"properties": {"original": {"type": "keyword", "index": False, "doc_values": False}}},
    },
}

Command = Callable[[Path, Path, str, str], Sequence[str]]
PEERS: Final[Mapping[str, tuple[str, Command]]] = {"rsyslog": (rsyslog.PROGRAM, rsyslog.command)}


class PeerScene(Scene):
    """`command` starts it; the scene has no Kafka."""

    def __init__(self, command: Command, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._command = command

    @property
    def workers(self) -> list[Child]:
        return self.children

    def _set_up(self) -> None:
        call(self.settings.elasticsearch, "PUT", "/_index_template/peer", TEMPLATE)

    def _processes(self, environment: Mapping[str, str]) -> list[Child]:
        folder = self.folder / "peer"
        folder.mkdir()
        arguments = self._command(folder, self.folder / "logs", self.proxy, self.settings.data_stream)
        return [Child("peer", arguments, environment, self.folder / "peer.log", 0)]

    def _wait_until_ready(self) -> None:
        self.wait(START_SECONDS)

    def settle(self, sweep_seconds: float = 0.0) -> float:  # noqa: ARG002 - nobody sweeps
        """Until all is stored, or nothing has come for long; the seconds until the last one."""
        began = last = time.monotonic()
        before = -1
        while time.monotonic() - last < PATIENCE_SECONDS:
            self.tick()
            documents = count_documents(self.settings)
            if documents != before:
                last, before = time.monotonic(), documents
            if documents >= self.writer.written and time.monotonic() - last > AFTER_SECONDS:
                break
            time.sleep(0.3)
        return last - began

    def judge(self) -> dict[str, Any]:
        for child in self.children:
            child.end()
        written = numbers_written(self.writer.complete())
        times: Counter[int] = Counter()
        for _, _, source in stored_documents(self.settings.elasticsearch, self.settings.data_stream):
            times.update(int(number) for number in NUMBER.findall(source["original"])[:1])
        return {
            "events": len(written),
            "lost": len(written - times.keys()),
            "duplicated": sum(count - 1 for count in times.values()),
        }


class Suffered(NamedTuple):
    row: Row
    found: Mapping[str, int]
    seconds: float

    @property
    def cells(self) -> tuple[object, ...]:
        counts = (self.found["events"], self.found["lost"], self.found["duplicated"])
        return (self.row.place, self.row.name, *counts, round(self.seconds))


def run(command: Command, row: Row, number: int, elasticsearch: Elasticsearch, folder: Path) -> Suffered:
    folder.mkdir()
    if not elasticsearch.is_running:
        elasticsearch.start()
    nowhere = Kafka(folder / "kafka")  # which is never started
    environment = environment_of(nowhere, elasticsearch, folder, **names_of(number))
    with PeerScene(command, folder, environment, number, workers=1, rates=RATES) as scene:
        scene.wait(BEFORE_SECONDS)
        seconds = suffer(row, Stage(scene, Brokers([nowhere], nowhere.bootstrap), elasticsearch))
        return Suffered(row, scene.judge(), seconds)


def table_of(name: str) -> Table:
    """Ours of the same row is in the table of all faults."""
    return Table("peers", ("place", "fault", "events", f"{name} lost", "double", "seconds"), place_of)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.peers")
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("--only", default="", help="rows whose place and name have this text")
    parser.add_argument("--write", action="store_true", help=f"all of it into {FAULTS.name}")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    program, command = PEERS[given.peer]
    if shutil.which(program) is None:
        sys.exit(f"{program} is not on the PATH. Expected it to be installed; on Debian `apt-get install` has rsyslog.")
    rows = [row for row in ROWS if row.place in PLACES and row.name not in ALONE]
    rows = [row for row in rows if given.only in f"{row.place} {row.name}"]
    folder = Path(tempfile.mkdtemp(prefix="tetrastash-peers-"))
    elasticsearch = Elasticsearch(folder / "elasticsearch")
    suffered: list[Suffered] = []
    try:
        for number, row in enumerate(rows):
            suffered.append(run(command, row, number, elasticsearch, folder / f"row-{number}"))
            print(line_of(suffered[-1].cells), flush=True)
    finally:
        elasticsearch.stop()
    if given.write:
        measured = [each.cells for each in suffered]
        FAULTS.write_text(table_of(given.peer).replaced(FAULTS.read_text("utf-8"), measured), "utf-8")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
