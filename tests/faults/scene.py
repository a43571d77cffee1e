"""The whole way, from log files that are written to while it runs to Elasticsearch, and what came of it."""

import contextlib
import json
import logging
import math
import os
import sys
import time
import urllib.request
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from app.errors import Stop
from app.local.child import spawn
from app.local.elasticsearch import Elasticsearch
from app.local.kafka import Kafka
from app.local.ports import free_ports
from app.settings import PREFIX, Settings, read_settings
from tests.faults.children import Child
from tests.faults.occurrences import Occurrences, is_ready
from tests.faults.progress import Gauge, Progress
from tests.faults.writer import RATES, Writer

log = logging.getLogger(__name__)

WORKERS: Final = 3
SESSION_SECONDS: Final = 6
PARTITIONS: Final = 4
AGENTS: Final = Path(__file__).with_name("agents")
READY_SECONDS: Final = 90.0
# Once nobody is harmed any more: after how long without a step ahead it stands still, and how long it must have rested.
SETTLE_SECONDS: Final = 240.0
CALL_SECONDS: Final = 1200.0  # to compare a million documents
REST_SECONDS: Final = 4.0
# After which a second copy that a rollover let in must be gone.
SWEEP_SECONDS: Final = 120.0
TICK_SECONDS: Final = 0.05

TETRASTASH: Final = (sys.executable, "-m", "app")
WORK: Final = (*TETRASTASH, "work")


class UnsettledError(Exception):
    pass


