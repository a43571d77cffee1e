"""Blocks that a shipper sends again after a crash, told by where they lie in their file.

A shipper goes on at the position that it saved: the end of a block that Kafka had acknowledged. What it had sent behind
that comes again, cut into other blocks. Elasticsearch would refuse the documents as stored already, but agents would
have seen the events twice, and one that counts would count wrong. So such lines are left out.

To leave out a line that is new would be to lose it. Therefore files go by the id of the position file too, within which
file and position name the same bytes for ever; and a block counts as sent again only where a known block began, with
the same first line, or right behind another that was sent again. Whatever else overlaps is taken as new.
"""

from typing import Final
from zlib import crc32

import msgspec

from app.enrich.changes import Changes
from app.enrich.clock import Clock
from schemas.times import SECOND

OWNER: Final = "@files"

TTL: Final = 3600 * SECOND  # by the events' time, which stands while the shipper is down
MOST: Final = 32  # files of one scope; beyond, the eighth goes that was heard of least recently
# Blocks between a position that was saved and a crash: the shipper saves every second or so.
STARTS: Final = 256

NOTHING: Final = -1


class _File(msgspec.Struct, array_like=True):
    touched: int  # by the scope's clock
    end: int  # position behind what was taken
    again: int  # position up to which it was sent again by now; NOTHING
    starts: list[tuple[int, int]]  # position and checksum of the first line of the latest blocks, in order of arrival


_DECODER: Final = msgspec.json.Decoder(_File)


class Resends:
    """What one scope's shipper has sent, as far as it could come again."""

    __slots__ = ("_changes", "_clock", "_files", "_scope")

    def __init__(self, scope: str, clock: Clock, changes: Changes) -> None:
        self._files: dict[str, _File] = {}
        self._scope = scope
        self._clock = clock
        self._changes = changes

    def repeated(self, name: str, position: int, block: bytes) -> int:
        """How many of the block's first bytes were taken before; `position` is that of its first byte in the file."""
        if not block:
            return 0
        start = (position, crc32(block[: block.find(b"\n") + 1] or block))
        end = position + len(block)
        file = self._files.get(name)
        if file is None:
            if len(self._files) >= MOST:
                self._evict(MOST - MOST // 8)
            file = self._files[name] = _File(self._clock.now, 0, NOTHING, [])
        before = 0
        if position < file.end and (position == file.again or start in file.starts):
            before = min(end, file.end) - position
            file.again = end if end < file.end else NOTHING
        else:
            file.again = NOTHING
        # A block that overlaps and is not known may be of a file that was written anew.
        file.end = max(end, file.end) if before else end
        file.touched = self._clock.now
        file.starts.append(start)
        del file.starts[:-STARTS]
        self._changes.note((self._scope, OWNER, name), 24 * len(file.starts))
        return before

    def sweep(self) -> None:
        """Forgets files that were not heard of for long."""
        for name in [name for name, file in self._files.items() if 0 < file.touched <= self._clock.now - TTL]:
            self._drop(name)

    def value(self, name: str) -> bytes | None:
        file = self._files.get(name)
        return msgspec.json.encode(file) if file is not None else None

    def restore(self, name: str, value: bytes | None) -> None:
        if value is None:
            self._files.pop(name, None)
        else:
            self._files[name] = _DECODER.decode(value)

    def names(self) -> list[str]:
        return list(self._files)

    def _evict(self, keep: int) -> None:
        oldest = sorted(self._files, key=self._age)
        for name in oldest[: len(oldest) - keep]:
            self._drop(name)

    def _age(self, name: str) -> tuple[int, str]:
        return self._files[name].touched, name

    def _drop(self, name: str) -> None:
        del self._files[name]
        self._changes.note((self._scope, OWNER, name), 0)
