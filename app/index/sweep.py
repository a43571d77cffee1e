"""Which documents a data stream holds twice after a rollover, and which copy goes. Pure: no I/O, no clock.

An `_id` is unique within one backing index. A document whose first sending ended in one index, and a later one in the
next, lies in both; no question asked before sending prevents it, for a request that was given up may still end. So the
documents of each index are compared with the other indices once they can no longer change, and the younger copy goes.

What it relies on:

- Nothing appears any more in a shard at or below its global checkpoint, and what is there is on disk.
- An event is in no index that was closed to writing before it happened, up to `allowance` of the clocks.
- `positions` hold a statement about pairs: of two documents in two indices, each at or below its index's position, with
  one id, one has been found. So positions of two sweepers are never mixed; those of one are right at any time.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from app.index.questions import (
    Ahead,
    Asking,
    Copy,
    Delete,
    Find,
    Index,
    Indices,
    Page,
    Refresh,
    Search,
    Seen,
    Shard,
    Shards,
)

ALLOWANCE: Final = 60_000  # ms by which the clocks of nodes and of Elasticsearch may differ
PAGE: Final = 1_000  # documents compared at once
PAGES: Final = 50  # of one shard in a round
NOTHING: Final = -1  # the position before the first sequence number


Positions: TypeAlias = dict[str, list[int]]  # by UUID, of each shard


@dataclass
class Counters:
    """Since the start. `unanswered` counts pages that are to be asked again; `ahead` documents of a clock that is about
    to be wrong by more than the allowance."""

    compared: int = 0
    removed: int = 0
    unanswered: int = 0
    ahead: int = 0


class Sweep:
    def __init__(
        self,
        positions: Mapping[str, Sequence[int]] = {},
        allowance: int = ALLOWANCE,
        page: int = PAGE,
        pages: int = PAGES,
        counters: Counters | None = None,
    ) -> None:
        """`counters` go on where another sweep has left them."""
        self.is_behind = False  # after a round that left something for the next
        self.positions: Positions = {uuid: list(shards) for uuid, shards in positions.items()}
        self.counters = counters if counters is not None else Counters()
        self._allowance = allowance
        self._page = page
        self._pages = pages

    def round(self) -> Asking[None]:
        """Positions move after each page."""
        self.is_behind = False
        indices: Sequence[Index] | None = yield Indices()
        if not indices:
            return
        ordered = sorted(indices, key=lambda index: index.generation)
        self._forget({index.uuid for index in ordered})
        shards: Mapping[str, Sequence[Shard]] | None = yield Shards([index.name for index in ordered])
        if shards is None:
            return
        moved = [index for index in ordered if self._has_moved(index, shards.get(index.name, ()))]
        if not moved:
            return
        if not (yield Refresh([index.name for index in moved])):
            return
        for index in moved:
            for number, shard in enumerate(shards[index.name]):
                yield from self._catch_up(ordered, index, number, shard.checkpoint)

    def _catch_up(self, ordered: Sequence[Index], index: Index, number: int, upto: int) -> Asking[None]:
        """So far that the others have their turn soon: what was not answered there is asked again, and written down is
        how far all are."""
        begun = self._position(index, number)
        for _ in range(self._pages):
            if self._position(index, number) >= upto:
                break
            if not (yield from self._compare(ordered, index, number, upto)):
                self.counters.unanswered += 1
                break
        else:
            self.is_behind |= self._position(index, number) < upto
        # What will have happened later than an index was closed is not looked for there.
        if (reached := self._position(index, number)) > begun:
            self.counters.ahead += (yield Ahead(index.name, number, begun, reached, self._allowance // 2)) or 0

    def _compare(self, ordered: Sequence[Index], index: Index, number: int, upto: int) -> Asking[bool]:
        """A page of one shard with all other indices; whether its answers were definite."""
        older = [each for each in ordered if each.generation < index.generation]
        swept = [each for each in ordered if each.generation > index.generation and self._is_swept(each)]
        if not older and not swept:
            self._advance(index, number, upto)
            return True
        # What happened later than this can be in no older index; in a younger one it is looked for from there.
        before = None if swept else index.created + self._allowance
        after = self._position(index, number)
        seen: Sequence[Seen] | None = yield Page(index.name, number, after, upto, before, self._page)
        if seen is None:
            return False
        names = [other.name for other in (*self._may_hold(older, index, seen), *swept)] if seen else []
        found: Mapping[tuple[str, str], Copy] = {}
        if names:
            # What a search does not show yet is above the other index's position, and is compared from there.
            answer = yield Search(sorted(names), [each.id for each in seen])
            if answer is None:
                return False
            found = answer
        if not (yield from self._remove(index, older, swept, seen, found)):
            return False
        self.counters.compared += len(seen)
        self._advance(index, number, seen[-1].copy.seq_no if len(seen) == self._page else upto)
        return True

    def _remove(
        self,
        index: Index,
        older: Sequence[Index],
        swept: Sequence[Index],
        seen: Sequence[Seen],
        found: Mapping[tuple[str, str], Copy],
    ) -> Asking[bool]:
        """Every copy but the oldest; whether they are gone."""
        doomed: list[tuple[str, str, Copy]] = []
        kept: dict[tuple[str, str], Copy] = {}
        for each in seen:
            doomed += [(other.name, each.id, copy) for other in swept if (copy := found.get((other.name, each.id)))]
            oldest = next((other for other in older if found.get((other.name, each.id))), None)
            if oldest is not None:
                place = (oldest.name, each.id)
                kept[place] = found[place]
                doomed.append((index.name, each.id, each.copy))
        if kept and not (yield from self._are_kept(kept)):
            return False
        if not doomed:
            return True
        gone = yield Delete(doomed)
        if gone is None:
            return False
        self.counters.removed += len(gone)
        return all((name, id_) in gone for name, id_, _ in doomed)

    def _are_kept(self, kept: Mapping[tuple[str, str], Copy]) -> Asking[bool]:
        """Whether these older copies are on disk. `Find` shows what is not there yet: a node that dies loses it, and a
        younger copy that was deleted for it would have been the only one."""
        names = sorted({name for name, _ in kept})
        shards = yield Shards(names)
        if shards is None or any(
            not shards.get(name) or any(shard.checkpoint < shard.maximum for shard in shards[name]) for name in names
        ):
            return False
        # A node may have died before that question, and have lost it: then it is gone, or is another write.
        again = yield Find(list(kept))
        return again is not None and all(again.get(place) == copy for place, copy in kept.items())

    def _may_hold(self, older: Sequence[Index], index: Index, seen: Sequence[Seen]) -> Iterator[Index]:
        """Those that were still written to when the first of these happened: all of them, however many, for a copy that
        is looked for in some only stays for ever."""
        # One that has no time may be as old as any.
        first = min(-math.inf if each.timestamp is None else each.timestamp for each in seen)
        for each, successor in pairwise((*older, index)):
            if successor.created + self._allowance > first:
                yield each

    def _has_moved(self, index: Index, shards: Sequence[Shard]) -> bool:
        return any(self._position(index, number) < shard.checkpoint for number, shard in enumerate(shards))

    def _is_swept(self, index: Index) -> bool:
        return any(position > NOTHING for position in self.positions.get(index.uuid, ()))

    def _position(self, index: Index, number: int) -> int:
        known = self.positions.get(index.uuid, [])
        return known[number] if number < len(known) else NOTHING

    def _advance(self, index: Index, number: int, position: int) -> None:
        known = self.positions.setdefault(index.uuid, [])
        known += [NOTHING] * (number + 1 - len(known))
        known[number] = position

    def _forget(self, present: set[str]) -> None:
        for uuid in set(self.positions) - present:
            del self.positions[uuid]