class Scene:
    """`folder` gets the logs of all processes; `environment` has the settings. Between `rates`, in events a second, the
    writer changes; `share` of all bulk requests is spoilt. Within `with` everything runs."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        seed: int,
        *,
        worker: Sequence[str] = WORK,
        workers: int = WORKERS,
        rates: tuple[float, float] = RATES,
        share: float = 0.0,
    ) -> None:
        self.folder = folder
        self.environment = {**environment, f"{PREFIX}AGENTS": str(AGENTS)}
        self.settings = read_settings(self.environment)
        self.seed = seed
        self.occurrences = Occurrences()
        self.children: list[Child] = []
        self.spoilt: dict[str, int] = {}  # requests to Elasticsearch, by what was done to them
        self._worker = worker
        self._workers = workers
        self._rates = rates
        self._share = share
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Scene":
        with contextlib.ExitStack() as stack:
            self._set_up()
            self.writer = Writer(_made(self.folder / "logs"), self.seed, self._rates)
            self.proxy = stack.enter_context(
                _spoiling(self.settings.elasticsearch, self.seed, self._share, self.folder)
            )
            self.children = self._processes({**self.environment, f"{PREFIX}ELASTICSEARCH": self.proxy})
            for child in self.children:
                stack.callback(child.end)
                child.start()
            self._wait_until_ready()
            self.writer.start()
            stack.callback(self.writer.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def workers(self) -> list[Child]:
        return [child for child in self.children if child.name.startswith("worker")]

    @property
    def complaints(self) -> list[str]:
        return [complaint for child in self.children for complaint in child.complaints]

    def tick(self) -> None:
        """To be called often: children that ended are started again."""
        now = time.monotonic()
        for child in self.children:
            child.tick(now)
        self.occurrences.look(self.children, now)

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tick()
            time.sleep(TICK_SECONDS)

    def roll(self) -> None:
        """Gives the data stream a new backing index."""
        url = f"{self.settings.elasticsearch}/{self.settings.data_stream}/_rollover"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10) as answer:
                log.info("rollover index=%s", json.load(answer)["new_index"])
        except OSError as error:  # not there yet, or it has too much to do
            log.info("no rollover reason=%s", error)

    def stop_writing(self) -> None:
        """And from now on nothing is spoilt."""
        self.writer.stop()
        self.spoilt = _calm(self.proxy)
        writer = self.writer
        log.info("writer ended events=%d rotations=%d packed=%d", writer.written, writer.rotations, writer.packed)

    def settle(self, sweep_seconds: float = SWEEP_SECONDS) -> float:
        """Until all is stored, or nothing moves any more, and the sweep has passed; the seconds until all was stored.
        Raises UnsettledError."""
        with contextlib.closing(Gauge(self.settings)) as gauge:
            seconds = self._settle(gauge)
            self._wait_for_the_sweep(gauge, sweep_seconds)
        self.occurrences.look(self.children, time.monotonic(), at_once=True)
        return seconds

    def judge(self) -> dict[str, Any]:
        """Ends all processes. The checker's answer."""
        _leave(self.children)
        logs = self.writer.complete()
        _undisturbed(logs, self.environment, self.folder)
        return _check(self.settings, logs, self.folder)

    def books(self) -> list[str]:
        """After `judge`: what does not add up in the ledger, a sentence each."""
        output = self.folder / "ledger.json"
        arguments = [*TETRASTASH, "ledger", "--since", "all", "--json"]
        _call(arguments, self.environment, self.folder / "ledger.log", output, expected=(0, 1))
        read = json.loads(output.read_bytes())
        wrong = [f"the ledger is off by {each['off']}: {each}" for each in read["periods"] if each["off"]]
        wrong += [f"the ledger misses {node['missing']} lines: {node}" for node in read["nodes"] if node["missing"]]
        lines = sum(each["lines"] for each in read["periods"])
        if lines < self.writer.written:
            wrong.append(f"the ledger has {lines} lines of {self.writer.written}")
        return wrong

    def _set_up(self) -> None:
        _call([*TETRASTASH, "setup"], self.environment, self.folder / "setup.log")

    def _processes(self, environment: Mapping[str, str]) -> list[Child]:
        commands = {f"worker-{number + 1}": self._worker for number in range(self._workers)}
        commands["shipper"] = [*TETRASTASH, "ship", *map(str, self.writer.paths())]
        return [
            Child(name, command, environment, self.folder / f"{name}.log", port)
            for (name, command), port in zip(commands.items(), free_ports(len(commands)), strict=True)
        ]

    def _wait_until_ready(self) -> None:
        """A fault that hits a process before it has begun shows nothing."""
        end = time.monotonic() + READY_SECONDS
        while not all(is_ready(child) for child in self.children):
            self.tick()
            if time.monotonic() > end:
                raise UnsettledError(f"{READY_SECONDS:.0f} s after their start not all processes are ready")
            time.sleep(0.2)

    def _settle(self, gauge: Gauge) -> float:
        written = self.writer.written
        began = time.monotonic()
        before: Progress | None = None
        rested_since = ahead_since = began
        most, least_behind = -1, math.inf
        while True:
            now = time.monotonic()
            self.tick()
            progress = gauge.read()
            # What is only done again and again is no step ahead.
            if progress.documents > most or progress.behind < least_behind:
                most, least_behind = max(most, progress.documents), min(least_behind, progress.behind)
                ahead_since = now
            if progress != before or not progress.done:
                if progress != before:
                    log.info("settling documents=%d of=%d lag=%s", progress.documents, written, progress.lags)
                rested_since, before = now, progress
            if now - rested_since >= REST_SECONDS:
                log.info("settled seconds=%.1f documents=%d of=%d", now - began, progress.documents, written)
                return rested_since - began
            if now - ahead_since > SETTLE_SECONDS:
                raise UnsettledError(
                    f"for {SETTLE_SECONDS:.0f} s {progress.documents} of {written} events are stored, "
                    f"and the lag is {progress.lags} records"
                )
            time.sleep(0.3)

    def _wait_for_the_sweep(self, gauge: Gauge, seconds: float) -> None:
        """Until no more documents are stored than were written, and as long as that may take; the checker tells
        which."""
        began = time.monotonic()
        while (excess := gauge.read().documents - self.writer.written) > 0:
            if time.monotonic() > began + seconds:
                break
            self.tick()
            time.sleep(0.3)
        log.info("swept seconds=%.1f excess=%d", time.monotonic() - began, max(excess, 0))


def is_clean(found: Mapping[str, Any]) -> bool:
    """The checker's answer."""
    return not any(found[name] for name in ("lost", "duplicated", "differing", "extra", "unfit"))


