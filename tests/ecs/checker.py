"""Whether a document is one that ECS allows and our mapping holds: an oracle that shares no code with the pipeline.

What ECS says stands in fields.yaml; what Elasticsearch is told stands in schemas.document.FIELDS.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict

from schemas.document import FIELDS

LIST: Final = "[]"

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
_LONG: Final = 2**63
_TEXTS: Final = ("keyword", "wildcard", "match_only_text")


class Ecs(BaseModel):
    """The facts of fields.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: str
    fields: dict[str, str]  # name: type, with LIST behind it where ECS wants a list
    lists_of_objects: list[str]
    values: dict[str, list[str]]
    patterns: dict[str, str]
    types_of: dict[str, list[str]]  # event.type by event.category
    required: list[str]
    own: dict[str, str]  # a reason by namespace
    exceptions: dict[str, str]  # a reason by field
    instead: dict[str, str]  # our type by ECS's


ECS: Final = Ecs.model_validate(yaml.safe_load((Path(__file__).parent / "fields.yaml").read_bytes()))


def mapping_problems(mapping: Mapping[str, str] = FIELDS) -> list[str]:
    """Of the names and types that Elasticsearch is told."""
    return [problem for name, kind in mapping.items() for problem in _mapped(name, kind)]


def problems(document: Mapping[str, Any], mapping: Mapping[str, str] = FIELDS) -> list[str]:
    """A sentence for each thing that is wrong with a document; it may lack whole parts, but for what is required."""
    leaves = list(_leaves(document, "", mapping))
    names = {name for name, _ in leaves}
    found = [f"{name} is missing" for name in ECS.required if name not in names]
    for name, value in leaves:
        if value == {} and is_own(name) and any(field.startswith(f"{name}.") for field in mapping):
            continue  # Tetragon tells that there is nothing
        found += _known(name, mapping) or _valued(name, value, mapping[name])
    version = _at(document, "ecs.version")
    if version not in (None, ECS.version):
        found.append(f"ecs.version is {version!r}, and the facts are those of {ECS.version}")
    return found + list(categorised(_at(document, "event.category"), _at(document, "event.type")))


def is_own(name: str) -> bool:
    return any(name == space or name.startswith(f"{space}.") for space in ECS.own)


def _mapped(name: str, kind: str) -> Iterator[str]:
    if is_own(name) or name in ECS.exceptions:
        return
    told = ECS.fields.get(name, "").removesuffix(LIST)
    if not told:
        yield f"{name} is no field of ECS, and in no namespace of ours"
    elif kind != ECS.instead.get(told, told):
        ours = f", of which documents have {ECS.instead[told]}" if told in ECS.instead else ""
        yield f"{name} is mapped as {kind}; ECS has {told}{ours}"


def _leaves(value: Mapping[str, Any], under: str, mapping: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Names with their values, which are lists where the document has lists. What is flattened is one leaf."""
    for member, each in value.items():
        name = f"{under}.{member}" if under else member
        if isinstance(each, dict) and each and mapping.get(name) != "flattened":
            yield from _leaves(each, name, mapping)
        elif name in ECS.lists_of_objects and isinstance(each, list) and each and all(map(_is_object, each)):
            for one in each:
                yield from _leaves(one, name, mapping)
        else:
            yield name, each


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _known(name: str, mapping: Mapping[str, str]) -> list[str]:
    if name not in mapping:
        return [f"{name} is not in the mapping"]
    if is_own(name) or name in ECS.exceptions or name in ECS.fields:
        return []
    return [f"{name} is no field of ECS, and in no namespace of ours"]


def _valued(name: str, value: Any, kind: str) -> Iterator[str]:
    if kind == "flattened":
        if not isinstance(value, dict):
            yield f"{name} is {value!r}; expected an object"
        return
    told = ECS.fields.get(name)
    if told is not None:
        if value in ("", [], {}, None):
            yield f"{name} is {value!r}; expected it absent"
            return
        if isinstance(value, list) != told.endswith(LIST):
            yield f"{name} is {value!r}; ECS wants {'a list' if told.endswith(LIST) else 'one value'}"
    for each in value if isinstance(value, list) else [value]:
        if not _fits(each, kind):
            yield f"{name} is {each!r}; expected a value for {kind}"
        elif name in ECS.values and each not in ECS.values[name]:
            yield f"{name} is {each!r}; ECS allows {', '.join(ECS.values[name])}"
        elif name in ECS.patterns and not re.search(ECS.patterns[name], each):
            yield f"{name} is {each!r}; ECS wants {ECS.patterns[name]}"


def _fits(value: Any, kind: str) -> bool:
    if kind in _TEXTS:
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "float":
        return isinstance(value, float)
    if kind == "long":
        return isinstance(value, int) and not isinstance(value, bool) and -_LONG <= value < _LONG
    if not isinstance(value, str):
        return False
    try:
        if kind == "ip":
            return "%" not in str(ip_address(value))
        return bool(_TIME.fullmatch(value) and datetime.fromisoformat(value[:19]))
    except ValueError:
        return False


def categorised(categories: Any, types: Any) -> Iterator[str]:
    """Every type is allowed for one of the categories, and every category has one of the types."""
    if not (isinstance(categories, list) and isinstance(types, list)):
        return
    for category in categories:
        if category not in ECS.types_of:
            yield f"event.category is {category!r}; ECS allows {', '.join(ECS.types_of)}"
        elif not set(types) & set(ECS.types_of[category]):
            yield f"event.type is {types!r}, of which ECS allows none for {category!r}"
    allowed = {each for category in categories for each in ECS.types_of.get(category, ())}
    for each in types:
        if each not in allowed and each in ECS.values["event.type"]:
            yield f"event.type is {each!r}, which ECS does not allow for {_listed(categories)}"


def _listed(names: Sequence[Any]) -> str:
    return " or ".join(repr(name) for name in names)


def _at(document: Mapping[str, Any], name: str) -> Any:
    value: Any = document
    for member in name.split("."):
        value = value.get(member) if isinstance(value, dict) else None
    return value
