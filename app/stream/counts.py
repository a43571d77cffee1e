"""What a stage counts for the operator; monotonic within one process."""

from dataclasses import dataclass, field


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
    documents: int = 0
    rejected: int = 0
    agent_errors: int = 0
    stored: int = 0
    repeated: int = 0
    retried: int = 0  # documents sent again, because Elasticsearch did not take them
    lag: dict[int, int] = field(default_factory=dict)  # records waiting, by partition