@contextlib.contextmanager
def engines(folder: Path) -> Iterator[tuple[Kafka, Elasticsearch]]:
    """Of a run's own."""
    kafka = Kafka(_made(folder / "kafka"))
    # Hundreds of rollovers leave as many indices, and each takes its share of the heap.
    elasticsearch = Elasticsearch(_made(folder / "elasticsearch"), heap="1g")
    with contextlib.ExitStack() as stack:
        for engine in (kafka, elasticsearch):
            engine.start()
            stack.callback(engine.stop)
        yield kafka, elasticsearch


def environment_of(kafka: Kafka, elasticsearch: Elasticsearch, folder: Path, **more: str) -> dict[str, str]:
    """`more` are settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    settings = {
        "KAFKA": kafka.bootstrap,
        "ELASTICSEARCH": elasticsearch.url,
        "PARTITIONS": str(PARTITIONS),
        "SESSION_TIMEOUT": str(SESSION_SECONDS),
        "POSITIONS": str(folder / "positions.json"),
        **more,
    }
    return inherited | {PREFIX + name: value for name, value in settings.items()}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@contextlib.contextmanager
def _spoiling(elasticsearch: str, seed: int, share: float, folder: Path) -> Iterator[str]:
    """The URL of a proxy before it."""
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    arguments = [sys.executable, "-m", "tests.faults.proxy", "--seed", str(seed), "--share", str(share)]
    arguments += ["--port", str(port), "--elasticsearch", elasticsearch]
    with (folder / "proxy.log").open("ab") as log_file:
        process = spawn(arguments, environment=dict(os.environ), stdout=log_file, stderr=log_file)
    try:
        end = time.monotonic() + READY_SECONDS
        while not _answers(f"{url}/_faults"):
            if process.poll() is not None or time.monotonic() > end:
                raise UnsettledError(f"the proxy does not start; see {folder / 'proxy.log'}")
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _calm(proxy: str) -> dict[str, int]:
    """From now on nothing is spoilt. What was, until now."""
    spoil(proxy, 0.0, [])
    with urllib.request.urlopen(f"{proxy}/_faults", timeout=10) as answer:
        spoilt: dict[str, int] = json.load(answer)
    return spoilt


def spoil(proxy: str, share: float, names: Iterable[str]) -> None:
    """From now on so many of all bulks, each in one of the ways of these names (tests.faults.proxy)."""
    told = json.dumps({"share": share, "names": list(names)}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{proxy}/_spoil", told), timeout=60):
        pass


def _call(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    log_file: Path,
    output: Path | None = None,
    expected: Container[int] = (0,),
) -> None:
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(log_file.open("ab"))
        stdout = errors if output is None else stack.enter_context(output.open("wb"))
        process = spawn(arguments, environment=environment, stdout=stdout, stderr=errors)
        try:
            status = process.wait(CALL_SECONDS)
        except BaseException:
            process.kill()
            process.wait()
            raise
    if status not in expected:
        said = log_file.read_text("utf-8", "replace").strip().splitlines()[-5:]
        raise Stop(f"{' '.join(arguments[1:4])} ended with exit status {status}:\n" + "\n".join(said))


def _leave(children: Sequence[Child]) -> None:
    now = time.monotonic()
    for child in children:
        child.terminate(now, 0)
    for child in children:
        child.leave()


def _undisturbed(logs: Sequence[Path], environment: Mapping[str, str], folder: Path) -> None:
    arguments = [*TETRASTASH, "enrich", "--rejected", str(folder / "undisturbed.rejected"), *map(str, logs)]
    _call(arguments, environment, folder / "undisturbed.log", folder / "undisturbed.ndjson")


def _check(settings: Settings, logs: Sequence[Path], folder: Path) -> dict[str, Any]:
    arguments = [sys.executable, "-m", "tests.faults.checker", "--elasticsearch", settings.elasticsearch]
    arguments += ["--stream", settings.data_stream, "--kafka", settings.kafka, "--rejected", settings.rejected_topic]
    arguments += ["--reference", str(folder / "undisturbed.ndjson"), *map(str, logs)]
    _call(arguments, dict(os.environ), folder / "checker.log", folder / "found.json")
    found: dict[str, Any] = json.loads((folder / "found.json").read_bytes())
    return found
