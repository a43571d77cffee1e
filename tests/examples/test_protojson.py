"""Lines that Tetragon wrote: their values go in, in another order and with zeros, and their bytes come out."""

import json
from base64 import b64decode
from collections import Counter
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from examples.messages import EVENT
from examples.protojson import timestamp

CORPUS = Path(__file__).parents[2] / "examples" / "corpus"
TIMES = {"time", "start_time"}
LONGS = {"size_arg", "long_arg", "orig_size", "cookie", "number", "count", "number_of_dropped_process_events"}
OCTETS = {"bytes_arg", "buildid"}
ZEROS: dict[str, Any] = {
    "process": {"cwd": "", "arguments": "", "refcnt": 0, "binary_properties": None, "pod": None, "flags": ""},
    "parent": {"cwd": "", "arguments": "", "refcnt": 0, "ns": None, "auid": None, "docker": ""},
    "pod": {"workload": "", "pod_labels": {}, "uid": ""},
    "container": {"maybe_exec_probe": False},
    "process_exit": {"signal": "", "status": 0, "ancestors": []},
    "process_kprobe": {"message": "", "tags": [], "policy_name": "", "return": None},
    "sock_arg": {"mark": 0, "sport": 0, "cookie": 0},
    "file_arg": {"mount": "", "flags": ""},
    "mnt": {"inum": 0, "is_host": False},
}
# Not as a build of Tetragon wrote them, or not by one of this API.
OTHERS = {
    "cilium-tetragon-legacy-enterprise.ndjson",  # events that the open API does not have
    "haolipeng-nonconforming.ndjson",  # made up, with wrapped values as objects
    "k8sstormcenter-threatintel.ndjson",  # keys sorted by a log collector
    "lugoues-opentelemetry-collector-tetragon.ndjson",  # tests' own, of fields in another order
    "haolipeng-tetragon_study.ndjson",  # partly made up
    "aigentsphere-openclaw.ndjson",  # the same
}


def lines() -> list[bytes]:
    paths = (path for path in sorted(CORPUS.glob("*.ndjson")) if path.name not in OTHERS)
    # One example of the documentation shows a list of messages as a string, which no message can hold.
    return [line for path in paths for line in path.read_bytes().splitlines() if b'_variables":"' not in line]


def value_of(name: str, shown: Any) -> Any:
    """The plain value behind what JSON shows of the field `name`."""
    if isinstance(shown, dict):
        return {key: shown[key] if name.endswith("labels") else value_of(key, shown[key]) for key in shown}
    if isinstance(shown, list):
        return [value_of(name, each) for each in shown]
    if name in TIMES and isinstance(shown, str):
        seconds, _, fraction = shown.rstrip("Z").partition(".")
        return int(datetime.fromisoformat(seconds + "+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0"))
    if name in LONGS:
        return int(shown)
    return b64decode(shown) if name in OCTETS else shown


def shaken(name: str, value: Any, random: Random) -> Any:
    """The same message with its fields in any order, and with some of its zeros."""
    if isinstance(value, list):
        return [shaken(name, each, random) for each in value]
    if not isinstance(value, dict):
        return value
    fields = ZEROS.get(name, {}) | {key: shaken(key, value[key], random) for key in value}
    return dict(random.sample(list(fields.items()), len(fields)))


@pytest.mark.parametrize("line", lines(), ids=lambda line: f"{len(line)}-bytes")
def test_a_line_of_tetragon_comes_out_byte_for_byte(line: bytes) -> None:
    event = shaken("", value_of("", json.loads(line)), Random(len(line)))

    assert str(EVENT(event, ",")).encode() == line


def test_most_of_the_corpus_is_held_against_the_writer() -> None:
    members = Counter(next(iter(json.loads(line))) for line in lines())

    assert len(lines()) > 55
    assert {"process_exec", "process_exit", "process_kprobe", "process_throttle"} <= set(members)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (1_767_600_000_000_000_000, "2026-01-05T08:00:00Z"),
        (1_767_600_000_120_000_000, "2026-01-05T08:00:00.120Z"),
        (1_767_600_000_000_000_001, "2026-01-05T08:00:00.000000001Z"),
    ],
)
def test_a_time_has_as_many_digits_as_it_needs_in_threes(nanoseconds: int, text: str) -> None:
    assert timestamp(nanoseconds) == text
