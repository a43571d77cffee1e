"""A line becomes an event, or the reason why it cannot."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from schemas.envelope import CRI
from schemas.lenient import Other, decode_leniently, fit
from schemas.tetragon import BODIES, Body, Event, Line
from schemas.times import NO_TIME, canonical, nanoseconds


class NoEvent(ValueError):
    """Its text is the reason, for a person."""


_LINE: Final = msgspec.json.Decoder(Line, strict=False)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
_NAMES: Final = tuple(BODIES)
_KNOWN: Final = frozenset(field.encode_name for field in msgspec.structs.fields(Line))
_NOTHING: Final[Mapping[str, Raw]] = {}

# What protobuf's JSON calls them unless it is asked for Tetragon's own names.
_RESPELLED: Final = {re.sub("_([a-z])", lambda found: found[1].upper(), name): name for name in _NAMES}
_MARK: Final = "\ufeff".encode()  # of UTF-8: editors, and shells of Windows, begin a file with it
_WRAPPERS: Final = ("message", "log")  # Filebeat, Vector, Fluent Bit; Docker, Fluent Bit
_DEEPEST: Final = 3  # a shipper's envelope around a container runtime's


def decode(line: bytes, depth: int = 0) -> tuple[Event, bytes]:
    """The event, and its line out of any envelope. Raises NoEvent, and nothing else, whatever the bytes."""
    try:
        decoded = _LINE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_otherwise(line, depth)
    body: Body | None = decoded.process_exec
    if body is not None:
        return _event("process_exec", body, decoded, None), line
    for name in _NAMES:
        body = getattr(decoded, name)
        if body is not None:
            return _event(name, body, decoded, None), line
    raise NoEvent(_MISSING)


_MISSING: Final = "not an event: expected an object with a member like process_exec"


def _decode_otherwise(line: bytes, depth: int) -> tuple[Event, bytes]:
    bare = line.strip(b"\0").removeprefix(_MARK)  # a file that a crash cut has null bytes in place of its last blocks
    if bare and len(bare) < len(line):
        return _unwrapped(bare, depth)
    prefix = CRI.match(line)
    if prefix is not None:
        if prefix["tag"] == b"P":
            raise NoEvent("a part of a line that a container runtime cut, and whose rest did not follow")
        return _unwrapped(line[prefix.end() :], depth)
    try:
        members = _MEMBERS.decode(line)
        name = _event_member(members)
        if name is None:
            return _unwrapped(_wrapped(members), depth)
        other: Other = {}
        if name in BODIES:
            decoded = fit(members, Line, "", other)
            body = getattr(decoded, name)
        else:
            body = decode_leniently(members.pop(name), Body, name, other)
            decoded = fit(members, Line, "", other)
    except msgspec.ValidationError:
        raise NoEvent(_MISSING) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NoEvent(f"not JSON: {error}") from None
    except RecursionError:
        raise NoEvent("not an event: nested too deep") from None
    for second in _NAMES:
        if second != name and second in members:
            other.setdefault(second, members[second])
    return _event(name, body, decoded, other), line


def _event_member(members: Mapping[str, Raw]) -> str | None:
    """Of a known event, else of one that looks like an event of another version of Tetragon."""
    for name in _NAMES:
        if name in members and _is_object(members[name]):
            return name
    unknown = [name for name in members if name not in _KNOWN and _is_object(members[name])]
    for name in unknown:
        if name.startswith("process_"):
            return name
    if len(unknown) == 1 and "time" in members and "node_name" in members:
        return unknown[0]
    return None


def _wrapped(members: Mapping[str, Raw]) -> bytes:
    for name in _WRAPPERS:
        if name in members:
            try:
                return msgspec.json.decode(members[name], type=str).rstrip("\r\n").encode()
            except msgspec.ValidationError:
                continue
    for name in members:
        if name in _RESPELLED:
            told = f"not an event: it has a member {name}; expected {_RESPELLED[name]}, as Tetragon itself writes it"
            raise NoEvent(f"{told} (UseProtoNames of protobuf's JSON)")
    raise NoEvent(_MISSING)


def _unwrapped(line: bytes, depth: int) -> tuple[Event, bytes]:
    if depth == _DEEPEST:
        raise NoEvent(f"not an event: more than {_DEEPEST} envelopes around one line")
    if b"\n" in line:
        raise NoEvent("not an event: an envelope around several lines; expected one")
    return decode(line, depth + 1)


def _event(name: str, body: Body, line: Line, other: Other | None) -> Event:
    text = line.time
    time = nanoseconds(text) if text else None
    if time is not None:
        text = canonical(text, time)
    elif text:
        if text != NO_TIME:
            other = {**(other or {}), "time": Raw(msgspec.json.encode(text))}
        text = ""
    return Event(
        name,
        body,
        body.process,
        body.parent,
        body.ancestors,
        line.node_name,
        line.cluster_name,
        line.raw_node_labels,
        time,
        text,
        line.aggregation_info.count if line.aggregation_info is not None else 0,
        other or _NOTHING,
    )


def _is_object(raw: Raw) -> bool:
    return bytes(memoryview(raw)[:1]) == b"{"
