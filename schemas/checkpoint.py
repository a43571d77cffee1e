"""A checkpoint: one record that holds an offset and what changed in memory up to it, so that they cannot disagree.

It says: all documents of the source partition before `upto` are durable, and this is what memory gained since `since`.
Processing is deterministic, therefore any checkpoint by anyone is true. To restore a partition, take the record with
the greatest `upto`, apply every record whose `upto` is at least its `base` in order of `upto`, and go on at `upto`.
"""

from typing import Final

import msgspec

VERSION: Final = 1
GONE: Final = b"null"


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The name of one thing remembered: whose (a record's key), by whom (an agent's name), and which."""

    scope: str
    owner: str
    name: str


class Change(msgspec.Struct, frozen=True, array_like=True):
    """The value that an entry has at `upto`, as JSON; `null` when it is gone."""

    entry: Entry
    json: msgspec.Raw

    @property
    def value(self) -> bytes | None:
        raw = bytes(self.json)
        return None if raw == GONE else raw


def change(entry: Entry, value: bytes | None) -> Change:
    """`value` is JSON, None when the entry is gone."""
    return Change(entry, msgspec.Raw(GONE if value is None else value))


class Checkpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """`counters` are cumulative from the first offset of the partition on, and exact at `upto`."""

    since: int
    upto: int
    base: int
    changes: list[Change]
    counters: dict[str, int]
    topic_id: str  # of the source topic: a topic that was made anew starts at another history
    version: int = VERSION
