"""A document is kept when what tells of it was on disk before it was found."""

from typing import Any

import pytest

from app.index.conflicts import Conflict, Looked, look
from app.index.questions import Copy, Find, Shard, Shards

HERE = Conflict("ds-2", 1, "a")
SOMEWHERE = Conflict("ds-2", None, "a")
BUSY = [Shard(9, 9), Shard(5, 8)]


@pytest.mark.parametrize(
    ("conflict", "shards", "found", "expected"),
    [
        (HERE, BUSY, {("ds-2", "a"): Copy(5, 1)}, "kept"),
        (HERE, BUSY, {("ds-2", "a"): Copy(6, 1)}, "unknown"),
        (HERE, BUSY, {("ds-2", "a"): None}, "gone"),
        (HERE, BUSY, {}, "gone"),
        (HERE, BUSY, None, "unknown"),
        (HERE, None, {("ds-2", "a"): Copy(5, 1)}, "unknown"),
        (HERE, [], {("ds-2", "a"): Copy(5, 1)}, "unknown"),
        (HERE, BUSY[:1], {("ds-2", "a"): Copy(5, 1)}, "unknown"),
        (SOMEWHERE, BUSY, {("ds-2", "a"): Copy(5, 1)}, "kept"),
        (SOMEWHERE, BUSY, {("ds-2", "a"): Copy(6, 1)}, "unknown"),
        (SOMEWHERE, [], {("ds-2", "a"): Copy(5, 1)}, "unknown"),
    ],
)
def test_a_conflict_is_looked_at(conflict: Conflict, shards: list[Shard] | None, found: Any, expected: str) -> None:
    looked = answered(conflict, {"ds-2": shards} if shards is not None else None, found)
    assert ("kept" if looked.kept else "gone" if looked.gone else "unknown") == expected


def test_an_index_that_is_not_told_of_is_unknown() -> None:
    assert answered(HERE, {}, {("ds-2", "a"): Copy(5, 1)}) == Looked([], [])


def answered(conflict: Conflict, shards: Any, found: Any) -> Looked:
    asking = look([conflict])
    assert next(asking) == Shards(["ds-2"])
    try:
        assert asking.send(shards) == Find([("ds-2", "a")])
        asking.send(found)
    except StopIteration as end:
        result: Looked = end.value
        return result
    raise AssertionError("asks for more")
