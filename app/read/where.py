"""Conditions on the fields of a document, as `--where` takes them:

process.name=curl          is, for one element at least if it is a list
process.executable=/tmp/*  the same, * standing for any characters; \\* is the character itself
user.id!=0                 is not, for no element; true where the field is missing
tetragon.fim.severity>2    more, or <, >=, <=, of numbers
tetragon.privilege         is there
"""

import re
from collections.abc import Callable, Sequence
from operator import ge, gt, le, lt
from typing import Final, NamedTuple

from app.errors import ConditionError
from app.read.fields import Document, as_text, found, is_value

_FORMS: Final = "Expected FIELD, FIELD=VALUE, FIELD!=VALUE, or FIELD with >, >=, <, <= and a number"
_FIELD: Final = re.compile(r"[^\s=!<>]*")
_OPERATOR: Final = re.compile(r"!=|>=|<=|[=<>]")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_STAR: Final = re.compile(r"(?<!\\)\*")
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {">": gt, ">=": ge, "<": lt, "<=": le}


class Condition(NamedTuple):
    field: str
    operator: str  # empty: that the field is there
    value: str

    def holds(self, document: Document) -> bool:
        held = found(document, self.field)
        if not self.operator:
            return any(True for _ in held)
        values = [as_text(each) for each in held if is_value(each)]
        if self.operator in _COMPARE:
            compare, bound = _COMPARE[self.operator], float(self.value)
            return any(compare(float(each), bound) for each in values if _NUMBER.fullmatch(each))
        pattern = _pattern(self.value)
        return any(pattern.fullmatch(each) for each in values) == (self.operator == "=")


def read_condition(text: str) -> Condition:
    """Raises ConditionError, naming the position, from 1."""
    field = _FIELD.match(text)
    assert field is not None  # it may match nothing
    _require_names(text, field[0])
    rest = field.end()
    if rest == len(text):
        return Condition(field[0], "", "")
    operator = _OPERATOR.match(text, rest)
    if operator is None:
        raise _error(text, rest, f"{text[rest]!r} is no comparison")
    value = text[operator.end() :]
    if not value:
        raise _error(text, operator.end(), "a value is missing")
    if operator[0] in _COMPARE and not _NUMBER.fullmatch(value):
        raise _error(text, operator.end(), f"{value!r} is no number")
    return Condition(field[0], operator[0], value)


def hold(conditions: Sequence[Condition], document: Document) -> bool:
    return all(condition.holds(document) for condition in conditions)


def _require_names(text: str, field: str) -> None:
    position = 0
    for name in field.split("."):
        if not name:
            raise _error(text, position, "the name of a field is missing")
        position += len(name) + 1


def _pattern(value: str) -> re.Pattern[str]:
    """The first place of a piece is as good as any later one: so it is atomic, and no text is tried for long."""
    first, *others = (re.escape(each.replace("\\*", "*")) for each in _STAR.split(value))
    between = "".join(f"(?>.*?{each})" for each in others[:-1])
    return re.compile(f"{first}{between}.*{others[-1]}" if others else first, re.DOTALL)


def _error(text: str, position: int, what: str) -> ConditionError:
    return ConditionError(f"Condition {text!r} cannot be read at position {position + 1}: {what}. {_FORMS}.")
