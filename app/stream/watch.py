"""Whether the topics are still those that the worker began with. Positions and checkpoints of others mean nothing."""

import asyncio
from typing import Final

from aiokafka.errors import KafkaError

from app.errors import TopicError
from app.kafka.topic_ids import topics_by_name
from app.kafka.topics import Topics, record_of, require_equal_partitions, require_recorded, topic_names
from app.settings import Settings

EVERY_SECONDS: Final = 10.0


async def watch_topics(settings: Settings, topics: Topics) -> None:
    """Never returns. Raises TopicError when one was deleted, made anew or given other partitions."""
    names = topic_names(settings)
    expected = record_of(topics)
    expected.topic_ids["checkpoints"] = topics.checkpoints.id
    missing: set[str] = set()
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            found = await topics_by_name(settings, names.values())
        except (KafkaError, OSError):
            continue  # the stages say that Kafka is away
        # A broker that has just come back may not know of all of them yet.
        missing, before = set(names.values()) - found.keys(), missing
        if missing & before:
            raise TopicError(
                f"Topic {min(missing & before)!r} was deleted. Set another TETRASTASH_TOPIC_PREFIX, or delete all four "
                "topics, and run `tetrastash setup`."
            )
        if not missing:
            now = Topics(*(found[name] for name in names.values()))
            require_equal_partitions(settings, now)
            require_recorded(settings, now, expected)
