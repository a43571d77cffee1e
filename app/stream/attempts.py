"""Which line it is that ends the process, found by its deaths. Pure: no I/O, no clock.

A crash in a library, an agent that takes all memory or never returns: nothing is raised, and whoever takes the
partition next dies too. So each start on a partition is written down before anything is processed. After three at the
same offset a worker is careful: it makes a checkpoint after each record, by which the next one knows the record that
ends it, and takes that one line by line, each written down before. A line at which three ended is given up.
"""

from typing import Final

import msgspec

KEY: Final = b"attempt"  # in the checkpoints topic, of each partition; a checkpoint's key begins with a digit
VERSION: Final = 1
DEATHS: Final = 3


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """`starts` without progress at `due`, this one included. Of a careful one: the line under way of the record that is
    due, the line at which the last one ended, how many in a row did so there, and the lines given up."""

    due: int
    starts: int
    careful: bool = False
    line: int | None = None
    suspect: int | None = None
    deaths: int = 0
    given_up: tuple[int, ...] = ()
    version: int = VERSION


def begin(last: Attempt | None, due: int) -> Attempt:
    """The attempt after `last`, to be written down before anything is processed."""
    if last is None:
        return Attempt(due, 1)
    if last.due != due:
        return Attempt(due, 1, last.careful)
    starts = last.starts + 1
    careful = last.careful or starts > DEATHS
    if last.line is None:
        return Attempt(due, starts, careful, None, last.suspect, last.deaths, last.given_up)
    deaths = last.deaths + 1 if last.line == last.suspect else 1
    if deaths >= DEATHS:
        return Attempt(due, starts, careful, given_up=(*last.given_up, last.line))
    return Attempt(due, starts, careful, None, last.line, deaths, last.given_up)


def at_line(attempt: Attempt, line: int) -> Attempt:
    """To be written down before this line is processed."""
    return msgspec.structs.replace(attempt, line=line)


def survived(due: int) -> Attempt:
    """Of a worker that is careful no more, or leaves in order: the next start is the first."""
    return Attempt(due, 0)


def decode(value: bytes | None) -> Attempt | None:
    """None of what another version wrote: then deaths are counted anew."""
    try:
        attempt = msgspec.json.decode(value or b"", type=Attempt)
    except msgspec.DecodeError:
        return None
    return attempt if attempt.version == VERSION else None
