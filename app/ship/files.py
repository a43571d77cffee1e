"""One file of a log: what was read of it, and what of that is durable."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from app.ship.blocks import BLOCK_BYTES, LINE_BYTES, count_lines, first_line_end, whole_lines
from app.ship.book import Place, Totals
from app.ship.sources import Source, SourceError
from schemas.identity import fingerprint
from schemas.log import HEAD_BYTES, LIVE, first_line

SEAM_BYTES: Final = 64  # read again before each block: if they have changed, this is not the file that it was


class ReplacedError(Exception):
    """The file no longer holds what was read from it: it was truncated and written anew."""


@dataclass(slots=True, eq=False)
class Block:
    """Consecutive whole lines of one file.

    `value` may be read only until the next block is asked for. A block that is `lost` has none: its line is too long.
    """

    file: "File"
    value: memoryview
    position: int
    line: int
    lines: int
    length: int  # in bytes
    seam: bytes
    lost: bool = False
    durable: bool = False


def read_buffer() -> bytearray:
    """The memory that all files are read into: `read` into fresh memory would cost more than all else here."""
    return bytearray(SEAM_BYTES + BLOCK_BYTES)


@dataclass(slots=True, eq=False)
class File:
    """`cursor`, `line` and `seam` are of what was read; `place` is of what is durable."""

    path: str  # of the log
    stamp: str
    source: Source | None
    inode: tuple[int, int]
    away: float | None = None  # since when it is no longer the log
    size: int | None = 0
    place: Place | None = None
    identity: str = ""  # the fingerprint of its first line, as far as it was known before there was a place
    cursor: int = 0
    line: int = 0
    seam: bytes = b""
    durable_seam: bytes = b""
    key: bytes = b""  # empty until a block has told it
    flying: list[Block] = field(default_factory=list)  # not a deque: an empty one has 600 bytes, in every file
    torn_at: int | None = None  # the size at which no whole line was left
    too_long_from: int | None = None  # where a line began that is longer than LINE_BYTES
    pass_to: int = 0  # what lies before that position is left out
    backlog: int = 0  # the position up to which it is read slowly
    modified: int = 0  # as the last look found it, in ns
    looked_at: float | None = None
    unseen: float = 0.0  # seconds before the last look in which nobody looked
    truncated: bool = False  # what it held may have been copied elsewhere, which is not known yet
    sought: bool = False  # once, and no copy was found
    replaced: bool = False  # what is durable or flying is all that will ever come of it
    broken: bool = False  # it cannot be read on until `broken_signature` is another one
    broken_signature: tuple[tuple[int, int, int], ...] | None = None
    told: str | None = None  # the path under which somebody was told of it

    @property
    def live(self) -> bool:
        return self.stamp == LIVE

    def adopt(self, place: Place) -> bool:
        """Goes on where another process stopped; False if this is not the file that it read."""
        seam = bytearray(min(SEAM_BYTES, place.position))
        assert self.source is not None
        size = self.source.size()
        if size is not None and size < place.size:  # it was cut, or has lost its end: what it held is missed
            return False
        got = self.source.read(place.position - len(seam), memoryview(seam))
        if got < len(seam):
            self._no_damage()
            return False
        if seam and fingerprint(bytes(seam)) != place.seam:
            return False
        self.place = place
        self.pass_to = self.backlog = 0
        self.key = place.key.encode()
        self.cursor, self.line = place.position, place.line
        self.seam = self.durable_seam = bytes(seam)
        return True

    def head(self) -> bytes:
        assert self.source is not None
        head = bytearray(HEAD_BYTES)
        got = self.source.read(0, memoryview(head))
        if got < HEAD_BYTES and b"\n" not in head[:got]:
            self._no_damage()
        return bytes(head[:got])

    def identify(self) -> bool:
        """Before it is read, which Kafka may hold up for long. False if it begins otherwise than it did."""
        with suppress(OSError, SourceError):  # reading will meet the same
            line = None if self.source is None else first_line(self.head(), final=False)
            found = "" if line is None else fingerprint(line)
            if self.identity and found != self.identity:
                return False
            self.identity = found
        return True

    def _no_damage(self) -> None:
        """Raises SourceError if what was read last does not end where the file does."""
        assert self.source is not None
        if self.source.damage is not None:
            raise self.source.damage

    def holds_seam(self, source: Source) -> bool:
        """Whether what was read last is there, at the same place."""
        seam = bytearray(len(self.seam))
        return source.read(self.cursor - len(seam), memoryview(seam)) == len(seam) and seam == self.seam

    def unread(self) -> int:
        """Bytes known to be there; a packed file tells only at its end."""
        return max((self.size or 0) - self.cursor, 0)

    def read_out(self, *, final: bool) -> bool:
        """Whether the next file's turn has come. `final`: nothing more will be written, so a torn rest goes first."""
        if self.replaced or self.broken:
            return True
        if self.size is None or self.truncated:
            return False
        return self.size <= self.cursor if final else self.size <= self.cursor and self.away is not None

    def rests(self) -> bool:
        """Whether nothing will come of it, nor be told of it, before it changes."""
        if not self.live or self.source is None or self.flying or self.told is not None:
            return False
        if self.broken or self.truncated or self.replaced:
            return False
        if self.place is None:
            return self.size == 0
        return self.place.position == self.cursor and self.size in (self.cursor, self.torn_at)

    def is_damaged(self) -> bool:
        """Whether nothing can be made of it, and nothing will be before it has changed."""
        return self.broken and self.broken_signature != ()

    def next_block(self, data: bytearray, *, final: bool) -> Block | None:
        """Raises ReplacedError, SourceError and OSError."""
        if self.source is None or not self._worth_reading(final=final):
            return None
        start = len(self.seam)
        end = self.source.read(self.cursor - start, memoryview(data)[: start + BLOCK_BYTES])
        if end < start or data[:start] != self.seam:
            raise ReplacedError
        full = end == start + BLOCK_BYTES
        if self.too_long_from is not None:
            return self._skip(data, start, end, last=final and not full)
        cut = whole_lines(data, start, end)
        if cut > start:
            return self._block(data, start, cut)
        return self._long_line(final=final) if full else self._rest(data, start, end, final=final)

    def _worth_reading(self, *, final: bool) -> bool:
        if self.replaced or self.broken:
            return False
        if self.size is None:
            return True
        if final and self.too_long_from is not None:
            return True
        return self.cursor < self.size and (final or self.size != self.torn_at)

    def _rest(self, data: bytearray, start: int, end: int, *, final: bool) -> Block | None:
        """What has no line end, at the end of the file."""
        self._no_damage()
        if final:
            # A packed file's size is known now that its end was reached.
            self.size = self.cursor + end - start if self.size is None else self.size
            return self._block(data, start, end) if end > start else None
        self.torn_at = self.cursor + end - start  # not `size`: the file may have been truncated since the last look
        return None

    def _long_line(self, *, final: bool) -> Block | None:
        """A block of one line, or of its parts, in memory of its own that is given back after it."""
        assert self.source is not None
        room = 4 * BLOCK_BYTES
        while True:
            data = bytearray(min(room, LINE_BYTES))
            end = self.source.read(self.cursor, memoryview(data))
            line_end = first_line_end(data, 0, end)
            if not line_end and room >= LINE_BYTES:
                line_end = data.rfind(b"\n", 0, end) + 1  # of parts that are too long together: each is sent as it is
            if line_end:
                return self._block(data, 0, line_end)
            if end < len(data):
                return self._rest(data, 0, end, final=final)
            if room >= LINE_BYTES:
                self.too_long_from = self.cursor
                return None
            room *= 2

    def _skip(self, data: bytearray, start: int, end: int, *, last: bool) -> Block | None:
        """Passes over a line without keeping it. Not before its end does it become a block, a lost one."""
        assert self.too_long_from is not None
        line_end = data.find(b"\n", start, end) + 1
        passed = line_end or end
        self.seam = bytes(data[max(passed - SEAM_BYTES, 0) : passed])
        self.cursor += passed - start
        if not line_end and not last:
            return None
        if not line_end:
            self._no_damage()
        if self.size is None and not line_end:
            self.size = self.cursor
        begin, self.too_long_from = self.too_long_from, None
        lost = Block(self, memoryview(b""), begin, self.line, 1, self.cursor - begin, self.seam, lost=True)
        self.line += 1
        self.flying.append(lost)
        return lost

    def _block(self, data: bytearray, start: int, end: int) -> Block:
        length, lines = end - start, count_lines(data, start, end)
        self.seam = bytes(data[max(end - SEAM_BYTES, 0) : end])
        block = Block(self, memoryview(data)[start:end], self.cursor, self.line, lines, length, self.seam)
        self.cursor += length
        self.line += lines
        self.torn_at = None
        self.flying.append(block)
        return block

    def pass_over(self, data: bytearray) -> int:
        """Goes to where it is to begin, without a block; how many bytes that were. Raises SourceError and OSError."""
        assert self.source is not None
        assert self.place is not None
        while self.cursor < self.pass_to:
            room = min(len(data), self.pass_to - self.cursor)
            got = self.source.read(self.cursor, memoryview(data)[:room])
            if not got:
                self._no_damage()
                break
            self.seam = (self.seam + data[max(got - SEAM_BYTES, 0) : got])[-SEAM_BYTES:]
            self.line += data.count(b"\n", 0, got)
            self.cursor += got
        self.size = self.cursor if self.size is None else self.size
        self.pass_to = self.backlog = 0
        self.place.position, self.place.line, self.durable_seam = self.cursor, self.line, self.seam
        return self.cursor

    def settle(self, totals: Totals) -> list[Block]:
        """What has become durable without a gap before it moves the place; the lost ones among it are returned."""
        assert self.place is not None
        lost = []
        while self.flying and self.flying[0].durable:
            block = self.flying.pop(0)
            self.place.position = block.position + block.length
            self.place.line = block.line + block.lines
            self.durable_seam = block.seam
            if block.lost:
                totals.lost_lines += block.lines
                totals.lost_bytes += block.length
                lost.append(block)
            else:
                totals.lines += block.lines
                totals.bytes += block.length
                totals.blocks += 1
        return lost

    def note(self) -> None:
        """Writes down what the position file should say besides the position."""
        if self.place is None:
            return
        self.place.seam = fingerprint(self.durable_seam) if self.durable_seam else ""
        self.place.size = max(self.place.size if self.size is None else self.size, self.place.position)
        done = self.place.position >= self.cursor and not self.flying
        read_out = self.away is not None and not self.broken and self.read_out(final=True)
        self.place.ended = done and (self.replaced or read_out)

    def rewind(self) -> None:
        """Back to what is durable: what was in flight may or may not have arrived."""
        self.flying.clear()
        self.torn_at = self.too_long_from = None
        if self.place is not None:
            self.cursor, self.line = self.place.position, self.place.line
            self.seam = self.durable_seam
