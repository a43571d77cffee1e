"""Why a period does not add up: documents that were made twice have one id, others are nowhere."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import Final

from app.ledger.balance import Line, Place, place_of
from app.ledger.topics import Document

EXAMPLES: Final = 5
MOST: Final = 2_000_000  # documents whose ids are held at once

Missing = Callable[[Sequence[str]], Awaitable[set[str]]]


async def explain(
    lines: Sequence[Line],
    refused: Collection[str],
    documents: Callable[[int], AsyncIterator[Document]],
    missing: Missing,
) -> bool:
    """Fills in `repeated`, `gone` and `examples` of those that are short; False when there were too many of them.

    `refused` are the ids of dead letters. `documents` gives what Kafka holds of events since a time in ns; `missing`
    which of some ids are nowhere.
    """
    short = {(line.node, line.period): line for line in lines if line.off > 0}
    if not short:
        return True
    known = {(line.node, line.period) for line in lines}
    made: dict[Place, Counter[str]] = {place: Counter() for place in short}
    held = 0
    async for identity, node, minute in documents(min(period.start for _, period in short)):
        place = place_of(known, node, minute)
        if place in made:
            made[place][identity] += 1
            held += 1
            if held > MOST:
                return False
    for place, ids in made.items():
        line = short[place]
        nowhere = (await missing(list(ids))).difference(refused)
        line.gone = max(line.row.documents - ids.total(), 0)
        line.repeated = ids.total() - len(ids)
        line.examples = sorted(nowhere)[:EXAMPLES]
    return True
