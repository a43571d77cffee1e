"""The peer: what a person writes in an hour with confluent-kafka and orjson. It guarantees nothing.

    python -m bench.bare ship <bootstrap> <topic> <log>…       a record for each line
    python -m bench.bare filter <log>…                         each line decoded and encoded again, to stdout
    python -m bench.bare work <bootstrap> <topic> <url> <n>    n records into small documents, in bulks, to a server

It imports nothing of ours.
"""

import http.client
import sys
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

BULK_BYTES: Final = 5 * 1024 * 1024


def ship(bootstrap: str, topic: str, paths: Sequence[str]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": "zstd", "linger.ms": 20})
    for path in paths:
        with open(path, "rb") as log:
            for line in log:
                while True:
                    try:
                        producer.produce(topic, line)
                        break
                    except BufferError:
                        producer.poll(0.1)
        producer.poll(0)
    producer.flush(60)


def filter_lines(paths: Sequence[str]) -> None:
    write = sys.stdout.buffer.write
    for path in paths:
        with open(path, "rb") as log:
            for line in log:
                write(orjson.dumps(orjson.loads(line), option=orjson.OPT_APPEND_NEWLINE))


def work(bootstrap: str, topic: str, url: str, events: int) -> None:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bare", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    address = urlsplit(url)
    server = http.client.HTTPConnection(address.hostname or "", address.port)
    left = events
    body: list[bytes] = []
    size = 0
    while left:
        for message in consumer.consume(1000, timeout=1):
            if message.error():
                sys.exit(f"Kafka: {message.error()}")
            left -= 1
            document = orjson.dumps(document_of(orjson.loads(message.value() or b"")), option=orjson.OPT_APPEND_NEWLINE)
            body += (b'{"create":{}}\n', document)
            size += len(document) + 14
            if size >= BULK_BYTES:
                post(server, b"".join(body))
                body, size = [], 0
    if body:
        post(server, b"".join(body))
    consumer.close()


def document_of(event: dict[str, Any]) -> dict[str, Any]:
    name = next(iter(event))
    process = event[name]["process"]
    return {
        "@timestamp": event["time"],
        "event": {"module": "tetragon", "action": name},
        "host": {"name": event["node_name"]},
        "process": {
            "entity_id": process["exec_id"],
            "pid": process["pid"],
            "executable": process["binary"],
            "command_line": f"{process['binary']} {process.get('arguments', '')}",
        },
    }


def post(server: http.client.HTTPConnection, body: bytes) -> None:
    server.request("POST", "/bare/_bulk", body, {"content-type": "application/x-ndjson"})
    answer = orjson.loads(server.getresponse().read())
    if answer["errors"]:
        sys.exit("The server refused documents.")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ship", bootstrap, topic, *logs]:
            ship(bootstrap, topic, logs)
        case ["filter", *logs]:
            filter_lines(logs)
        case ["work", bootstrap, topic, url, events]:
            work(bootstrap, topic, url, int(events))
        case _:
            sys.exit(__doc__)
