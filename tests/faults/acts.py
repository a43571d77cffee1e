"""The rows of the matrix: what is done to whom, and how it shows that the protection against it has acted."""

import json
import resource
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from app.local.elasticsearch import Elasticsearch
from app.local.kafka import Kafka
from tests.faults.brokers import Brokers
from tests.faults.children import Child
from tests.faults.proxy import ANY, BULK, REFUSED
from tests.faults.refusal import Topic
from tests.faults.relay import Relay
from tests.faults.scene import TETRASTASH, Scene, UnsettledError, spoil
from tests.faults.stepped import require_stepped, step

SPOILT_SECONDS: Final = 12.0
PAUSE_SECONDS: Final = 10.0  # longer than the session time-out


class Stage:
    """What a row may harm."""

    def __init__(self, scene: Scene, brokers: Brokers, elasticsearch: Elasticsearch) -> None:
        self.scene = scene
        self.brokers = brokers
        self.kafka = brokers.all[0]
        self.elasticsearch = elasticsearch

    @property
    def relay(self) -> Relay:
        assert self.brokers.relay is not None
        return self.brokers.relay

    @property
    def worker(self) -> Child:
        return self.scene.workers[0]

    @property
    def shipper(self) -> Child:
        return self.scene.children[-1]

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Of Elasticsearch itself."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.elasticsearch.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def spoil(self, names: Iterable[str]) -> None:
        """Half of all bulks, each in one of these ways."""
        spoil(self.scene.proxy, 0.5, names)


class Row(NamedTuple):
    """`act` returns when the fault is over. `signs`: metrics of which one must have grown by it, else the row does not
    count; without any, the fault itself is the sign."""

    place: str
    name: str
    act: Callable[[Stage], None]
    signs: tuple[str, ...] = ()
    workers: int = 2
    brokers: Literal["one", "relayed", "three"] = "one"
    stepped: bool = False  # the clock of all processes under test can be set


RESTORES: Final = ("tetrastash_restores_total",)
RETRIES: Final = ("tetrastash_retried_documents_total",)
SWEPT: Final = ("tetrastash_swept_copies_total",)
REJECTED: Final = ("tetrastash_rejected_total",)
FAILURES: Final = ("tetrastash_failed_sends_total",)


def _kill_worker(stage: Stage) -> None:
    stage.worker.kill(time.monotonic(), 1.0)
    stage.scene.wait(10.0)


def _kill_all_workers(stage: Stage) -> None:
    for child in stage.scene.workers:
        child.kill(time.monotonic(), 2.0)
    stage.scene.wait(8.0)


def _die_again_and_again(stage: Stage) -> None:
    for _ in range(6):
        stage.worker.kill(time.monotonic(), 0.2)
        stage.scene.wait(2.5)


def _restart_in_turn(stage: Stage) -> None:
    for child in stage.scene.workers:
        child.terminate(time.monotonic(), 0.5)
        stage.scene.wait(6.0)


def _pause_worker(stage: Stage) -> None:
    stage.worker.pause(time.monotonic(), PAUSE_SECONDS)
    stage.scene.wait(PAUSE_SECONDS + 3.0)


def _one_four_two(stage: Stage) -> None:
    first, *others = stage.scene.workers
    for child in others:
        child.terminate(time.monotonic(), 8.0)
    stage.scene.wait(16.0)
    for child in others[1:]:
        child.terminate(time.monotonic(), 8.0)
    stage.scene.wait(10.0)
    assert first.lives == 1


def _step_clock(stage: Stage) -> None:
    for ahead in (3_600, -3_600, 86_400, 0):
        step(stage.scene.folder, ahead)
        require_stepped(stage.scene.environment, ahead)
        stage.scene.wait(5.0)
        stage.worker.kill(time.monotonic(), 0.5)
        stage.scene.wait(3.0)


def _kill_shipper(stage: Stage) -> None:
    for _ in range(3):
        stage.shipper.kill(time.monotonic(), 0.5)
        stage.scene.wait(3.0)


def _away(engine: Literal["kafka", "elasticsearch"], seconds: float, *, killed: bool) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        harmed: Kafka | Elasticsearch = getattr(stage, engine)
        (harmed.kill if killed else harmed.stop)()
        stage.scene.wait(seconds)
        harmed.start()
        stage.scene.wait(2.0)

    return act


