"""JSON as Go's protojson writes it, from plain values: zeros are left out, an int64 is a string.

A kind turns one value into text, or into None if the field is to be left out. A message is a kind too.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any, TypeAlias

# The comma comes along, as each build of the encoder decides once whether a space follows each.
Kind: TypeAlias = Callable[[Any, str], str | None]


def text(value: str, _: str) -> str | None:
    return quoted(value) if value else None


def number(value: int, _: str) -> str | None:
    return str(value) if value else None


def long(value: int, _: str) -> str | None:
    """An int64 or uint64: JSON's own numbers end at 2^53."""
    return f'"{value}"' if value else None


def octets(value: bytes, _: str) -> str | None:
    return f'"{b64encode(value).decode()}"' if value else None


def flag(value: bool, _: str) -> str | None:
    return "true" if value else None


def time(value: int, _: str) -> str:
    """`value` in ns since 1970."""
    return f'"{timestamp(value)}"'


def wrapped(value: int, _: str) -> str:
    """A UInt32Value, an Int32Value or a BoolValue: a message around a scalar, so its zero is written."""
    return str(value).lower()


def mapping(value: Mapping[str, str], comma: str) -> str | None:
    if not value:
        return None
    return "{" + comma.join(f"{quoted(key)}:{quoted(value[key])}" for key in sorted(value)) + "}"


def several(kind: Kind) -> Kind:
    def written(values: list[Any], comma: str) -> str | None:
        # A zero keeps its place in a list; of what is listed, only messages can be empty.
        return "[" + comma.join([kind(value, comma) or "" for value in values]) + "]" if values else None

    return written


def chosen(kind: Kind, zero: str) -> Kind:
    """A member of a oneof is written even if it is zero: that it is there says which one was set."""

    def written(value: Any, comma: str) -> str:  # Any: whatever `kind` takes
        return kind(value, comma) or zero

    return written


def message(fields: Mapping[str, Kind]) -> Kind:
    """`fields` in the order of the declaration, which is the order of writing. A None is an absent value.

    KeyError for a value that the message does not have.
    """
    places = {name: place for place, name in enumerate(fields)}
    keys = {name: f'"{name}":' for name in fields}

    def written(values: Mapping[str, Any], comma: str) -> str:
        parts = []
        for name in sorted(values, key=places.__getitem__):
            value = values[name]
            shown = None if value is None else fields[name](value, comma)
            if shown is not None:
                parts.append(keys[name] + shown)
        return "{" + comma.join(parts) + "}"

    return written


@lru_cache(4_096)  # a process's start comes again with each of its events
def timestamp(nanoseconds: int) -> str:
    """RFC 3339 with 0, 3, 6 or 9 digits of fraction, whichever is enough."""
    seconds, fraction = divmod(nanoseconds, 10**9)
    digits = f"{fraction:09}" if fraction else ""
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}{'.' * bool(digits)}{digits}Z"
