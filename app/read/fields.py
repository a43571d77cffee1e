"""Fields of a document by their dotted names, whatever shape the document has."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Document: TypeAlias = Mapping[str, Any]


def found(part: Any, field: str) -> Iterator[Any]:
    """What lies there, and of a list each element. A name with dots in it may be one member or several."""
    for each in part if isinstance(part, list | tuple) else (part,):
        if not field:
            if each is not None:
                yield each
        elif isinstance(each, Mapping):
            end = len(field)
            while end > 0:
                if field[:end] in each:
                    yield from found(each[field[:end]], field[end + 1 :])
                end = field.rfind(".", 0, end)


def text(document: Document, field: str) -> str:
    """The first value, as text; empty where there is none."""
    return next((as_text(each) for each in found(document, field) if is_value(each)), "")


def texts(document: Document, field: str) -> list[str]:
    return [as_text(each) for each in found(document, field) if is_value(each)]


def number(document: Document, field: str) -> int | None:
    return next((each for each in found(document, field) if type(each) is int), None)


def is_value(part: Any) -> bool:
    return isinstance(part, str | int | float)


def as_text(value: Any) -> str:
    """As JSON has it, but for the quotes around a string."""
    return str(value).lower() if isinstance(value, bool) else str(value)
