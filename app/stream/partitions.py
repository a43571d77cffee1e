"""Where one partition stands, and what to do with a batch that arrives for it. Pure: no I/O, no clock.

A partition is processed in offset order without holes. Around a rebalance the client drops records without going back,
and delivers later ones as if nothing were missing; so each batch says from which offset its fetch read on (`start`),
and everything between `start` and its last record is known to have been read. A batch that starts later than what is
due has a hole before it: the partition seeks back. Records missing *inside* what was read do not exist any more, or
never did (transaction markers): the partition goes on, and counts those that retention took.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

UNOWNED: Final = -1


class Take(msgspec.Struct, frozen=True):
    """Process the batch's records from index `first` on; `lost` offsets before it were taken by retention."""

    first: int
    skipped: int
    lost: int


class Seek(msgspec.Struct, frozen=True):
    """Fetch again from `offset`: what lies between it and the batch was dropped on the way."""

    offset: int
    hole: int


class Ignore(msgspec.Struct, frozen=True):
    """Leave the batch: `stale` when its generation is over, else a seek is still under way."""

    stale: bool


Decision = Take | Seek | Ignore


class Partition:
    """The position of one partition within one generation of the consumer group."""

    def __init__(self) -> None:
        self.generation = UNOWNED
        self.due = 0
        self._seeks = 0

    def assign(self, generation: int, due: int) -> None:
        """From now on only this generation counts; `due` is the offset to be processed next."""
        self.generation = generation
        self.due = due
        self._seeks = 0

    def revoke(self) -> None:
        self.generation = UNOWNED

    def owned(self, generation: int) -> bool:
        """To be asked again after every await: the partition may have gone to another in the meantime."""
        return generation != UNOWNED and generation == self.generation

    def arrive(self, generation: int, start: int, seeks: int, lost: int, offsets: Sequence[int]) -> Decision:
        """What to do with a batch of `offsets`, read on from `start` after `seeks` seeks in this generation.

        `lost` offsets from `start` on were gone before they could be read.
        """
        if not self.owned(generation):
            return Ignore(stale=True)
        if start > self.due:
            if seeks < self._seeks:
                return Ignore(stale=False)  # fetched before the seek took effect
            self._seeks = seeks + 1
            return Seek(self.due, hole=start - self.due)
        first = next((index for index, offset in enumerate(offsets) if offset >= self.due), len(offsets))
        return Take(first, skipped=first, lost=max(0, start + lost - self.due))

    def processed(self, offset: int) -> None:
        """The record at `offset` has taken effect. Raises ValueError if it was not the next one."""
        if offset < self.due:
            raise ValueError(f"offset {offset} was processed already: {self.due} is due")
        self.due = offset + 1
