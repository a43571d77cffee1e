"""Patterns over paths, part by part.

`*` is any text within a part, `**` any number of parts, none too: `/a/**` is /a and all below it, `**/x` an x anywhere.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

ANYWHERE: Final = "**"
ALIASES: Final[Mapping[tuple[str, ...], Sequence[str]]] = {
    ("var", "run"): ("run",),
    ("var", "lock"): ("run", "lock"),
}  # links of every distribution
_FOREIGN: Final = re.compile(r"[?\[\]{}\\]")
_NAMED: Final = re.compile(r"\{([^{}]*)\}")


class Glob(msgspec.Struct, frozen=True):
    """A part with `*`."""

    prefix: str
    suffix: str
    between: re.Pattern[str] | None  # of the whole part; None if prefix and suffix tell all

    def __call__(self, part: str) -> bool:
        return (
            len(part) >= len(self.prefix) + len(self.suffix)
            and part.startswith(self.prefix)
            and part.endswith(self.suffix)
            and (self.between is None or self.between.fullmatch(part) is not None)
        )


class Pattern(msgspec.Struct, frozen=True):
    parts: tuple[str, ...]  # ANYWHERE, texts and those with `*`
    literal: int  # characters that are no wildcard: the more, the more it knows
    exact: bool  # it does not end in ANYWHERE


def glob(part: str) -> Glob:
    prefix, *middle, suffix = part.split("*")
    whole = re.compile(".*".join(map(re.escape, part.split("*"))), re.DOTALL) if middle else None
    return Glob(prefix, suffix, whole)


def parse(text: str, names: Mapping[str, Sequence[str]]) -> list[Pattern]:
    """One pattern for each that a `{name}` at its start stands for. Raises ValueError, saying what is wrong."""
    return [_parse(each, text) for each in _expand(text, names)]


def parse_root(text: str) -> tuple[str, ...]:
    """The parts of a folder that shows the root of another file system. Raises ValueError."""
    parts = _parse(text, text).parts
    if ANYWHERE in parts or "*" in parts[0]:
        raise ValueError(f"root {text!r} has ** or begins with a *: expected one folder, like /host or /proc/*/root")
    return parts


def _expand(text: str, names: Mapping[str, Sequence[str]]) -> list[str]:
    named = _NAMED.match(text)
    if named is None:
        return [text]
    if named[1] not in names:
        known = ", ".join(f"{{{name}}}" for name in names)
        raise ValueError(f"pattern {text!r} begins with an unknown name: expected one of {known}, or a path")
    return [f"{start}{text[named.end() :]}" for start in names[named[1]]]


def _parse(expanded: str, text: str) -> Pattern:
    foreign = _FOREIGN.search(expanded)
    if foreign is not None:
        raise ValueError(
            f"pattern {text!r} has a {foreign[0]!r}, which means nothing here: expected *, ** and {{name}} at the start"
        )
    if not expanded.startswith(("/", "**/")):
        raise ValueError(f"pattern {text!r} does not begin at the root: expected /..., **/... or {{name}}/...")
    parts = expanded.removeprefix("/").split("/")
    for part in parts:
        if part in {"", ".", ".."}:
            raise ValueError(f"pattern {text!r} has a part {part!r}, which no path has: expected it written plainly")
        if ANYWHERE in part and part != ANYWHERE:
            raise ValueError(f"pattern {text!r} has ** within a part: expected * there, or /**/ between parts")
    if all(not part.strip("*") for part in parts):
        raise ValueError(f"pattern {text!r} matches whatever there is: expected at least one part with a name")
    instead = ALIASES.get((parts[0], parts[1])) if len(parts) > 1 else None
    if instead is not None:
        parts[:2] = instead
    literal = sum(len(part.replace("*", "")) + 1 for part in parts if part != ANYWHERE)
    return Pattern(tuple(parts), literal, parts[-1] != ANYWHERE)
