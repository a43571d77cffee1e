"""Other shippers in the place of ours, which follow the same logs."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from app.settings import read_settings
from tests.faults.children import UP, Child
from tests.faults.rsyslog import PROGRAM as RSYSLOG
from tests.rotate import filebeat, fluent_bit, rsyslog, vector
from tests.rotate.logs import Log, Written
from tests.rotate.outputs import Lines, Output, Topic
from tests.rotate.place import Command, Place
from tests.rotate.repeats import Repeated
from tests.rotate.shippers import Make, Shipper

START_SECONDS: Final = 3.0  # in which a peer has begun: none of them has a page that tells
PATIENCE_SECONDS: Final = 300.0


class Known(NamedTuple):
    program: str
    command: Command
    into: type[Topic | Lines] = Topic


PEERS: Final = {
    "rsyslog": Known(RSYSLOG, rsyslog.into_topic),
    "rsyslog-file": Known(RSYSLOG, rsyslog.into_file, Lines),
    "fluent-bit": Known(fluent_bit.PROGRAM, fluent_bit.command),
    "filebeat": Known(filebeat.PROGRAM, filebeat.command),
    "vector": Known(vector.PROGRAM, vector.command),
}


class Peer:
    def __init__(
        self, name: str, known: Known, folder: Path, environment: Mapping[str, str], logs: Iterable[Log]
    ) -> None:
        settings = read_settings(environment)
        self.name = name
        self.patience = PATIENCE_SECONDS
        own = folder / "peer"
        own.mkdir()
        patterns = [str(log.path.with_name(pattern.format(log.name))) for log in logs for pattern in log.patterns]
        place = Place(own, patterns, settings.kafka, settings.events_topic, folder / "arrived")
        self.child = Child(name, known.command(place), environment, folder / "shipper.log", 0)
        self._output: Output = Topic(place.kafka, place.topic) if known.into is Topic else Lines(place.out)
        self._life, self._began = 0, 0.0

    def is_ready(self) -> bool:
        if self.child.lives != self._life:
            self._life, self._began = self.child.lives, time.monotonic()
        return self.child.state == UP and time.monotonic() - self._began > START_SECONDS

    def progress(self) -> str:
        return self._output.progress()

    def leave(self) -> None:
        """All has arrived, or never will."""
        self.child.end()

    def arrived(self) -> Iterable[bytes]:
        return self._output.lines()

    def by_kill(self, kills: Sequence[float]) -> tuple[list[Repeated], str]:  # noqa: ARG002 - nor of where lines lay
        return [], ""

    def told(self, logs: Iterable[Log]) -> set[Written]:  # noqa: ARG002 - it tells of nothing
        return set()

    def told_falsely(self, logs: Iterable[Log]) -> Mapping[str, int]:  # noqa: ARG002 - likewise
        return {}


def peer(name: str) -> Make:
    def make(folder: Path, environment: Mapping[str, str], logs: Sequence[Log]) -> Shipper:
        return Peer(name, PEERS[name], folder, environment, logs)

    return make