def _pause_kafka(stage: Stage) -> None:
    for _ in range(3):
        stage.kafka.pause()
        stage.scene.wait(3.0)
        stage.kafka.resume()
        stage.scene.wait(1.0)


def _fill_disk(stage: Stage) -> None:
    """The kernel refuses to let any file grow, of which Kafka thinks as of a full disk: it ends."""
    mine = (stage.kafka.folder / "data").glob(f"{stage.scene.settings.topic_prefix}.*/*.log")
    grown = max(log.stat().st_size for log in mine)
    pid = stage.kafka.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (grown, resource.RLIM_INFINITY))
    for _ in range(60):
        stage.scene.wait(0.5)
        if not stage.kafka.is_running:
            break
    else:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        raise UnsettledError("Kafka did not notice that its disk is full")
    stage.scene.wait(3.0)
    stage.kafka.start()
    stage.scene.wait(2.0)


def _answer_late(stage: Stage) -> None:
    stage.relay.answers = "late"
    stage.scene.wait(20.0)
    stage.relay.answers = "pass"


def _swallow_answers(stage: Stage) -> None:
    for _ in range(2):
        stage.relay.answers = "swallowed"
        stage.scene.wait(4.0)
        stage.relay.answers = "pass"
        stage.relay.cut()
        stage.scene.wait(6.0)
    assert stage.relay.swallowed > 0


def _swallow_for_long(stage: Stage) -> None:
    """Longer than any client waits for an answer."""
    stage.relay.answers = "swallowed"
    stage.scene.wait(50.0)
    stage.relay.answers = "pass"
    stage.relay.cut()
    stage.scene.wait(2.0)


def _cut_connections(stage: Stage) -> None:
    for _ in range(8):
        stage.relay.cut()
        stage.scene.wait(1.5)
    assert stage.relay.cut_connections > 0


def _lose_leaders(stage: Stage) -> None:
    """Each of the two that are no controller, after the other."""
    for broker in stage.brokers.all[1:]:
        broker.kill()
        stage.scene.wait(8.0)
        broker.start()
        stage.scene.wait(6.0)


