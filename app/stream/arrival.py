"""What both stages do with a batch before they look into it."""

import logging

from app.stream.consumer import Fetched
from app.stream.counts import Counts
from app.stream.feed import Feed
from app.stream.partitions import Ignore, Partition, Seek, Take

log = logging.getLogger(__name__)


async def arrive(
    feed: Feed, number: int, position: Partition, generation: int, fetched: Fetched, counts: Counts
) -> Take | None:
    """None when the batch is left; then a hole before it has been sought back to already."""
    offsets = [record.offset for record in fetched.records]
    decision = position.arrive(generation, fetched.start, fetched.seeks, fetched.lost, offsets)
    if isinstance(decision, Ignore):
        counts.stale += decision.stale
        return None
    if isinstance(decision, Seek):
        counts.holes += 1
        log.info("seeking back partition=%s due=%s hole=%s", number, decision.offset, decision.hole)
        await feed.rewind(number, decision.offset)
        return None
    counts.skipped += decision.skipped
    if decision.lost:
        counts.lost += decision.lost
        log.error(
            "records were deleted by retention before they were read topic=%s partition=%s records=%s from=%s",
            feed.topic,
            number,
            decision.lost,
            fetched.start,
        )
    return decision
