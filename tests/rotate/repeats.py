"""What each kill made the shipper send again."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from app.ship.blocks import BLOCK_BYTES
from app.ship.producer import UNDER_WAY_BYTES
from tests.ship.topic import Shipped

MOST_BYTES: Final = UNDER_WAY_BYTES + BLOCK_BYTES  # what may be under way at a moment


class Repeated(NamedTuple):
    """By one kill; `logs` are how many that was of."""

    lines: int
    bytes: int
    blocks: int
    logs: int


def by_kill(records: Iterable[Shipped], kills: Sequence[float]) -> list[Repeated]:
    """For each of them, which are in seconds since 1970. `records` are in the order in which they arrived."""
    before: set[int] = set()  # numbers of lines
    again: list[list[tuple[str, list[bytes]]]] = [[] for _ in kills]
    for record in records:
        numbered = [(number_of(line), line) for line in record.value.splitlines(keepends=True)]
        sent = [line for number, line in numbered if number in before]
        before.update(number for number, _ in numbered if number is not None)
        kill = bisect_right(kills, record.at / 1000) - 1
        if kill >= 0 and sent:
            again[kill].append((record.path, sent))
    return [
        Repeated(
            sum(len(sent) for _, sent in each),
            sum(len(line) for _, sent in each for line in sent),
            len(each),
            len({path for path, _ in each}),
        )
        for each in again
    ]


def number_of(line: bytes) -> int | None:
    """None of a line that is not whole, and of one that has none."""
    try:
        number: int | None = json.loads(line).get("number")
    except ValueError:
        return None
    return number


def told(repeated: Sequence[Repeated], records: Iterable[Shipped]) -> str:
    """Of the kill that repeated most, in a line."""
    most = max(repeated, default=Repeated(0, 0, 0, 0))
    largest = max((record.lines for record in records), default=0)
    return (
        f"one kill repeated at most {most.lines} lines ({most.bytes:,} bytes in {most.blocks} blocks of {most.logs} "
        f"logs); the largest block had {largest} lines; {sum(each.lines > 0 for each in repeated)} of "
        f"{len(repeated)} kills repeated any"
    )
