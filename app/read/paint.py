"""Colours, which are all that a line may hold beside text."""

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

Hue: TypeAlias = Literal["blue", "bold", "cyan", "dim", "green", "magenta", "red", "yellow"]
Paint: TypeAlias = Callable[[str, Hue], str]
Choice: TypeAlias = Literal["always", "auto", "never"]

_CODES: Final[Mapping[Hue, int]] = {
    "blue": 34, "bold": 1, "cyan": 36, "dim": 2, "green": 32, "magenta": 35, "red": 31, "yellow": 33
}  # fmt: skip


def plain(text: str, _: Hue) -> str:
    return text


def coloured(text: str, hue: Hue) -> str:
    return f"\x1b[{_CODES[hue]}m{text}\x1b[0m" if text else ""


def paint_for(choice: Choice, environment: Mapping[str, str], *, terminal: bool) -> Paint:
    """`auto` is colour on a terminal, unless NO_COLOR (https://no-color.org) is set or the terminal has none."""
    wanted = choice == "always" or (choice == "auto" and takes_colour(environment, terminal=terminal))
    return coloured if wanted else plain


def takes_colour(environment: Mapping[str, str], *, terminal: bool) -> bool:
    return terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
