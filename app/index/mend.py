"""A document that Elasticsearch refused for its form, so that it takes it: what it has in it stays in event.original.

Elasticsearch takes no name twice in an object, which an event's own may have, since what an event has beside the fields
that are known is carried as it is; and in a flattened field no null byte in a name, nor a name that, with those above
it and its value, is longer than a term may be. Nothing asks for this before a document was refused: it costs the others
nothing.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from schemas.document import FIELDS

TAG: Final = "tetragon.mended"

_FLATTENED: Final = tuple(tuple(name.split(".")) for name, kind in FIELDS.items() if kind == "flattened")
# Bytes of a name with those above it: of the 32,766 of a term, its value may have 4,096 characters of four bytes.
_LONGEST: Final = 16_000
_CUTS: Final = (1_000, 60)  # bytes; with 250 levels, the shorter is short enough
_ELLIPSIS: Final = "…"


class _Reader:
    def __init__(self) -> None:
        self.repeats = False

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """The last of the same name counts, as for whatever read the event."""
        read = dict(pairs)
        self.repeats |= len(read) < len(pairs)
        return read


def mended(document: bytes) -> bytes | None:
    """None if that is not what is wrong with it."""
    reader = _Reader()
    try:
        read = json.loads(document, object_pairs_hook=reader.object)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict):
        return None
    changed = reader.repeats
    for *above, last in _FLATTENED:
        holder: Any = read
        for name in above:
            holder = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and isinstance(holder.get(last), dict):
            fit = _fit(holder[last])
            changed |= fit != holder[last]
            holder[last] = fit
    if not changed:
        return None
    tags = read.get("tags")
    read["tags"] = [*(tags if isinstance(tags, list) else []), TAG]
    return json.dumps(read, separators=(",", ":")).encode()  # in ASCII: half of a surrogate pair has no other form


def _fit(value: Any) -> Any:
    value = _renamed(value, _without_null)
    for most in _CUTS:
        if _longest(value) > _LONGEST:
            value = _renamed(value, partial(_cut, most=most))
    return value


def _renamed(value: Any, rename: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {rename(name): _renamed(each, rename) for name, each in value.items()}
    return [_renamed(each, rename) for each in value] if isinstance(value, list) else value


def _without_null(name: str) -> str:
    return name.replace("\0", "\ufffd")


def _cut(name: str, most: int) -> str:
    written = name.encode(errors="replace")
    if len(written) <= most:
        return name
    return written[: most - len(_ELLIPSIS.encode())].decode(errors="ignore") + _ELLIPSIS


def _longest(value: Any, above: int = 0) -> int:
    """In bytes, with those above it."""
    if isinstance(value, dict):
        return max(
            (_longest(each, above + len(name.encode(errors="replace")) + 1) for name, each in value.items()),
            default=above,
        )
    return max((_longest(each, above) for each in value), default=above) if isinstance(value, list) else above
