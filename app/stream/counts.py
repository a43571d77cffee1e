"""What a stage counts for the operator; monotonic within one process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_MOST_REASONS: Final = 50
_LONGEST: Final = 120  # characters of a reason
_DROPPED: Final = "dropped."


@dataclass
class Counts:
    """`delivered` and the rest of the first group are records or offsets, the others what their names say."""

    delivered: int = 0
    skipped: int = 0  # had been processed already
    stale: int = 0  # batches of a generation that was over
    holes: int = 0  # batches before which something had been dropped on the way
    lost: int = 0  # offsets that retention took before they were read

    restores: int = 0
    kept: int = 0  # new generations that went on with the memory at hand
    checkpoints: int = 0
    cleaned: int = 0  # checkpoint records dropped
    failures: int = 0  # sends to Kafka that failed and ended a generation

    lines: int = 0
    resent: int = 0  # lines that the shipper sent again, which were left out
    dropped: dict[str, int] = field(default_factory=dict)  # lines, by the rule that left them out
    documents: int = 0
    rejected: int = 0
    agent_errors: int = 0
    aliases: int = 0  # processes that Tetragon found again after its restart
    late_parents: int = 0  # executions of which their children told first
    stored: int = 0
    repeated: int = 0
    retried: int = 0  # documents sent again, because Elasticsearch did not take them
    swept: int = 0  # documents that were looked for in other backing indices
    swept_copies: int = 0  # of them, second copies that were removed
    ahead: int = 0  # documents whose time Elasticsearch's clock has not reached by far
    sweep_troubles: int = 0  # rounds that did not come to their end
    lag: dict[int, int] = field(default_factory=dict)  # records waiting, by partition
    taken: dict[int, int] = field(default_factory=dict)  # Kafka's time of the latest record, by partition; ms
    reasons: dict[str, int] = field(default_factory=dict)  # dead letters, by what their reasons begin with

    def reject(self, reason: str) -> None:
        self.rejected += 1
        kind = reason.partition(":")[0][:_LONGEST]
        if kind in self.reasons or len(self.reasons) < _MOST_REASONS:
            self.reasons[kind] = self.reasons.get(kind, 0) + 1

    def drop(self, counters: Mapping[str, int]) -> None:
        """`counters` of one record, as app.enrich.blocks has them."""
        for name, number in counters.items():
            if name.startswith(_DROPPED):
                rule = name.removeprefix(_DROPPED)
                self.dropped[rule] = self.dropped.get(rule, 0) + number

    def age(self, partition: int, now: int) -> float:
        """Seconds since what was taken last of a partition was sent, if more of it waits; `now` in ms."""
        waits = self.lag.get(partition) and partition in self.taken
        return max(0, now - self.taken[partition]) / 1000 if waits else 0.0
