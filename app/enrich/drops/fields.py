"""What a rule may ask of an event: Tetragon's names, as schemas.tetragon has them, and where their values lie."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Raw

from schemas.tetragon import BODIES, Body, Event

Kind: TypeAlias = Literal["text", "number", "flag"]

_KINDS: Final[Mapping[type, Kind]] = {str: "text", int: "number", bool: "flag"}
_OF_LINES: Final = ("node_name", "cluster_name", "node_labels")


class Field(NamedTuple):
    """`attributes` lead from an Event to the value, or to the mapping that holds it under `key`."""

    path: str
    attributes: tuple[str, ...]
    kind: Kind
    many: bool = False  # several values, of which any may be meant
    keyed: bool = False  # a mapping of names to texts, of which a rule names one
    late: bool = False  # decoded when somebody asks
    events: frozenset[str] = frozenset(BODIES)  # that have it
    key: str = ""


@cache
def fields() -> Mapping[str, Field]:
    """All of them by path, in Tetragon's order."""
    found: dict[str, Field] = {}
    for name in msgspec.structs.fields(Body):
        for field in _below(Field(name.encode_name, (name.name,), "text"), name.type):
            found[field.path] = field
    hints = get_type_hints(Event)
    for line in _OF_LINES:
        for field in _below(Field(line, (line,), "text"), hints.get(line) or _decoded(getattr(Event, line))):
            found[field.path] = field
    shared = {field.name for field in msgspec.structs.fields(Body)}
    for event, body in BODIES.items():
        for own in msgspec.structs.fields(body):
            if own.name in shared:
                continue
            start = Field(own.encode_name, ("body", own.name), "text", events=frozenset((event,)))
            for field in _below(start, own.type):
                before = found.get(field.path)
                found[field.path] = field._replace(events=field.events | before.events) if before else field
    return found


def find(path: str) -> Field | None:
    """Of a mapping's, with the rest of `path` as the key, which may have dots."""
    known = fields()
    if path in known:
        return None if known[path].keyed else known[path]
    for field in known.values():
        if field.keyed and path.startswith(f"{field.path}.") and len(path) > len(field.path) + 1:
            return field._replace(key=path[len(field.path) + 1 :])
    return None


def _below(here: Field, annotation: Any) -> Iterator[Field]:
    """The field itself, or those of the object that it is; nothing of what has no type."""
    bare = _bare(annotation)
    if bare in _KINDS:
        yield here._replace(kind=_KINDS[bare])
    elif get_origin(bare) is Sequence or get_origin(bare) in (list, tuple):
        yield from _below(here._replace(many=True), get_args(bare)[0])
    elif isinstance(get_origin(bare), type) and issubclass(get_origin(bare), Mapping):
        yield here._replace(keyed=True)
    elif isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        for field in msgspec.structs.fields(bare):
            name = field.encode_name
            if field.type is not Raw:
                yield from _below(_step(here, name, field.name), field.type)
            elif isinstance(decoded := getattr(bare, name, None), property):
                yield from _below(_step(here, name, name)._replace(late=True), _decoded(decoded))


def _decoded(by: property) -> Any:
    return get_type_hints(by.fget)["return"]


def _step(here: Field, name: str, attribute: str) -> Field:
    return here._replace(path=f"{here.path}.{name}", attributes=(*here.attributes, attribute))


def _bare(annotation: Any) -> Any:
    """Without None, and without constraints."""
    if get_origin(annotation) in (Union, UnionType):
        return _bare(next(each for each in get_args(annotation) if each is not type(None)))
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
