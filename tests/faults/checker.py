"""Compares what Elasticsearch holds with what an undisturbed run makes of the same logs.

Imports nothing of the program that it judges, but for the names of its fields. Four numbers come out: events that are
neither stored nor dead letters, documents too many, documents that differ from the undisturbed run's of the same id,
and of a sample those that are no documents of ECS.

    python -m tests.faults.checker --elasticsearch URL --stream NAME --kafka HOST:PORT --rejected TOPIC
        --reference FILE LOG...
"""

import argparse
import gzip
import json
import re
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.document import FIELDS
from tests.ecs.checker import problems

PAGE: Final = 2_000
BUSY_SECONDS: Final = (1, 2, 4, 8, 16, 32)  # after which a node is asked again that has no memory left for now
SHOWN: Final = 5  # of each kind of fault
SAMPLED: Final = 20  # of so many documents one
KEPT: Final = 1_000  # documents that differ, to be compared by their fields
NUMBER: Final = re.compile(r'"node\.example\.com/number": ?"(\d+)"')

# What the agent in tests/faults/agents adds is no field of ours.
_MAPPED: Final = {**FIELDS, "tetragon.tally.seen": "long", "tetragon.tally.digest": "keyword"}

Found = dict[str, Any]


class Expected(NamedTuple):
    """Of a document of the undisturbed run; a million of them have to be in memory."""

    digest: bytes
    number: int | None


