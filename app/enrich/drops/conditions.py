"""A condition as its file has it becomes a function of an event.

    process.binary: /usr/bin/true             is
    process.binary: [/bin/sh, /bin/bash]      is one of
    process.arguments: {prefix: --health}     or suffix, contains, glob; of a list, one must fit
    process.pod.namespace: {not: kube-system} not, of any of these

What is absent is empty text, as in Tetragon's JSON; an absent number is no number, an absent yes or no neither.
"""

import difflib
import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from app.enrich.drops.fields import Field, Kind
from schemas.tetragon import Event

Holds: TypeAlias = Callable[[Event], bool]
Test: TypeAlias = Callable[[Any], bool]

OPERATORS: Final = ("prefix", "suffix", "contains", "glob", "not")

_TYPES: Final[Mapping[Kind, type]] = {"text": str, "number": int, "flag": bool}
_EXPECTED: Final[Mapping[Kind, str]] = {
    "text": "text (a number, a date, yes or no needs quotes to be text)",
    "number": "a whole number",
    "flag": "true or false",
}


class Misfit(ValueError):
    """Its text tells the value and what was expected; `place` leads to it from the condition on."""

    def __init__(self, text: str, *place: str | int) -> None:
        super().__init__(text)
        self.place = place


def condition(field: Field, given: Any) -> Holds:
    """Raises Misfit."""
    return _all_of(_parts(field, given, ()))


def _parts(field: Field, given: Any, place: tuple[str | int, ...]) -> list[Holds]:
    if not isinstance(given, dict):
        return [_reading(field, frozenset(_values(field, given, place)).__contains__)]
    if not given:
        raise Misfit(f"it is empty. Expected some of {', '.join(OPERATORS)}.", *place)
    tests = [_test(field, name, below, (*place, name)) for name, below in given.items() if name != "not"]
    parts = [_reading(field, tests[0] if len(tests) == 1 else _each(tests))] if tests else []
    if "not" in given:
        if "not" in place:
            raise Misfit("'not' stands within 'not'. Expected one of them.", *place, "not")
        parts.append(_not(_all_of(_parts(field, given["not"], (*place, "not")))))
    return parts


def _test(field: Field, name: Any, given: Any, place: tuple[str | int, ...]) -> Test:
    if name not in OPERATORS:
        close = difflib.get_close_matches(str(name), OPERATORS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise Misfit(f"{name!r} is unknown here.{hint} Expected some of {', '.join(OPERATORS)}.", *place)
    if field.kind != "text":
        raise Misfit(
            f"{name!r} is for text, and {field.path} is {_EXPECTED[field.kind]}. Expected a value, a list of values, "
            "or 'not' with one of these.",
            *place,
        )
    values = _values(field, given, place)
    if "" in values:
        raise Misfit(f"{name!r} is empty, which all text fits. Expected some of it.", *place)
    return _OPERATIONS[name](tuple(values))


def _values(field: Field, given: Any, place: tuple[str | int, ...]) -> list[Any]:
    listed = isinstance(given, list)
    values = given if listed else [given]
    if not values:
        raise Misfit("the list is empty. Expected a value at least.", *place)
    for number, value in enumerate(values):
        if type(value) is not _TYPES[field.kind]:  # True is an int, too
            where = (*place, number) if listed else place
            raise Misfit(f"there is {value!r}. Expected {_EXPECTED[field.kind]}.", *where)
    return values


def _prefix(values: tuple[str, ...]) -> Test:
    return lambda text: text.startswith(values)


def _suffix(values: tuple[str, ...]) -> Test:
    return lambda text: text.endswith(values)


def _contains(values: tuple[str, ...]) -> Test:
    if len(values) == 1:
        value = values[0]
        return lambda text: value in text
    return lambda text: any(value in text for value in values)


def _glob(values: tuple[str, ...]) -> Test:
    # What fnmatch makes has atomic groups: no text that an attacker writes is tried for long.
    match = re.compile("|".join(map(fnmatch.translate, values))).match
    return lambda text: match(text) is not None


_OPERATIONS: Final[Mapping[str, Callable[[tuple[str, ...]], Test]]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "contains": _contains,
    "glob": _glob,
}


def _each(tests: Sequence[Test]) -> Test:
    return lambda value: all(test(value) for test in tests)


def _not(holds: Holds) -> Holds:
    return lambda event: not holds(event)


def _all_of(parts: Sequence[Holds]) -> Holds:
    if len(parts) == 1:
        return parts[0]
    return lambda event: all(holds(event) for holds in parts)


def _reading(field: Field, test: Test) -> Holds:
    attributes, key = field.attributes, field.key
    if field.many and key:
        return lambda event: any(test(value.get(key, "")) for value in _gathered(event, attributes))
    if field.many:
        return lambda event: any(test(value) for value in _gathered(event, attributes))
    absent = test("") if field.kind == "text" else False

    def holds(event: Event) -> bool:
        value: Any = event
        for name in attributes:
            value = getattr(value, name, None)  # the bodies of two events have different fields
            if value is None:
                return absent
        return test(value.get(key, "") if key else value)

    return holds


def _gathered(event: Event, attributes: Sequence[str]) -> list[Any]:
    found: list[Any] = [event]
    for name in attributes:
        below: list[Any] = []
        for each in found:
            value = getattr(each, name, None)
            if isinstance(value, list | tuple):
                below += value
            elif value is not None:
                below.append(value)
        found = below
    return found
