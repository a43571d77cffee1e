"""How the index that is written to differs from what its template would make."""

from collections.abc import Iterator, Mapping
from typing import Any


def unlike(wanted: Mapping[str, Any], actual: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Fields of the properties `wanted` that `actual` lacks or has with another type, each with what is there."""
    for name, field in wanted.items():
        path = f"{above}{name}"
        found = actual.get(name)
        if found is None:
            yield f"{path} is not mapped"
        elif "properties" in field:
            if "properties" in found:
                yield from unlike(field["properties"], found["properties"], f"{path}.")
            else:
                yield f"{path} is {found.get('type')}, not an object"
        elif found.get("type", "object") != field["type"]:
            yield f"{path} is {found.get('type', 'object')}, not {field['type']}"
