"""A run of the whole way, from log files to Elasticsearch, in which processes are killed and paused at random.

    python -m tests.faults.chaos --seed 1 --minutes 5

Exit status: 0 when nothing was lost, stored twice or made of a wrong state; 1 when something was; 3 when something that
was to be provoked never occurred, so that the run has proved nothing of it; 4 when the run did not come to an end.
"""

import argparse
import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from app.errors import Stop
from app.local.child import spawn
from app.local.elasticsearch import Elasticsearch
from app.local.kafka import Kafka
from app.local.ports import free_ports
from app.settings import PREFIX, Settings, read_settings
from tests.faults.children import Child
from tests.faults.faults import Driver
from tests.faults.occurrences import Occurrences, is_ready
from tests.faults.progress import Gauge, Progress
from tests.faults.refusal import Topic
from tests.faults.writer import RATES, Writer

log = logging.getLogger(__name__)

WORKERS: Final = 3
SESSION_SECONDS: Final = 6
PARTITIONS: Final = 4
AGENTS: Final = Path(__file__).with_name("agents")
READY_SECONDS: Final = 90.0
# How long everything may take to come through once nobody is harmed any more, and how long it must have rested.
SETTLE_SECONDS: Final = 240.0
REST_SECONDS: Final = 4.0
SPOILT_SHARE: Final = 0.25
# After which a second copy that a rollover let in must be gone.
SWEEP_SECONDS: Final = 120.0

TETRASTASH: Final = (sys.executable, "-m", "app")
WORK: Final = (*TETRASTASH, "work")


class UnsettledError(Exception):
    pass


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
        found = self.found
        return not any(found[name] for name in ("lost", "duplicated", "differing", "extra")) and not self.complaints

    @property
    def is_noticed(self) -> bool:
        """What a control run must show."""
        return bool(self.found["lost"] or self.found["differing"] or self.found["duplicated"])

    @property
    def missing(self) -> list[str]:
        return [name for name, times in self.occurred.items() if not times]

    def line(self) -> str:
        found = self.found
        return (
            f"chaos: seed {self.seed}, {found['events']} events, {self.faults} faults, lost {found['lost']}, "
            f"duplicated {found['duplicated']}, documents differing {found['differing']}"
        )


