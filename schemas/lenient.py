"""Decoding that gives up a member of an unexpected shape instead of the whole.

What fits goes where it belongs, what does not fit (and what is not known at all) is handed back as it lay there, named
by its path. Hand-made lines, other encoders and later versions of Tetragon bring both.
"""

import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Final, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Raw

T = TypeVar("T", bound=msgspec.Struct)
Other = dict[str, Raw]

_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
_ELEMENTS: Final = msgspec.json.Decoder(list[Raw])
_NUMBER: Final = msgspec.json.Decoder(int)
_NAMES_AND_NUMBERS: Final = msgspec.json.Decoder(list[str | int])


def decode_leniently(raw: Raw | bytes, wanted: type[T], path: str, other: Other) -> T | None:
    """None, and all of `raw` in `other`, when it is no object. `raw` is well-formed JSON; `path` is its name."""
    try:
        members = _MEMBERS.decode(raw)
    except msgspec.ValidationError:
        other[path] = Raw(bytes(raw))
        return None
    return fit(members, wanted, path, other)


def fit(members: Mapping[str, Raw], wanted: type[T], path: str, other: Other) -> T:
    """`wanted` with every member that fits; the rest is added to `other`."""
    fields = _fields(wanted)
    known = {name: value for name, value in members.items() if name in fields}
    if len(known) < len(members):
        other.update({f"{path}.{name}" if path else name: members[name] for name in members if name not in known})
        # Mostly a later version of Tetragon brought a member more, and everything else is as it should be.
        with suppress(msgspec.ValidationError):
            fitting: T = _decoder(wanted).decode(msgspec.json.encode(known))
            return fitting
    found: dict[str, Any] = {}
    for name, value in known.items():
        attribute, kind = fields[name]
        member = _fit_one(value, kind, f"{path}.{name}" if path else name, other)
        if member is not None:
            found[attribute] = member
    return wanted(**found)


def _fit_one(raw: Raw, wanted: Any, path: str, other: Other) -> Any:
    try:
        return _decoder(wanted).decode(raw)
    except msgspec.ValidationError:
        pass
    single = _without_none(wanted)
    if _is_struct(single):
        return decode_leniently(raw, single, path, other)
    if get_args(single) and _is_struct(get_args(single)[0]):
        return _fit_each(raw, get_args(single)[0], path, other)
    with suppress(msgspec.ValidationError):
        # An enum's value that Tetragon has no name for, like a newer kernel's capability, is a number in its JSON.
        if single is str:
            return str(_NUMBER.decode(raw))
        if single == Sequence[str]:
            return [str(each) for each in _NAMES_AND_NUMBERS.decode(raw)]
    try:
        # protobuf's wrapper types are bare in Tetragon's JSON, but objects where another encoder wrote the line.
        return _decoder(dict[str, wanted]).decode(raw)["value"]
    except (msgspec.ValidationError, KeyError):
        other[path] = raw
        return None


def _fit_each(raw: Raw, wanted: type[T], path: str, other: Other) -> list[T] | None:
    try:
        elements = _ELEMENTS.decode(raw)
    except msgspec.ValidationError:
        other[path] = raw
        return None
    decoded = (decode_leniently(each, wanted, f"{path}.{place}", other) for place, each in enumerate(elements))
    return [each for each in decoded if each is not None]


@cache
def _fields(wanted: type[msgspec.Struct]) -> Mapping[str, tuple[str, Any]]:
    """By name in JSON: the attribute and its type."""
    return {field.encode_name: (field.name, field.type) for field in msgspec.structs.fields(wanted)}


@cache
def _decoder(wanted: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(wanted, strict=False)


def _without_none(wanted: Any) -> Any:
    if get_origin(wanted) in (Union, types.UnionType):
        given = [each for each in get_args(wanted) if each is not type(None)]
        return given[0] if len(given) == 1 else wanted
    return wanted


def _is_struct(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, msgspec.Struct)
