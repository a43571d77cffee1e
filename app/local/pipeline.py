"""The engines and the commands of `tetrastash`, as child processes that end when their `with` does."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from app.errors import Stop
from app.local.child import Child, spawn
from app.local.elasticsearch import Elasticsearch
from app.local.jars import class_path
from app.local.kafka import Kafka
from app.settings import PREFIX

COMMAND: Final = Path(sys.executable).with_name("tetrastash")


@contextlib.contextmanager
def engines(folder: Path) -> Iterator[tuple[Kafka, Elasticsearch]]:
    """Both at once: each start is seconds of one core. Raises Stop when one cannot start."""
    class_path("kafka")
    class_path("elasticsearch")
    kafka, elasticsearch = Kafka(folder / "kafka"), Elasticsearch(folder / "elasticsearch")
    both = (kafka, elasticsearch)
    try:
        with ThreadPoolExecutor(2) as pool:
            starts = [pool.submit(engine.start) for engine in both]
            try:
                for start in starts:
                    start.result()
            except BaseException:
                for engine in both:
                    engine.kill()  # an interrupt would else wait until this one is ready
                raise
        yield both
    finally:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda engine: engine.stop(), both))


def environment_for(kafka: Kafka, elasticsearch: Elasticsearch, folder: Path) -> dict[str, str]:
    """Settings of the user's own shell speak of another Kafka, and are left out."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = {
        "KAFKA": kafka.bootstrap,
        "ELASTICSEARCH": elasticsearch.url,
        "PARTITIONS": "4",
        "POSITIONS": str(folder / "positions.json"),
    }
    return inherited | {PREFIX + name: value for name, value in given.items()}


def run_setup(environment: Mapping[str, str]) -> str:
    """What it said. Raises Stop when it fails."""
    process = spawn([COMMAND, "setup"], environment=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = process.communicate()[0].decode("utf-8", "replace").strip()
    if process.returncode != 0:
        raise Stop(f"`tetrastash setup` ended with exit status {process.returncode}: {said}")
    return said


@contextlib.contextmanager
def shipping_and_working(
    environment: Mapping[str, str], logs: Sequence[Path], folder: Path, listen: str
) -> Iterator[tuple[Child, Child]]:
    """`listen` is the address of the worker's pages. Leaves within seconds, and not before both have ended."""
    work, ship = Child("tetrastash work", folder / "work.log"), Child("tetrastash ship", folder / "ship.log")
    try:
        work.launch([COMMAND, "work"], lambda: True, environment={**environment, f"{PREFIX}LISTEN": listen})
        ship.launch([COMMAND, "ship", *logs], lambda: True, environment=environment)
        yield ship, work
    finally:
        with _undisturbed():
            ship.stop(15)
            work.stop(15)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """An impatient second Ctrl-C would only leave a mess."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