@contextlib.contextmanager
def engines(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a run on engines of its own."""
    kafka = Kafka(_made(folder / "kafka"))
    elasticsearch = Elasticsearch(_made(folder / "elasticsearch"))
    with contextlib.ExitStack() as stack:
        for engine in (kafka, elasticsearch):
            engine.start()
            stack.callback(engine.stop)
        yield _environment(kafka, elasticsearch, folder)


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
    """`folder` gets the logs of all processes; `environment` has the settings. Between `rates`, in events a
    second, the writer changes; `share` of all bulk requests is spoilt. Raises UnsettledError."""
    environment = {**environment, f"{PREFIX}AGENTS": str(AGENTS)}
    settings = read_settings(environment)
    _call([*TETRASTASH, "setup"], environment, folder / "setup.log")
    with contextlib.ExitStack() as stack:
        writer = Writer(_made(folder / "logs"), seed, rates)
        proxy = stack.enter_context(_spoiling(settings.elasticsearch, seed, share, folder))
        behind = {**environment, f"{PREFIX}ELASTICSEARCH": proxy}
        children = _children(writer.paths(), behind, folder, worker)
        occurrences = Occurrences()
        topics = [Topic(settings.kafka, settings.documents_topic)]
        driver = Driver(children, topics, seed, occurrences, lambda: _roll(settings))
        for child in children:
            stack.callback(child.end)
            child.start()
        gauge = Gauge(settings)
        stack.callback(gauge.close)
        _wait_until_ready(driver, children)
        writer.start()
        stack.callback(writer.stop)
        driver.harm(seconds)
        writer.stop()
        spoilt = _calm(proxy)
        log.info("writer ended events=%d rotations=%d packed=%d", writer.written, writer.rotations, writer.packed)
        driver.mend()
        _settle(driver, gauge, writer.written)
        _wait_for_the_sweep(driver, gauge, writer.written, sweep_seconds)
        occurrences.look(children, time.monotonic(), at_once=True)
        _leave(children)
        _undisturbed(writer.complete(), environment, folder)
        found = _check(settings, writer.complete(), folder)
    complaints = [complaint for child in children for complaint in child.complaints]
    faults = driver.suffered.total()
    return Verdict(seed, faults, found, occurrences.required(), occurrences.noted(), complaints, spoilt)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _environment(kafka: Kafka, elasticsearch: Elasticsearch, folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    settings = {
        "KAFKA": kafka.bootstrap,
        "ELASTICSEARCH": elasticsearch.url,
        "PARTITIONS": str(PARTITIONS),
        "SESSION_TIMEOUT": str(SESSION_SECONDS),
        "POSITIONS": str(folder / "positions.json"),
    }
    return inherited | {PREFIX + name: value for name, value in settings.items()}


def _children(
    paths: Sequence[Path], environment: Mapping[str, str], folder: Path, worker: Sequence[str]
) -> list[Child]:
    commands = {f"worker-{number + 1}": worker for number in range(WORKERS)}
    commands["shipper"] = [*TETRASTASH, "ship", *map(str, paths)]
    return [
        Child(name, command, environment, folder / f"{name}.log", port)
        for (name, command), port in zip(commands.items(), free_ports(len(commands)), strict=True)
    ]


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
    with urllib.request.urlopen(urllib.request.Request(f"{proxy}/_calm", method="POST"), timeout=10):
        pass
    with urllib.request.urlopen(f"{proxy}/_faults", timeout=10) as answer:
        spoilt: dict[str, int] = json.load(answer)
    return spoilt


def _call(arguments: Sequence[str], environment: Mapping[str, str], log_file: Path, output: Path | None = None) -> None:
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(log_file.open("ab"))
        stdout = errors if output is None else stack.enter_context(output.open("wb"))
        process = spawn(arguments, environment=environment, stdout=stdout, stderr=errors)
        try:
            status = process.wait(SETTLE_SECONDS)
        except BaseException:
            process.kill()
            process.wait()
            raise
    if status != 0:
        said = log_file.read_text("utf-8", "replace").strip().splitlines()[-5:]
        raise Stop(f"{' '.join(arguments[1:4])} ended with exit status {status}:\n" + "\n".join(said))


def _wait_until_ready(driver: Driver, children: Sequence[Child]) -> None:
    """A fault that hits a process before it has begun shows nothing."""
    end = time.monotonic() + READY_SECONDS
    while not all(is_ready(child) for child in children):
        driver.tick(time.monotonic())
        if time.monotonic() > end:
            raise UnsettledError(f"{READY_SECONDS:.0f} s after their start not all processes are ready")
        time.sleep(0.2)


def _settle(driver: Driver, gauge: Gauge, written: int) -> None:
    """Until all is stored, or nothing moves any more."""
    began = time.monotonic()
    before: Progress | None = None
    rested_since = began
    while True:
        now = time.monotonic()
        driver.tick(now)
        progress = gauge.read()
        if progress != before or not progress.done:
            if progress != before:
                log.info("settling documents=%d of=%d lag=%s", progress.documents, written, progress.lags)
            rested_since, before = now, progress
        if now - rested_since >= REST_SECONDS:
            log.info("settled seconds=%.1f documents=%d of=%d", now - began, progress.documents, written)
            return
        if now - began > SETTLE_SECONDS:
            raise UnsettledError(
                f"{SETTLE_SECONDS:.0f} s after the last fault {progress.documents} of {written} events are stored, "
                f"and the lag is {progress.lags} records"
            )
        time.sleep(0.3)


def _wait_for_the_sweep(driver: Driver, gauge: Gauge, written: int, seconds: float) -> None:
    """Until no more documents are stored than were written, and as long as that may take; the checker tells which."""
    began = time.monotonic()
    while (excess := gauge.read().documents - written) > 0 and time.monotonic() < began + seconds:
        driver.tick(time.monotonic())
        time.sleep(0.3)
    log.info("swept seconds=%.1f excess=%d", time.monotonic() - began, max(excess, 0))


def _roll(settings: Settings) -> None:
    url = f"{settings.elasticsearch}/{settings.data_stream}/_rollover"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10) as answer:
            log.info("rollover index=%s", json.load(answer)["new_index"])
    except OSError as error:  # not there yet, or it has too much to do
        log.info("no rollover reason=%s", error)


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
        f"undisturbed {found['reference']}"
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
    parser.add_argument("--spoilt", type=float, default=SPOILT_SHARE, help="share of all bulk requests")
    parser.add_argument("--folder", type=Path, help="for the logs of all processes; must not exist yet")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a run without a fault, too")
    return parser


def prepare() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class _FailedError(Exception):
    pass


def main() -> None:
    given = options(__doc__ or "").parse_args()
    prepare()
    status = 4
    try:
        with kept_on_failure(given.folder, keep=given.keep) as folder:
            with engines(folder) as environment:
                verdict = run(given.seed, given.minutes * 60, folder, environment, share=given.spoilt)
            status = report(verdict)
            if status:
                raise _FailedError
    except _FailedError:
        pass
    except (Stop, UnsettledError, subprocess.TimeoutExpired) as error:
        print(f"chaos: seed {given.seed} did not come to an end: {error}")
    sys.exit(status)


if __name__ == "__main__":
    main()
