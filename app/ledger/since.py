"""How far back to look, as a person writes it."""

import re
from typing import Final

from app.errors import Stop

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FORM: Final = re.compile(r"([0-9]{1,9})([smhd])")


def seconds_of(since: str) -> float | None:
    """None for all. Raises Stop."""
    if since == "all":
        return None
    matched = _FORM.fullmatch(since)
    if matched is None:
        raise Stop(f"--since has value {since!r}. Expected a number with s, m, h or d behind it, like 6h, or all.")
    return float(matched[1]) * _SECONDS[matched[2]]
