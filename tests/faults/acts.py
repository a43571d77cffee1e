"""The rows of the matrix: what is done to whom, and how it shows that the protection against it has acted."""

import contextlib
import json
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from app.local.elasticsearch import Elasticsearch
from app.local.kafka import Kafka
from tests.faults.children import Child
from tests.faults.proxy import ANY, BULK
from tests.faults.refusal import Topic
from tests.faults.scene import Scene, spoil

SPOILT_SECONDS: Final = 12.0
PAUSE_SECONDS: Final = 10.0


class Stage:
    """What a row may harm."""

    def __init__(self, scene: Scene, kafka: Kafka, elasticsearch: Elasticsearch) -> None:
        self.scene = scene
        self.kafka = kafka
        self.elasticsearch = elasticsearch

    @property
    def worker(self) -> Child:
        return self.scene.workers[0]

    @property
    def shipper(self) -> Child:
        return self.scene.children[-1]

    def topic(self, name: str) -> Topic:
        return Topic(self.scene.settings.kafka, name)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Of Elasticsearch itself."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.elasticsearch.url + path, data, headers, method=method)
        name = f"/_index_template/tetrastash-{settings.data_stream}"

    with urllib.request.urlopen(f"{stage.elasticsearch.url}{name}", timeout=10) as found:
        template = json.load(found)["index_templates"][0]["index_template"]
    with contextlib.suppress(OSError):  # it is in use, and Elasticsearch may say so
        stage.ask("DELETE", name)
    stage.scene.wait(4.0)
    stage.ask("PUT", name, template)
    stage.scene.wait(2.0)


def _spoilt(*names: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.spoil(names)
        stage.scene.wait(SPOILT_SECONDS)
        stage.spoil([])

    return act


def _rollovers_and_kills(stage: Stage) -> None:
    for _ in range(4):
        stage.worker.kill(time.monotonic(), 0.5)
        for _ in range(6):
            stage.scene.wait(0.5)
            stage.scene.roll()


def _rollovers_and_late_bulks(stage: Stage) -> None:
    stage.spoil(["late", "cut after"])
    for _ in range(24):
        stage.scene.wait(0.5)
        stage.scene.roll()
    stage.spoil([])


def _replay(stage: Stage) -> None:
    """Somebody sets the index group back to the beginning."""
    for child in stage.scene.workers:
        child.terminate(time.monotonic(), 9.0)
    stage.scene.wait(7.0)
    settings = stage.scene.settings
    stage.scene.roll()
    places = [TopicPartition(settings.documents_topic, number, 0) for number in range(settings.partitions)]
    admin = AdminClient({"bootstrap.servers": settings.kafka})
    changed = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(settings.index_group, places)])
    for done in changed.values():
        done.result(10)
    stage.scene.wait(10.0)


ROWS: Final = (
    Row("worker", "SIGKILL", _kill_worker, RESTORES),
    Row("worker", "SIGKILL to all", _kill_all_workers, RESTORES),
    Row("worker", "SIGKILL six times in fifteen seconds", _dying_again_and_again, RESTORES),
    Row("worker", "SIGTERM, one after another", _rolling_restart, RESTORES),
    Row("worker", "SIGSTOP for 10 s: others take over, a zombie wakes", _zombie, RESTORES),
    Row("worker", "from one to four, and to two", _one_four_two, RESTORES, 4),
    Row("shipper", "SIGKILL, three times", _kill_shipper),
    Row("Kafka", "restart", _without_kafka(3.0, killed=False)),
    Row("Kafka", "SIGKILL", _without_kafka(3.0, killed=True)),
    Row("Kafka", "away for 75 s", _without_kafka(75.0, killed=False)),
    Row("Kafka", "SIGSTOP for 3 s, three times", _slow_kafka),
    Row("Kafka", "takes no record of `documents`", _refused("documents"), FAILURES),
    Row("Kafka", "takes no record of `events`", _refused("events")),
    Row("Kafka", "takes no record of `checkpoints`", _refused("checkpoints"), FAILURES),
    Row("Kafka", "another producer's transactions in `events`", _markers),
    Row("Elasticsearch", "restart", _without_elasticsearch(3.0, killed=False), RETRIES),
    Row("Elasticsearch", "SIGKILL", _without_elasticsearch(3.0, killed=True), RETRIES),
    Row("Elasticsearch", "SIGSTOP for 8 s", _slow_elasticsearch),
    Row("Elasticsearch", "write block", _blocked("write"), RETRIES),
    Row("Elasticsearch", "read-only, as a full disk has it", _blocked("read_only_allow_delete"), RETRIES),
    Row("Elasticsearch", "index template deleted for a while", _without_template),
    *(Row("Elasticsearch", name, _spoilt(name), RETRIES) for name in BULK if name not in ("slow", *ANY)),
    *(Row("Elasticsearch", name, _spoilt(name), RETRIES) for name in ANY if name != "slow"),
    Row("Elasticsearch", "slow", _spoilt("slow")),
    Row("rollover", "twice a second, workers killed", _rollovers_and_kills, SWEPT),
    Row("rollover", "twice a second, bulks that end late or unheard", _rollovers_and_late_bulks, SWEPT),
    Row("rollover", "once, and all is indexed again", _replay, SWEPT),
)  # fmt: skip
