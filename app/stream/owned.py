"""A partition that the enrich stage has: what its agents remember, and how far that reaches."""

import asyncio

from app.enrich.memory import Memory
from app.errors import TopicError
from app.stream.attempts import survived
from app.stream.checkpoint import History
from app.stream.checkpoint_log import Found
from app.stream.outbox import Acknowledgement
from app.stream.partitions import Partition


class Owned:
    """One partition in one generation: its position, what its agents remember, and what Kafka still has to confirm."""

    def __init__(self, number: int, writer: str) -> None:
        self.number = number
        self.position = Partition()
        self.memory = Memory()
        self.history = History(writer)
        self.counters: dict[str, int] = {}
        self.waiting: list[Acknowledgement] = []
        self.torn = False  # memory is ahead of the position: a record is being processed, or its processing failed
        self.broken = False  # a send failed, or changes were drained and not written: only a restore helps
        self.leaving = False  # nothing more is taken before the next generation
        self.read_to = 0  # offset in the checkpoints topic
        self.checkpointed_at = 0.0
        self.attempt = survived(0)
        self.careful_until = 0.0
        self.committed = 0
        self.processing = asyncio.Lock()
        self.checkpointing = asyncio.Lock()

    def at_its_checkpoint(self) -> bool:
        return not (self.torn or self.broken or self.checkpointing.locked()) and self.position.due == self.history.upto

    def restore(self, found: Found, beginning: int, topic: str, topic_id: str) -> None:
        """From what the checkpoints topic holds; `beginning` is due where it holds nothing. Raises TopicError when that
        was made of another topic than the one that has this id now."""
        self.read_to = found.read_to
        restored = self.history.restore(found.alive())
        self.position.due = beginning
        if restored is None:
            return
        if restored.topic_id != topic_id:
            raise TopicError(
                f"The topic {topic} has the id {topic_id!r}, and its checkpoints were made of {restored.topic_id!r}: "
                "it was deleted and made anew. Set another TETRASTASH_TOPIC_PREFIX and run `tetrastash setup`."
            )
        self.memory.load((change.entry, change.value) for change in restored.changes)
        self.counters = restored.counters
        self.position.due = restored.upto
