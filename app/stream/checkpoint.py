"""The checkpoints of one partition: restoring from them, writing the next, dropping the oldest. Pure: no I/O, no clock.

Keys in the topic are unique, so compaction removes only what was dropped with a tombstone. Before the oldest records
are dropped, their entries that are still alive are carried into the next checkpoint; the tombstones follow its
acknowledgement. Two workers may do all this at once, one of them without right: each chain is whole by itself.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from schemas.checkpoint import Change, Checkpoint, Entry, change

# The log may hold so many entries for each one alive before its oldest records are dropped, and this many in any case.
SURPLUS: Final = 2
SMALL_LOG: Final = 2_000
# One checkpoint carries at most about this many entries, which bounds its size.
CARRIED_AT_ONCE: Final = 20_000


class Restored(msgspec.Struct, frozen=True):
    """`changes` are to be applied in order; then memory is as it was when `upto` was due."""

    upto: int
    counters: dict[str, int]
    topic_id: str
    changes: list[Change]


class _Stored(msgspec.Struct, frozen=True):
    upto: int
    key: bytes
    entries: int


class Planned(msgspec.Struct, frozen=True):
    """A checkpoint to write under `key`, and the keys to delete once it is acknowledged."""

    key: bytes
    checkpoint: Checkpoint
    dropped: list[bytes]


def record_key(upto: int, writer: str, number: int) -> bytes:
    """Unique for every record ever written: compaction must never choose between two checkpoints."""
    return b"%020d/%b/%d" % (upto, writer.encode(), number)


def is_checkpoint(key: bytes | None) -> bool:
    return key is not None and key[:20].isdigit() and key[20:21] == b"/"


class History:
    """What the topic holds of this partition, as far as this worker wrote or read it."""

    def __init__(self, writer: str, small_log: int = SMALL_LOG) -> None:
        self._writer = writer
        self._small_log = small_log
        self._written = 0
        self._stored: deque[_Stored] = deque()
        self._total = 0
        self._held: dict[Entry, int] = {}  # an entry alive → `upto` of the newest record that holds its value
        self.upto = 0
        self.cleaned = 0

    def restore(self, records: Mapping[bytes, Checkpoint]) -> Restored | None:
        """From all records in the topic by key; None if there is none. Forgets what was known before."""
        self._stored.clear()
        self._held.clear()
        self._total = 0
        self.upto = 0
        if not records:
            return None
        ordered = sorted(records.items(), key=lambda item: (item[1].upto, item[0]))
        latest = ordered[-1][1]
        changes: list[Change] = []
        for key, checkpoint in ordered:
            # Records before the base are not applied, but known, so that they are dropped in their turn.
            self._note(key, checkpoint)
            if checkpoint.upto >= latest.base:
                changes.extend(checkpoint.changes)
                self._hold(checkpoint)
        self.upto = latest.upto
        return Restored(latest.upto, dict(latest.counters), latest.topic_id, changes)

    def plan(
        self,
        upto: int,
        changes: Mapping[Entry, bytes | None],
        counters: Mapping[str, int],
        topic_id: str,
        encode: Callable[[Iterable[Entry]], Mapping[Entry, bytes]],
    ) -> Planned:
        """The checkpoint at `upto`, with what changed since the last; `encode` gives the values of entries to carry."""
        held = self._held
        alive = len(held) + sum((value is not None) - (entry in held) for entry, value in changes.items())
        limit = max(SURPLUS * alive, self._small_log)
        dropping: list[_Stored] = []
        total = self._total + len(changes)
        for stored in self._stored:
            if total <= limit or sum(each.entries for each in dropping) >= CARRIED_AT_ONCE:
                break
            dropping.append(stored)
            total -= stored.entries
        kept = len(self._stored) - len(dropping)
        base = self._stored[len(dropping)].upto if kept else upto
        carried: Mapping[Entry, bytes] = {}
        if dropping:
            last_dropped = dropping[-1].upto
            # A record that is kept may stand at the same offset (two writers): then it is applied, and nothing harmed.
            carried = encode(entry for entry, at in held.items() if at <= last_dropped and entry not in changes)
        listed = [change(entry, value) for entry, value in (*carried.items(), *changes.items())]
        checkpoint = Checkpoint(self.upto, upto, base, listed, dict(counters), topic_id)
        self._written += 1
        return Planned(record_key(upto, self._writer, self._written), checkpoint, [stored.key for stored in dropping])

    def written(self, planned: Planned) -> None:
        """Kafka has acknowledged it: from now on it is the latest, and what it dropped is gone."""
        for _ in planned.dropped:
            self._total -= self._stored.popleft().entries
        self.cleaned += len(planned.dropped)
        self._note(planned.key, planned.checkpoint)
        self._hold(planned.checkpoint)
        self.upto = planned.checkpoint.upto

    def _note(self, key: bytes, checkpoint: Checkpoint) -> None:
        self._stored.append(_Stored(checkpoint.upto, key, len(checkpoint.changes)))
        self._total += len(checkpoint.changes)

    def _hold(self, checkpoint: Checkpoint) -> None:
        for each in checkpoint.changes:
            if each.value is None:
                self._held.pop(each.entry, None)
            else:
                self._held[each.entry] = checkpoint.upto
