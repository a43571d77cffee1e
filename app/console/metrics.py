"""Every metric's name and meaning. Values are read where they are kept, when somebody asks: counting costs nothing."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Meaning(NamedTuple):
    kind: Literal["counter", "gauge"]
    description: str
    labels: tuple[str, ...] = ()


_STAGE: Final = ("stage",)
_NODE: Final = ("node",)  # a record key, of the partitions that this worker has

# Counters of a stage live as long as its process; those of the shipper as long as its position file.
MEANINGS: Final[Mapping[str, Meaning]] = {
    "tetrastash_shipped_lines_total": Meaning("counter", "Lines that Kafka has acknowledged."),
    "tetrastash_shipped_bytes_total": Meaning("counter", "Bytes of log files that Kafka has acknowledged."),
    "tetrastash_shipped_blocks_total": Meaning("counter", "Records that Kafka has acknowledged."),
    "tetrastash_known_lost_lines_total": Meaning("counter", "Lines that were too long to be sent."),
    "tetrastash_known_lost_files_total": Meaning("counter", "Files that vanished before they were read to their end."),
    "tetrastash_known_lost_bytes_total": Meaning("counter", "Bytes of known losses, as far as known."),
    "tetrastash_unread_bytes": Meaning("gauge", "Bytes of log files that were not yet read; packed ones not counted."),
    "tetrastash_unacknowledged_bytes": Meaning("gauge", "Bytes that were sent to Kafka and not yet acknowledged."),
    "tetrastash_followed_files": Meaning("gauge", "Files that are held open."),
    "tetrastash_unreadable_paths": Meaning("gauge", "Paths that cannot be read for now."),
    "tetrastash_delivered_records_total": Meaning("counter", "Records that Kafka delivered.", _STAGE),
    "tetrastash_skipped_records_total": Meaning("counter", "Records that had been processed already.", _STAGE),
    "tetrastash_stale_batches_total": Meaning("counter", "Batches of a generation that was over.", _STAGE),
    "tetrastash_holes_total": Meaning("counter", "Batches before which records were missing, and read again.", _STAGE),
    "tetrastash_retention_lost_records_total": Meaning("counter", "Records that Kafka dropped unread.", _STAGE),
    "tetrastash_restores_total": Meaning("counter", "Memories read from the checkpoints.", _STAGE),
    "tetrastash_kept_memories_total": Meaning("counter", "Generations that went on with the memory at hand.", _STAGE),
    "tetrastash_checkpoints_total": Meaning("counter", "Checkpoints that Kafka has acknowledged.", _STAGE),
    "tetrastash_cleaned_checkpoints_total": Meaning("counter", "Checkpoint records dropped as outlived.", _STAGE),
    "tetrastash_failed_sends_total": Meaning("counter", "Sends to Kafka that ended a generation.", _STAGE),
    "tetrastash_lines_total": Meaning("counter", "Lines that were decoded.", _STAGE),
    "tetrastash_resent_lines_total": Meaning("counter", "Lines that a shipper sent again, left out.", _STAGE),
    "tetrastash_dropped_lines_total": Meaning("counter", "Lines that a rule left out.", ("stage", "rule")),
    "tetrastash_documents_total": Meaning("counter", "Documents that were made.", _STAGE),
    "tetrastash_rejected_total": Meaning("counter", "Lines and documents that became dead letters.", _STAGE),
    "tetrastash_agent_errors_total": Meaning("counter", "Times an agent raised, and cost its own fields.", _STAGE),
    "tetrastash_lineage_aliases_total": Meaning(
        "counter", "Processes that Tetragon found again after its restart, and that kept their ids.", _STAGE
    ),
    "tetrastash_lineage_late_parents_total": Meaning(
        "counter", "Executions of which events of their children told first.", _STAGE
    ),
    "tetrastash_indexed_documents_total": Meaning("counter", "Documents that Elasticsearch has stored.", _STAGE),
    "tetrastash_repeated_documents_total": Meaning("counter", "Documents that Elasticsearch had already.", _STAGE),
    "tetrastash_retried_documents_total": Meaning("counter", "Documents that were sent again.", _STAGE),
    "tetrastash_swept_documents_total": Meaning("counter", "Documents looked for in other backing indices.", _STAGE),
    "tetrastash_swept_copies_total": Meaning("counter", "Second copies removed after a rollover.", _STAGE),
    "tetrastash_sweep_troubles_total": Meaning("counter", "Rounds of comparing indices that had no end.", _STAGE),
    "tetrastash_ahead_documents_total": Meaning("counter", "Documents of half a minute and more from now.", _STAGE),
    "tetrastash_node_lines_total": Meaning("counter", "Lines of a node, from the first one on.", _NODE),
    "tetrastash_node_known_lost_lines_total": Meaning("counter", "Lines that were too long to be sent.", _NODE),
    "tetrastash_node_known_lost_files_total": Meaning("counter", "Files that vanished before their end.", _NODE),
    "tetrastash_node_known_lost_bytes_total": Meaning("counter", "Bytes of known losses, as far as known.", _NODE),
    "tetrastash_node_tetragon_dropped_events_total": Meaning("counter", "Events that Tetragon itself dropped.", _NODE),
    "tetrastash_node_tetragon_throttled_total": Meaning("counter", "Times Tetragon began to throttle a cgroup.", _NODE),
    "tetrastash_node_missing_lines": Meaning(
        "gauge", "Lines that a node's shipper sent and that never came; below zero, lines that came again.", _NODE
    ),
    "tetrastash_node_silent_seconds": Meaning("gauge", "Seconds since anything came from a node's shipper.", _NODE),
    "tetrastash_lag_records": Meaning("gauge", "Records that wait in a partition.", ("stage", "partition")),
    "tetrastash_lag_seconds": Meaning(
        "gauge", "Age of the latest record that was taken of a partition in which more wait.", ("stage", "partition")
    ),
}


class Sample(NamedTuple):
    """`labels` in the order of the meaning's."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


class _Read(Collector):
    def __init__(self, read: Callable[[], Iterable[Sample]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for sample in self._read():
            family = families.get(sample.name)
            if family is None:
                meaning = MEANINGS[sample.name]
                made = CounterMetricFamily if meaning.kind == "counter" else GaugeMetricFamily
                family = families[sample.name] = made(sample.name, meaning.description, labels=meaning.labels)
            family.add_metric(sample.labels, sample.value)
        return families.values()


def registry(*reads: Callable[[], Iterable[Sample]]) -> CollectorRegistry:
    """Of this process alone: its memory and CPU, and what each of `reads` gives whenever it is asked."""
    made = CollectorRegistry()
    ProcessCollector(registry=made)
    for read in reads:
        made.register(_Read(read))
    return made