def _refuse(role: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        topic = Topic(stage.scene.settings.kafka, getattr(stage.scene.settings, f"{role}_topic"))
        topic.refuse(time.monotonic(), 3.0)
        stage.scene.wait(3.0 if role != "checkpoints" else 8.0)
        topic.resume()
        stage.scene.wait(2.0)

    return act


def _write_transactions(stage: Stage) -> None:
    """Their markers take offsets, and what was given up is there to be read."""
    settings = stage.scene.settings
    producer = Producer({"bootstrap.servers": settings.kafka, "transactional.id": settings.topic_prefix})
    producer.init_transactions(10)
    for number in range(20):
        producer.begin_transaction()
        for partition in range(settings.partitions):
            producer.produce(settings.events_topic, b"", partition=partition)
        producer.flush(10)
        if number % 4:
            producer.commit_transaction(10)
        else:
            producer.abort_transaction(10)
        stage.scene.wait(0.3)


def _pause_elasticsearch(stage: Stage) -> None:
    stage.elasticsearch.pause()
    stage.scene.wait(8.0)
    stage.elasticsearch.resume()
    stage.scene.wait(2.0)


def _block(block: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        path = f"/{stage.scene.settings.data_stream}/_settings"
        stage.ask("PUT", path, {f"index.blocks.{block}": True})
        stage.scene.wait(8.0)
        stage.ask("PUT", path, {f"index.blocks.{block}": None})
        stage.scene.wait(2.0)

    return act


def _spoil(*names: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.spoil(names)
        stage.scene.wait(SPOILT_SECONDS)
        stage.spoil([])

    return act


def _refuse_and_replay(stage: Stage) -> None:
    """What became dead letters is sent back when the reason is mended."""
    _spoil(REFUSED)(stage)
    stage.scene.wait(3.0)
    command = [*TETRASTASH, "rejected", "replay", "--stage", "index", "--yes"]
    subprocess.run(command, env=stage.scene.environment, check=True, capture_output=True, timeout=60)


def _roll_and_kill(stage: Stage) -> None:
    for _ in range(4):
        stage.worker.kill(time.monotonic(), 0.5)
        for _ in range(6):
            stage.scene.wait(0.5)
            stage.scene.roll()


def _roll_and_spoil(stage: Stage) -> None:
    stage.spoil(["late", "cut after"])
    for _ in range(24):
        stage.scene.wait(0.5)
        stage.scene.roll()
    stage.spoil([])


def _roll_and_replay(stage: Stage) -> None:
    _rewind(stage, stage.scene.roll)


def _rewind(stage: Stage, between: Callable[[], Any]) -> None:
    """Somebody sets the group of indexing back to the beginning, while no worker runs."""
    for child in stage.scene.workers:
        child.terminate(time.monotonic(), 9.0)
    stage.scene.wait(8.0)
    settings = stage.scene.settings
    between()
    places = [TopicPartition(settings.documents_topic, number, 0) for number in range(settings.partitions)]
    admin = AdminClient({"bootstrap.servers": settings.kafka})
    changed = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(settings.index_group, places)])
    for done in changed.values():
        done.result(10)
    stage.scene.wait(10.0)


ROWS: Final = (
    Row("worker", "SIGKILL", _kill_worker, RESTORES),
    Row("worker", "SIGKILL to all", _kill_all_workers, RESTORES),
    Row("worker", "SIGKILL six times in fifteen seconds", _die_again_and_again, RESTORES),
    Row("worker", "SIGTERM, one after another", _restart_in_turn, RESTORES),
    Row("worker", "SIGSTOP for 10 s: others take over, a zombie wakes", _pause_worker, RESTORES),
    Row("worker", "from one to four, and to two", _one_four_two, RESTORES, 4),
    Row("worker", "clock an hour ahead, back, a day ahead, right again", _step_clock, RESTORES, stepped=True),
    Row("shipper", "SIGKILL, three times", _kill_shipper),
    Row("Kafka", "restart", _away("kafka", 3.0, killed=False)),
    Row("Kafka", "SIGKILL", _away("kafka", 3.0, killed=True)),
    Row("Kafka", "away for 75 s", _away("kafka", 75.0, killed=False)),
    Row("Kafka", "SIGSTOP for 3 s, three times", _pause_kafka),
    Row("Kafka", "full disk, of which it ends", _fill_disk),
    Row("Kafka", "connections cut, eight times in twelve seconds", _cut_connections, brokers="relayed"),
    Row("Kafka", "answers up to a second late, for 20 s", _answer_late, brokers="relayed"),
    Row("Kafka", "answers swallowed for 4 s, then cut, twice", _swallow_answers, brokers="relayed"),
    Row("Kafka", "answers swallowed for 50 s, then cut", _swallow_for_long, brokers="relayed"),
    Row("Kafka", "three brokers: SIGKILL to one, then to another", _lose_leaders, brokers="three"),
    Row("Kafka", "takes no record of `documents`", _refuse("documents"), FAILURES),
    Row("Kafka", "takes no record of `events`", _refuse("events")),
    Row("Kafka", "takes no record of `checkpoints`", _refuse("checkpoints"), FAILURES),
    Row("Kafka", "another producer's transactions in `events`", _write_transactions),
    Row("Elasticsearch", "restart", _away("elasticsearch", 3.0, killed=False), RETRIES),
    Row("Elasticsearch", "SIGKILL", _away("elasticsearch", 3.0, killed=True), RETRIES),
    Row("Elasticsearch", "SIGSTOP for 8 s", _pause_elasticsearch),
    Row("Elasticsearch", "write block", _block("write"), RETRIES),
    Row("Elasticsearch", "read-only, as a full disk has it", _block("read_only_allow_delete"), RETRIES),
    *(Row("Elasticsearch", name, _spoil(name), RETRIES) for name in BULK if name not in ANY and name != REFUSED),
    *(Row("Elasticsearch", name, _spoil(name), RETRIES) for name in ANY if name != "slow"),
    Row("Elasticsearch", "slow", _spoil("slow")),
    Row("Elasticsearch", "400 to items, which are replayed afterwards", _refuse_and_replay, REJECTED),
    Row("rollover", "twice a second, workers killed", _roll_and_kill, SWEPT),
    Row("rollover", "twice a second, bulks that end late or unheard", _roll_and_spoil, SWEPT),
    Row("rollover", "once, and all is indexed again", _roll_and_replay, SWEPT),
)

_PLACES: Final = {(row.place, row.name): number for number, row in enumerate(ROWS)}


def place_of(cells: Sequence[str]) -> int | None:
    """Of a row in a table, among all."""
    return _PLACES.get((cells[0], cells[1]))
