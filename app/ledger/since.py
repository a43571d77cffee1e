"""How far back to look, as a person writes it."""

from app.durations import EXPECTED, seconds_of
from app.errors import Stop


def since(text: str) -> float | None:
    """In seconds; None for all. Raises Stop."""
    if text == "all":
        return None
    try:
        return seconds_of(text)
    except ValueError:
        raise Stop(f"--since has value {text!r}. {EXPECTED}, or all.") from None
