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
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.document import FIELDS
from tests.ecs.checker import problems

PAGE: Final = 2_000
BUSY_SECONDS: Final = (1, 2, 4, 8, 16, 32)  # after which a node is asked again that has no memory left for now
SHOWN: Final = 5  # of each kind of fault
SAMPLED: Final = 20  # of so many documents one
NUMBER: Final = re.compile(r'"node\.example\.com/number": ?"(\d+)"')

# What the agent in tests/faults/agents adds is no field of ours.
_MAPPED: Final = {**FIELDS, "tetragon.tally.seen": "long", "tetragon.tally.digest": "keyword"}

Found = dict[str, Any]


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
    """What is wrong, in numbers, with some examples of each. `judge` tells what is wrong with a document by itself."""
    expected = {document["event"]["id"]: document for document in reference}
    times_stored: Counter[int] = Counter()
    ids: Counter[str] = Counter()
    differing: list[Found] = []
    paths: Counter[str] = Counter()
    extra: list[str] = []
    unfit: list[Found] = []
    sampled = differ = 0
    for index, name, source in stored:
        if ids.total() % SAMPLED == 0:
            sampled += 1
            if wrong := judge(source):
                unfit.append({"id": name, "problems": wrong})
        ids[name] += 1
        times_stored.update(int(number) for number in NUMBER.findall(source["event"]["original"])[:1])
        document = expected.get(name)
        if document is None:
            extra.append(name)
        elif _digest(document) != _digest(source):
            differ += 1
            changed = _changed(document, source)
            paths.update(path for path, _, _ in changed)
            if len(differing) < SHOWN:
                differing.append({"id": name, "index": index, "changed": changed})
    # The last word on each: one that was sent back is no dead letter any more.
    buried = {
        name for name, is_dead in {letter["id"]: not letter.get("replays") for letter in letters}.items() if is_dead
    }
    numbers_buried = {
        int(number)
        for name in buried & expected.keys()
        for number in NUMBER.findall(expected[name]["event"]["original"])[:1]
    }
    lost = sorted(written - times_stored.keys() - numbers_buried)
    ids_lost = sorted(expected.keys() - ids.keys() - buried)
    twice = [number for number, times in times_stored.items() if times > 1]
    return {
        "events": len(written),
        "reference": len(expected),
        "stored": ids.total(),
        "dead_letters": len(buried),
        "lost": max(len(lost), len(ids_lost)),
        "duplicated": max(sum(times - 1 for times in times_stored.values()), sum(times - 1 for times in ids.values())),
        "differing": differ,
        "extra": len(extra),
        "sampled": sampled,
        "unfit": len(unfit),
        "differing_fields": dict(paths.most_common(20)),
        "examples": {
            "lost": lost[:SHOWN],
            "lost_ids": ids_lost[:SHOWN],
            "duplicated": twice[:SHOWN],
            "differing": differing,
            "extra": extra[:SHOWN],
            "unfit": unfit[:SHOWN],
        },
    }


def _digest(document: Found) -> bytes:
    return blake2b(json.dumps(document, sort_keys=True).encode(), digest_size=16).digest()


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
                result: Found = json.load(answer)
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
    with given.reference.open("rb") as reference:
        result = check(
            numbers_written(given.logs),
            map(json.loads, reference),
            stored_documents(given.elasticsearch, given.stream),
            dead_letters(given.kafka, given.rejected),
        )
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
