"""What the run asks of a shipper, and ours, which writes down how far it is and what is lost."""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from app.local.ports import free_ports
from app.settings import PREFIX, Settings, read_settings
from app.ship.positions import PositionFile
from schemas.identity import fingerprint
from tests.faults.children import Child
from tests.faults.occurrences import is_ready
from tests.faults.scene import TETRASTASH
from tests.rotate.logs import Log, Written
from tests.rotate.repeats import Repeated, by_kill, told
from tests.rotate.verdict import OURS
from tests.ship.topic import Shipped, lines_of, shipped


class Shipper(Protocol):
    """`child` is its process; `patience` the seconds in which it may come to rest."""

    name: str
    child: Child
    patience: float

    def is_ready(self) -> bool: ...

    def progress(self) -> str:
        """Another one as long as something happens."""
        ...

    def leave(self) -> None:
        """In order, for good."""
        ...

    def arrived(self) -> Iterable[bytes]:
        """Every line that has, as often as it has."""
        ...

    def by_kill(self, kills: Sequence[float]) -> tuple[list[Repeated], str]:
        """What each of them, in seconds since 1970, made it send again, and that in words; nothing if none can tell."""
        ...

    def told(self, logs: Iterable[Log]) -> set[Written]:
        """The files of which it says that something was lost."""
        ...

    def told_falsely(self, logs: Iterable[Log]) -> Mapping[str, int]:
        """Bytes that it calls lost, by the names of logs that nobody harmed."""
        ...


class Tetrastash:
    def __init__(
        self, settings: Settings, environment: Mapping[str, str], logs: Iterable[Log], command: Sequence[str]
    ) -> None:
        """`command` is tetrastash."""
        self.name = OURS
        self.patience = 60.0
        self._settings = settings
        self._positions = settings.positions
        self._shipped: list[Shipped] = []
        [port] = free_ports(1)
        arguments = [*command, "ship", *(str(log.path) for log in logs)]
        self.child = Child("shipper", arguments, environment, self._positions.with_name("shipper.log"), port)

    def is_ready(self) -> bool:
        return is_ready(self.child)

    def progress(self) -> str:
        return repr(PositionFile(self._positions).load())

    def leave(self) -> None:
        self.child.terminate(time.monotonic(), self.patience)
        self.child.leave()

    def arrived(self) -> Iterable[bytes]:
        return lines_of(self._records())

    def by_kill(self, kills: Sequence[float]) -> tuple[list[Repeated], str]:
        repeated = by_kill(self._records(), kills)
        return repeated, told(repeated, self._records())

    def _records(self) -> list[Shipped]:
        self._shipped = self._shipped or asyncio.run(shipped(self._settings))
        return self._shipped

    def told(self, logs: Iterable[Log]) -> set[Written]:
        names = {loss["file"].partition(".")[0] for loss in self._losses()}
        return {file for log in logs for file, first in log.first_lines.items() if fingerprint(first) in names}

    def told_falsely(self, logs: Iterable[Log]) -> Mapping[str, int]:
        unharmed = {log.name for log in logs if not log.harmed}
        told: Counter[str] = Counter()
        for loss in self._losses():
            if (name := Path(loss["path"]).stem) in unharmed:
                told[name] += loss["bytes"]
        return +told

    def _losses(self) -> list[dict[str, Any]]:
        losses: list[dict[str, Any]] = json.loads(self._positions.read_bytes())["losses"]
        return losses


def environment_of(seed: int, folder: Path, bootstrap: str) -> dict[str, str]:
    """This process's own, with settings of a run of its own, whatever was shipped before."""
    given = {
        "KAFKA": bootstrap,
        "TOPIC_PREFIX": f"rotate{seed}-{time.time_ns()}",
        "POSITIONS": str(folder / "positions.json"),
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return environment | {PREFIX + name: value for name, value in given.items()}


# Of a folder, the environment for its processes, and its logs
Make = Callable[[Path, Mapping[str, str], Sequence[Log]], Shipper]


def ours(command: Sequence[str] = TETRASTASH) -> Make:
    def make(folder: Path, environment: Mapping[str, str], logs: Sequence[Log]) -> Shipper:  # noqa: ARG001 - it has its place in the environment
        return Tetrastash(read_settings(environment), environment, logs, command)

    return make
