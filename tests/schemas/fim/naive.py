"""What a pattern means, one part after the other, and nothing clever."""

from collections.abc import Sequence
from fnmatch import fnmatchcase


def matches(pattern: Sequence[str], path: Sequence[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(matches(pattern[1:], path[start:]) for start in range(len(path) + 1))
    return bool(path) and _part(pattern[0], path[0]) and matches(pattern[1:], path[1:])


def _part(pattern: str, part: str) -> bool:
    return fnmatchcase(part, "".join(letter if letter == "*" else f"[{letter}]" for letter in pattern))
