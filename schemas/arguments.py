"""Arguments as Tetragon exports them, taken apart again.

Tetragon joins argv[1:] by one space and wraps an argument that contains a space in quotes, without escaping what is
quoted already. So the inverse is a guess where an argument holds both a space and a quote; everywhere else it is exact,
but for empty arguments at either end, which Tetragon's form does not show.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_CACHED: Final = 512  # characters of a text that is worth keeping
_SCRIPTED: Final = 64 * 1024  # characters of one text that are read as a shell reads them, at most

_OF_A_SCRIPT: Final = re.compile(r"-[A-Za-z]*c")
_MARK: Final = re.compile(r"""\\.|["'()`]|\$\(""", re.DOTALL)


def split_arguments(text: str) -> Sequence[str]:
    """argv[1:] of `text`.

    A quote at the start of an argument is taken for Tetragon's if a later quote that is followed by a space or the end
    encloses at least one space and an even number of quotes; the nearest such quote closes it. What follows an option
    like `-c` is the script of a shell: the nearest quote closes it that the shell would not take for its own.
    """
    if '"' not in text:
        return text.split(" ") if text else ()
    return _split(text) if len(text) <= _CACHED else _split.__wrapped__(text)


# Every process is met again at its exit, and as a parent.
@lru_cache(maxsize=4096)
def _split(text: str) -> Sequence[str]:
    closers = _closers(text)
    found: list[str] = []
    start = 1 if text.startswith(' "') else 0  # a quoted argument brings its space even when it is the first
    length = len(text)
    budget = _SCRIPTED
    while start <= length:
        space = text.find(" ", start)
        if space < 0:
            space = length
        end = None
        if text.startswith('"', start):
            if budget > 0 and found and _OF_A_SCRIPT.fullmatch(found[-1]):
                end = _end_of_script(text, start, start + budget)
                budget -= (end if end is not None else start + budget) - start
            if end is None:
                end = _closing_quote(text, start, space, closers)
        if end is None:
            found.append(text[start:space])
            start = space + 1
        else:
            found.append(text[start + 1 : end])
            start = end + 2
    return found


class _Closers:
    """Positions of the quotes that may close, apart for even and odd ordinals among all quotes."""

    __slots__ = ("even", "odd", "ordinals")

    def __init__(self) -> None:
        self.even: list[int] = []
        self.odd: list[int] = []
        self.ordinals: dict[int, int] = {}  # of the quotes that may open


def _closers(text: str) -> _Closers:
    closers = _Closers()
    ordinal = 0
    position = text.find('"')
    last = len(text) - 1
    while position >= 0:
        if position == last or text[position + 1] == " ":
            (closers.odd if ordinal % 2 else closers.even).append(position)
        if position == 0 or text[position - 1] == " ":
            closers.ordinals[position] = ordinal
        ordinal += 1
        position = text.find('"', position + 1)
    return closers


def _closing_quote(text: str, start: int, space: int, closers: _Closers) -> int | None:
    # An even number of quotes in between means that opener and closer differ in parity; one space in between means
    # that the closer lies behind the first space. So a hostile line costs a bisection per quote, not a scan.
    candidates = closers.even if closers.ordinals[start] % 2 else closers.odd
    place = bisect_right(candidates, space)
    return candidates[place] if place < len(candidates) and space < len(text) else None


def _end_of_script(text: str, start: int, limit: int) -> int | None:
    """The quote behind a script that is quoted at `start`; None if the shell would want more."""
    last = len(text) - 1
    within: list[str] = []  # quotes and brackets that are open, the innermost last
    for mark in _MARK.finditer(text, start + 1, limit):
        place, sign = mark.start(), mark[0]
        inner = within[-1] if within else ""
        if inner == "'":
            if sign.endswith("'"):
                within.pop()
        elif sign == '"' and not within and _may_close(text, start, place, last):
            return place
        elif sign == (")" if inner == "(" else inner) and sign:
            within.pop()
        elif sign == "$(" or (sign == "(" and inner != '"'):
            within.append("(")
        elif sign in '"`' or (sign == "'" and inner != '"'):
            within.append(sign)
    return None


def _may_close(text: str, start: int, place: int, last: int) -> bool:
    """Hardly a script ends in a space, but many have a quote between two."""
    if place != last and text[place + 1] != " ":
        return False
    return text[place - 1] != " " and text.find(" ", start, place) >= 0
