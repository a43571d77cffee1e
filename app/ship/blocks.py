"""Cutting bytes into blocks of whole lines. Pure."""

from typing import Final

from schemas.envelope import DOCKER, is_part

BLOCK_BYTES: Final = 256 * 1024  # a longer line is a block of its own
LINE_BYTES: Final = 8 * 1024 * 1024 - 64 * 1024  # a longer one may be more than the topic takes, if it packs badly


def whole_lines(data: bytearray, start: int, end: int) -> int:
    """Where the last line end in data[start:end] has passed; `start` if none is there.

    Lines that a container runtime has cut stay together: a part whose rest is not there is not whole.
    """
    cut = max(data.rfind(b"\n", start, end) + 1, start)
    if data[start : start + 1].isdigit() or data.startswith(DOCKER, start, end):
        while cut > start and is_part(bytes(data[(begin := _begin(data, start, cut)) : cut - 1])):
            cut = begin
    return cut


def first_line_end(data: bytearray, start: int, end: int) -> int:
    """Where the first line in data[start:end] has passed, with all its parts; `start` if its end is not there."""
    begin = start
    while line_end := data.find(b"\n", begin, end) + 1:
        if not is_part(bytes(data[begin : line_end - 1])):
            return line_end
        begin = line_end
    return start


def _begin(data: bytearray, start: int, end: int) -> int:
    """Of the line that ends at `end`."""
    return max(data.rfind(b"\n", start, end - 1) + 1, start)


def count_lines(data: bytearray, start: int, end: int) -> int:
    """A last line without its end counts."""
    # bytes.count() looks at every byte in turn: on lines of 2 KB it costs six times as much as this.
    lines = 0
    find = data.find
    position = start
    while (line_end := find(b"\n", position, end)) >= 0:
        lines += 1
        position = line_end + 1
    return lines + (position < end)