class Lines:
    """Documents of a file, one a line, as often as somebody asks for them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Found]:
        with self._path.open("rb") as lines:
            yield from map(orjson.loads, lines)


def numbers_written(logs: Iterable[Path]) -> set[int]:
    written: set[int] = set()
    for path in logs:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        written.update(int(number) for number in NUMBER.findall(data.decode()))
    return written


def stored_documents(url: str, stream: str) -> Iterator[tuple[str, str, Found]]:
    """Index, id and source of every document, by a point in time."""
    call(url, "POST", f"/{stream}/_refresh")
    pit = call(url, "POST", f"/{stream}/_pit?keep_alive=2m")["id"]
    after: list[Any] | None = None
    while True:
        query: Found = {"size": PAGE, "pit": {"id": pit, "keep_alive": "2m"}, "sort": ["_shard_doc"]}
        if after is not None:
            query["search_after"] = after
        answer = call(url, "POST", "/_search", query)
        hits = answer["hits"]["hits"]
        for hit in hits:
            yield hit["_index"], hit["_id"], hit["_source"]
        if not hits:
            break
        pit, after = answer["pit_id"], hits[-1]["sort"]
    call(url, "DELETE", "/_pit", {"id": pit})


def dead_letters(servers: str, topic: str) -> Iterator[Found]:
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "checker",
            "enable.auto.commit": False,
            "enable.partition.eof": True,  # the last record may be the marker of a transaction
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        for number in partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
            consumer.assign([TopicPartition(topic, number, low)])
            position = low
            while position < high:
                message = consumer.poll(10)
                if message is None:
                    raise TimeoutError(f"{topic}[{number}] was read up to {position} of {high} only")
                if error := message.error():
                    if error.code() == KafkaError._PARTITION_EOF:
                        break
                    raise KafkaException(error)
                offset, value = message.offset(), message.value()
                assert offset is not None
                assert value is not None
                position = offset + 1
                yield json.loads(value)
    finally:
        consumer.close()


def unfit_for_ecs(document: Found) -> list[str]:
    return problems(document, _MAPPED)


def check(
    written: set[int],
    reference: Iterable[Found],
    stored: Iterable[tuple[str, str, Found]],
    letters: Iterable[Found],
    judge: Callable[[Found], list[str]] = unfit_for_ecs,
) -> Found:
    """What is wrong, in numbers, with some examples of each. `judge` tells what is wrong with a document by itself.
    `reference` is read twice if documents differ."""
    expected = {document["event"]["id"]: Expected(_digest(document), _number(document)) for document in reference}
    times_stored: Counter[int] = Counter()
    ids: Counter[str] = Counter()
    differing: dict[str, tuple[str, Found]] = {}
    extra: list[str] = []
    unfit: list[Found] = []
    count = sampled = differ = 0
    for index, name, source in stored:
        if count % SAMPLED == 0:
            sampled += 1
            if wrong := judge(source):
                unfit.append({"id": name, "problems": wrong})
        count += 1
        ids[name] += 1
        if (number := _number(source)) is not None:
            times_stored[number] += 1
        known = expected.get(name)
        if known is None:
            extra.append(name)
        elif known.digest != _digest(source):
            differ += 1
            if len(differing) < KEPT:
                differing[name] = (index, source)
    changes = _changes(reference, differing) if differing else {}
    # The last word on each: one that was sent back is no dead letter any more.
    buried = {
        name for name, is_dead in {letter["id"]: not letter.get("replays") for letter in letters}.items() if is_dead
    }
    numbers_buried = {expected[name].number for name in buried & expected.keys()}
    lost = sorted(written - times_stored.keys() - numbers_buried)
    ids_lost = sorted(expected.keys() - ids.keys() - buried)
    twice = [number for number, times in times_stored.items() if times > 1]
    return {
        "events": len(written),
        "reference": len(expected),
        "stored": count,
        "dead_letters": len(buried),
        "lost": max(len(lost), len(ids_lost)),
        "duplicated": max(sum(times - 1 for times in times_stored.values()), sum(times - 1 for times in ids.values())),
        "differing": differ,
        "extra": len(extra),
        "sampled": sampled,
        "unfit": len(unfit),
        "differing_fields": dict(Counter(path for each in changes.values() for path, _, _ in each).most_common(20)),
        "examples": {
            "lost": lost[:SHOWN],
            "lost_ids": ids_lost[:SHOWN],
            "duplicated": twice[:SHOWN],
            "differing": [
                {"id": name, "index": differing[name][0], "changed": changed}
                for name, changed in list(changes.items())[:SHOWN]
            ],
            "extra": extra[:SHOWN],
            "unfit": unfit[:SHOWN],
        },
    }


def _digest(document: Found) -> bytes:
    return blake2b(orjson.dumps(document, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def _number(document: Found) -> int | None:
    found = NUMBER.search(document["event"]["original"])
    return int(found[1]) if found is not None else None


def _changes(
    reference: Iterable[Found], differing: Mapping[str, tuple[str, Found]]
) -> dict[str, list[tuple[str, Any, Any]]]:
    """By id: the paths that differ, with what was expected and what is there."""
    documents = ((document["event"]["id"], document) for document in reference)
    return {name: _changed(document, differing[name][1]) for name, document in documents if name in differing}


def _changed(expected: Any, found: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            each
            for name in sorted(expected.keys() | found.keys())
            for each in _changed(expected.get(name), found.get(name), f"{path}.{name}" if path else name)
        ]
    return [] if expected == found else [(path, expected, found)]


def call(url: str, method: str, path: str, body: Found | None = None) -> Found:
    request = urllib.request.Request(
        url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    for pause in (*BUSY_SECONDS, None):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                result: Found = orjson.loads(answer.read())
            break
        except urllib.error.HTTPError as error:
            if error.code != 429 or pause is None:
                raise
            time.sleep(pause)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.checker", description=__doc__.partition("\n")[0])
    parser.add_argument("--elasticsearch", required=True, metavar="URL")
    parser.add_argument("--stream", required=True)
    parser.add_argument("--kafka", required=True, metavar="HOST:PORT")
    parser.add_argument("--rejected", required=True, metavar="TOPIC")
    parser.add_argument("--reference", required=True, type=Path, help="the undisturbed run's documents, one a line")
    parser.add_argument("logs", nargs="+", type=Path, metavar="LOG")
    given = parser.parse_args()
    result = check(
        numbers_written(given.logs),
        Lines(given.reference),
        stored_documents(given.elasticsearch, given.stream),
        dead_letters(given.kafka, given.rejected),
    )
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
