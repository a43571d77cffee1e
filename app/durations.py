"""A time as a person writes it."""

import re
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FORM: Final = re.compile(r"([0-9]{1,9})([smhd])")
EXPECTED: Final = "Expected a number with s, m, h or d behind it, like 6h"


def seconds_of(text: str) -> float:
    """Raises ValueError."""
    matched = _FORM.fullmatch(text)
    if matched is None:
        raise ValueError(EXPECTED)
    return float(matched[1]) * _SECONDS[matched[2]]


Duration: TypeAlias = Annotated[float, BeforeValidator(seconds_of)]
