"""A misspelt field makes a condition that never holds, or always does."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Final

from app.read.taken import Role
from app.read.where import Condition
from schemas.document import FIELDS
from schemas.rejection import Origin, Rejection

_OF_LETTERS: Final = (*Rejection.model_fields, "original_base64", *(f"origin.{name}" for name in Origin.model_fields))
_OPEN: Final = tuple(f"{name}." for name, kind in FIELDS.items() if kind == "flattened")  # anything may lie below


def hints(role: Role, conditions: Iterable[Condition]) -> Iterator[str]:
    """A sentence for each field that nothing here has; an agent of the user's own may add it all the same."""
    names = _OF_LETTERS if role == "rejected" else tuple(FIELDS)
    for field in dict.fromkeys(condition.field for condition in conditions):
        if field in names or field.startswith(_OPEN) or any(name.startswith(f"{field}.") for name in names):
            continue
        near = get_close_matches(field, names, 1)
        yield f"No field {field!r} is known of {role}.{f' Did you mean {near[0]}?' if near else ''}"
