"""Where measurements run: real engines, the made logs, and for each run topics of its own."""

import http.client
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

import orjson

from app.errors import Stop
from app.local.elasticsearch import Elasticsearch
from app.local.kafka import Kafka
from app.local.pipeline import COMMAND
from app.local.ports import HOST, free_ports
from app.settings import PREFIX, Settings
from bench.measured import Cost, Measured, cpu_seconds, per_event

_POLL_SECONDS: Final = 0.2


class Site:
    def __init__(
        self, folder: Path, kafka: Kafka, elasticsearch: Elasticsearch, logs: Sequence[Path], events: int
    ) -> None:
        """`events` is how many lines `logs` hold."""
        self.folder = folder
        self.kafka = kafka
        self.elasticsearch = elasticsearch
        self.logs = logs
        self.events = events
        self.empty = folder / "empty.log"
        self.empty.touch()
        self._numbers = count(1)
        self._lines_topic: str | None = None

    def run(self) -> "Run":
        """Topics and a data stream that nothing has written to."""
        name = f"b{next(self._numbers)}"
        run = Run(self, name)
        run.once("setup", seconds=60)
        return run

    def filled_run(self) -> "Run":
        """Its events topic holds all of the logs."""
        run = self.run()
        run.once("ship", "--once", *self.logs, seconds=120)
        return run

    def lines_topic(self) -> str:
        """A topic that holds a record for each line, as the bare loop ships them."""
        if self._lines_topic is None:
            run = self.run()
            run.python("bench.bare", "ship", self.kafka.bootstrap, run.settings.events_topic, *self.logs).finish(120)
            self._lines_topic = run.settings.events_topic
        return self._lines_topic

    def engine_cpu(self) -> tuple[float, float]:
        """Seconds so far of Kafka and of Elasticsearch."""
        return cpu_seconds(self.kafka.pid), cpu_seconds(self.elasticsearch.pid)

    def an_event(self, cost: Cost, idle: Cost) -> float:
        return per_event(cost, idle, self.events)


class Run:
    """A topic prefix, a data stream and a position file, and the commands that use them."""

    def __init__(self, site: Site, name: str) -> None:
        self.site = site
        self.folder = site.folder / name
        self.folder.mkdir()
        self._given = {
            "kafka": site.kafka.bootstrap,
            "elasticsearch": site.elasticsearch.url,
            "topic_prefix": name,
            "data_stream": f"logs-{name}.log-default",
            "positions": str(self.folder / "positions.json"),
        }
        self.settings = Settings.model_validate(self._given)
        self._logs = count(1)

    def tetrastash(self, *arguments: str | Path, **settings: str) -> Measured:
        """`settings` win over those of this run."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        given = {PREFIX + name.upper(): value for name, value in (self._given | settings).items()}
        command = self._shown([f"{name}={value}" for name, value in given.items()], "tetrastash", arguments)
        return Measured([COMMAND, *arguments], inherited | given, self._log(), command)

    def python(self, module: str, *arguments: str | Path) -> Measured:
        command = self._shown([], f"python -m {module}", arguments)
        return Measured([sys.executable, "-m", module, *arguments], os.environ, self._log(), command)

    def once(self, *arguments: str | Path, seconds: float) -> Cost:
        """To its end."""
        return self.tetrastash(*arguments).finish(seconds)

    def idle(self, *arguments: str, **settings: str) -> Cost:
        """A command that goes on for ever: until it is ready, and out again."""
        with listening(self, *arguments, **settings) as (process, _):
            return process.stop()

    def stored(self) -> int:
        """Documents that Elasticsearch counts."""
        stream = self.settings.data_stream
        _request(self.site.elasticsearch.port, "POST", f"/{stream}/_refresh")
        status, answer = _request(self.site.elasticsearch.port, "GET", f"/{stream}/_count")
        return int(orjson.loads(answer)["count"]) if status == 200 else 0

    def _shown(self, settings: Sequence[str], program: str, arguments: Sequence[str | Path]) -> str:
        few = [*map(str, arguments[:5]), "..."] if len(arguments) > 12 else list(map(str, arguments))
        return " ".join([*settings, program, *few]).replace(str(self.site.folder), "$DIR")

    def _log(self) -> Path:
        return self.folder / f"{next(self._logs)}.log"


@contextmanager
def ended(process: Measured) -> Iterator[Measured]:
    """Kills it if it still runs: whatever failed, nothing goes on behind the next measurement."""
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def listening(run: Run, *arguments: str | Path, **settings: str) -> Iterator[tuple[Measured, int]]:
    """A command with pages, once they say that it is ready, and their port."""
    [port] = free_ports(1)
    with ended(run.tetrastash(*arguments, listen=f"{HOST}:{port}", **settings)) as process:
        until(lambda: _status(port, "/readyz") == 200, process, seconds=60, what="it was ready")
        yield process, port


@contextmanager
def null_server(run: Run, at: int | None = None) -> Iterator[int]:
    """Its port, which is a free one unless told."""
    port = at or free_ports(1)[0]
    with ended(run.python("bench.null_elasticsearch", str(port))) as process:
        until(lambda: _status(port, "/taken") == 200, process, seconds=20, what="it answered")
        yield port


@contextmanager
def recording_proxy(run: Run, behind: int, record: Path) -> Iterator[str]:
    """Its URL; `behind` is the port of the server behind it."""
    [port] = free_ports(1)
    with ended(run.python("bench.recording_proxy", str(port), f"http://{HOST}:{behind}", record)) as process:
        until(lambda: _status(port, "/_cluster/health") == 200, process, seconds=20, what="it answered")
        yield f"http://{HOST}:{port}"


def taken(port: int) -> int:
    """Documents that came to the null server."""
    return int(_request(port, "GET", "/taken")[1])


def metric(port: int, name: str) -> int:
    """The sum over its labels."""
    lines = _request(port, "GET", "/metrics")[1].decode().splitlines()
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} "))))


def until(
    is_so: Callable[[], bool], process: Measured, *, seconds: float, what: str, every: float = _POLL_SECONDS
) -> None:
    """Waits while `process` runs. Raises Stop."""
    deadline = time.monotonic() + seconds
    while not is_so():
        process.require_running()
        if time.monotonic() > deadline:
            raise Stop(f"`{process.command}` ran for {seconds:.0f} s before {what}. {process.last_words()}")
        time.sleep(every)


def _status(port: int, path: str) -> int | None:
    try:
        return _request(port, "GET", path)[0]
    except (OSError, http.client.HTTPException):
        return None


def _request(port: int, method: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
