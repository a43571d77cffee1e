"""What a path may be whose beginning nobody knows: the ends of patterns.

A process opens `shadow` below a descriptor; if that is one of /etc, the file is the one with the passwords.
"""

from collections.abc import Iterable, Sequence

from schemas.fim.matcher import Match
from schemas.fim.patterns import ANYWHERE, Glob, Pattern, glob
from schemas.fim.taxonomy import SEVERITIES, Category

_Part = str | Glob


class Tails:
    """Only those of specific categories: of all others, too many files have such a name."""

    def __init__(self, patterns: Iterable[tuple[Pattern, Category]]) -> None:
        self._by_name: dict[str, list[tuple[Sequence[_Part], Match[Category]]]] = {}
        self._by_letter: dict[str, list[tuple[Sequence[_Part], Match[Category]]]] = {}  # where a `*` is in the name
        self._below: dict[str, int] = {}
        for pattern, category in patterns:
            self._add(pattern, category)

    def _add(self, pattern: Pattern, category: Category) -> None:
        severity = max(SEVERITIES.index(category.read.severity), SEVERITIES.index(category.write.severity))
        head = ""
        for part in pattern.parts[:-1]:
            if part == ANYWHERE or "*" in part:
                break
            self._below[head or "/"] = max(self._below.get(head or "/", 0), severity)
            head = f"{head}/{part}"
            self._below[head] = max(self._below.get(head, 0), severity)
        if category.tier != "specific" or pattern.parts[0] == ANYWHERE:
            return
        for start in range(1, len(pattern.parts)):
            rest = pattern.parts[start:]
            if rest[0] == ANYWHERE:
                break
            if not rest[0].startswith("*"):
                made = [glob(part) if "*" in part and part != ANYWHERE else part for part in rest]
                index = self._by_letter if "*" in rest[0] else self._by_name
                key = rest[0][0] if "*" in rest[0] else rest[0]
                index.setdefault(key, []).append((made, Match(category, pattern.literal, pattern.exact)))

    def find(self, parts: Sequence[str]) -> list[Match[Category]]:
        """`parts` is not empty. Of a pattern with ** in its middle only the end counts that has none."""
        return [
            match
            for wanted, match in (*self._by_name.get(parts[0], ()), *self._by_letter.get(parts[0][0], ()))
            if _fits(wanted, parts)
        ]

    def gravest_below(self, folder: str) -> int:
        """The gravest that can happen to a file of a pattern that leads through `folder`; 0 if none does."""
        return self._below.get(folder, 0)


def _fits(wanted: Sequence[_Part], parts: Sequence[str]) -> bool:
    whole = wanted[-1] != ANYWHERE
    names = wanted if whole else wanted[:-1]
    if ANYWHERE in names or len(parts) < len(names) or (whole and len(parts) > len(names)):
        return False
    return all(part == name if isinstance(name, str) else name(part) for name, part in zip(names, parts, strict=False))
