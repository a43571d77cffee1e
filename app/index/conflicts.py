"""Which of the documents that Elasticsearch calls stored already are on disk. Pure.

A 409 speaks of a copy that may be in memory alone: the request that wrote it can still be on its way to the disk, and a
node that dies then loses it.
"""

from collections.abc import Collection
from typing import NamedTuple

from app.index.questions import Asking, Copy, Find, Shard, Shards


class Conflict(NamedTuple):
    """The index that the other copy lies in; `shard` None where that was not told."""

    name: str
    shard: int | None
    id: str


class Looked(NamedTuple):
    """What is in neither is not known yet."""

    kept: Collection[Conflict] = ()
    gone: Collection[Conflict] = ()


def look(conflicts: Collection[Conflict]) -> Asking[Looked]:
    """The checkpoints first: what is found later at or below them was on disk when they were told, and stays."""
    shards = yield Shards(sorted({conflict.name for conflict in conflicts}))
    if shards is None:
        return Looked()
    found = yield Find([(conflict.name, conflict.id) for conflict in conflicts])
    if found is None:
        return Looked()
    kept, gone = [], []
    for conflict in conflicts:
        copy = found.get((conflict.name, conflict.id))
        if copy is None:
            gone.append(conflict)
        elif _is_on_disk(copy, shards.get(conflict.name, ()), conflict.shard):
            kept.append(conflict)
    return Looked(kept, gone)


def _is_on_disk(copy: Copy, shards: Collection[Shard], number: int | None) -> bool:
    """Of a shard that was not told it can be any."""
    if number is not None:
        shards = list(shards)[number : number + 1]
    return bool(shards) and all(copy.seq_no <= shard.checkpoint for shard in shards)
