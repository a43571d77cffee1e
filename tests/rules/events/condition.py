"""What a rule asks for, as Sigma says it: whether fields meet it, and each of the ways to meet it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from ipaddress import ip_address
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeAlias

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionItem,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaType,
    SpecialChars,
)

Fields: TypeAlias = Mapping[str, str]
Node: TypeAlias = Any  # of pySigma's tree; its own types are wider than what a parsed tree holds

_ANY: Final = SpecialChars.WILDCARD_MULTI


class Atom(NamedTuple):
    """`field` is empty for a keyword, which any field may have."""

    field: str
    value: SigmaType


Way: TypeAlias = tuple[Atom, ...]


class Piece(NamedTuple):
    """What a text has to have, and where."""

    text: str
    at_start: bool
    at_end: bool


def meets(node: Node, fields: Fields) -> bool:
    if isinstance(node, ConditionAND):
        return all(meets(each, fields) for each in node.args)
    if isinstance(node, ConditionOR):
        return any(meets(each, fields) for each in node.args)
    if isinstance(node, ConditionNOT):
        return not meets(node.args[0], fields)
    return has(_atom(node), fields)


def has(atom: Atom, fields: Fields) -> bool:
    if not atom.field:
        return any(_contains(text, atom.value) for text in fields.values())
    text = fields.get(atom.field)
    return text is not None and matches(atom.value, text)


def _contains(text: str, keyword: SigmaType) -> bool:
    """A keyword is a part of a line of a log, and a number one by itself."""
    return _pattern(keyword).search(text) is not None if isinstance(keyword, SigmaString) else str(keyword) == text


def matches(value: SigmaType, text: str) -> bool:
    """Sigma compares strings without regard to case, and regular expressions with it, anywhere in the text."""
    if isinstance(value, SigmaString):
        return _pattern(value).fullmatch(text) is not None
    if isinstance(value, SigmaRegularExpression):
        return re.search(expression_of(value), text) is not None
    if isinstance(value, SigmaNumber | SigmaBool):
        return str(value).lower() == text.lower()
    if isinstance(value, SigmaCIDRExpression):
        return ip_address(text) in value.network
    raise TypeError(f"A rule compares with a {type(value).__name__}, which is not known here.")


def expression_of(value: SigmaRegularExpression) -> str:
    return str(value.regexp)


def _pattern(value: SigmaString) -> re.Pattern[str]:
    return _compiled(tuple(value.s), isinstance(value, SigmaCasedString))


@cache
def _compiled(parts: tuple[Any, ...], cased: bool) -> re.Pattern[str]:
    text = "".join(re.escape(part) if isinstance(part, str) else ".*" if part is _ANY else "." for part in parts)
    return re.compile(text, re.DOTALL | (re.NOFLAG if cased else re.IGNORECASE))


def met_by(node: Node, records: Iterable[Fields]) -> bool:
    return any(meets(node, fields) for fields in records)


def ways(node: Node) -> list[Way]:
    """Every alternative at least once, each with all that it needs beside it; what must not be is left out."""
    if isinstance(node, ConditionNOT):
        return []
    if isinstance(node, ConditionOR):
        return [way for each in node.args for way in ways(each)]
    if isinstance(node, ConditionAND):
        parts = [found for each in node.args if (found := ways(each))]
        longest = max(map(len, parts), default=0)
        return [tuple(atom for part in parts for atom in part[turn % len(part)]) for turn in range(longest)]
    return [(_atom(node),)]


def exclusions(node: Node) -> Iterator[Node]:
    """What must not be, of a node that is met."""
    if isinstance(node, ConditionNOT):
        yield node.args[0]
    elif isinstance(node, ConditionItem):
        for each in node.args:
            yield from exclusions(each)


def pieces_of(value: SigmaString) -> Piece:
    """A wildcard within stands for one character."""
    runs = [(is_any, list(group)) for is_any, group in groupby(value.s, key=_is_any)]
    inner = runs[runs[0][0] : len(runs) - runs[-1][0]]
    text = "".join("x" if not isinstance(part, str) else part for _, group in inner for part in group)
    return Piece(text, not runs[0][0], not runs[-1][0])


def _is_any(part: object) -> bool:
    return part is _ANY


def _atom(node: Node) -> Atom:
    if isinstance(node, ConditionFieldEqualsValueExpression):
        return Atom(node.field, node.value)
    if isinstance(node, ConditionValueExpression):
        return Atom("", node.value)
    raise TypeError(f"A condition has a {type(node).__name__}, which is not known here.")
