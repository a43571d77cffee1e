"""From a path to all that the taxonomy says of it."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from schemas.fim.matcher import Match, Matcher
from schemas.fim.paths import behind_unknown, index_roots, normalise, spelled
from schemas.fim.patterns import parse, parse_root
from schemas.fim.tails import Tails
from schemas.fim.taxonomy import SEVERITIES, Access, Category, Taxonomy, built_in

_TIERS: Final = ("fallback", "area", "specific", "exception")
_SPECIFIC: Final = _TIERS.index("specific")
_PATHS: Final = 8192
_PAIRS: Final = 1024


class Touch(msgspec.Struct, frozen=True, gc=False):
    """What it is to read such a file, or to change it."""

    severity: int  # 0 to 4
    category: str  # the one that says so
    about: str  # for people
    owners: frozenset[str]  # names of the programs whose work it is
    technique: tuple[str, ...]
    deployed: bool  # a container may be there for that


class Knowledge(msgspec.Struct, frozen=True, gc=False, eq=False):
    """All that is known of a path; many paths share one."""

    categories: tuple[str, ...]  # the first knows most of the path
    read: Touch
    write: Touch
    specific: bool  # the first is: it knows the path for what it is
    floor: int
    pci: tuple[str, ...]
    cis: tuple[str, ...]


class _Ranked(NamedTuple):
    """A category, and how much the best of its patterns that match knows of the path."""

    tier: int
    literal: int
    exact: bool
    category: Category


class Classified(msgspec.Struct, frozen=True, gc=False, eq=False):
    path: str  # normalised
    via: str  # the folder that shows the root to which `path` belongs; empty if none does
    deleted: bool
    knowledge: Knowledge | None  # None if no category matches
    how: str = ""  # by which other name it was reached; `guessed` if its beginning is not known


class Classifier:
    def __init__(self, taxonomy: Taxonomy) -> None:
        self._roots = index_roots(parse_root(root) for root in taxonomy.roots)
        patterns = [
            (pattern, category)
            for category in taxonomy.categories
            for text in category.patterns
            for pattern in parse(text, taxonomy.names)
        ]
        self._matcher: Matcher[Category, Knowledge | None] = Matcher(patterns, _summary)
        self._tails = Tails(patterns)
        self.classify = lru_cache(maxsize=_PATHS)(self.classify_anew)

    def classify_anew(self, path: str) -> Classified:
        """`classify` is the same, and remembers."""
        normal = normalise(path, self._roots)
        knowledge = self._matcher.find(normal.parts)
        rest = normal.parts if not path.startswith("/") else behind_unknown(normal.parts)
        if rest and not (knowledge is not None and knowledge.specific and rest is normal.parts):
            found = self._tails.find(rest)
            if found:
                guessed = _joined(_summary(found), knowledge)
                via = spelled(normal.via) if normal.via else ""
                return Classified(normal.path, via, normal.deleted, guessed, "guessed")
        if not normal.via:
            return Classified(normal.path, "", normal.deleted, knowledge)
        # The way there is told too: /proc/1/root/etc/shadow holds passwords, and may lead out of a container.
        outer = self._matcher.find((*normal.via, *normal.parts))
        return Classified(normal.path, spelled(normal.via), normal.deleted, _joined(knowledge, outer))

    def classify_as(self, path: str, seen: Classified, how: str, root: str) -> Classified:
        """As what `path` is, though it was `seen` under another name. `root` shows the root that `path` belongs to."""
        own = self.classify(path)
        return Classified(own.path, own.via or root, seen.deleted, _joined(own.knowledge, seen.knowledge), how)

    def whole_name(self, path: str) -> str:
        """Spelled as every path is, with the folder that shows its root."""
        found = self.classify(path)
        return f"{found.via}{found.path}" if found.path != "/" or not found.via else found.via

    def below(self, classified: Classified) -> int:
        """The gravest that can happen to what is known to be below such a folder; of another root, nobody asks."""
        return self._tails.gravest_below(classified.path) if not classified.via else 0

    def weight(self, path: str) -> int:
        """The gravest that can happen to the file or, of a folder, to what is known to be below it."""
        found = self.classify(path)
        known = found.knowledge
        own = max(known.read.severity, known.write.severity) if known is not None else 0
        return max(own, self._tails.gravest_below(found.path))


@lru_cache(maxsize=1)
def built_in_classifier() -> Classifier:
    """Shared, with all that it remembers."""
    return Classifier(built_in())


def _summary(matches: Sequence[Match[Category]]) -> Knowledge | None:
    best: dict[str, _Ranked] = {}
    for match in matches:
        ranked = _Ranked(_TIERS.index(match.value.tier), match.literal, match.exact, match.value)
        if match.value.id not in best or ranked[:3] > best[match.value.id][:3]:
            best[match.value.id] = ranked
    return _knowledge(sorted(best.values(), key=_first)) if best else None


@lru_cache(maxsize=_PAIRS)
def _joined(inner: Knowledge | None, outer: Knowledge | None) -> Knowledge | None:
    """How grave it is says the path within its own root; the way there adds its categories."""
    if inner is None or outer is None:
        return inner or outer
    return replace(
        inner,
        categories=_merged((inner.categories, outer.categories)),
        pci=_merged((inner.pci, outer.pci)),
        cis=_merged((inner.cis, outer.cis)),
    )


def _first(ranked: _Ranked) -> tuple[int, int, bool, str]:
    return -ranked.tier, -ranked.literal, not ranked.exact, ranked.category.id


def _knowledge(ranked: Sequence[_Ranked]) -> Knowledge:
    categories = [each.category for each in ranked]
    best = [each.category for each in ranked if each.tier == ranked[0].tier]
    return Knowledge(
        categories=tuple(category.id for category in categories),
        read=_touch([(category, category.read) for category in best]),
        write=_touch([(category, category.write) for category in best]),
        specific=ranked[0].tier >= _SPECIFIC,
        floor=max(SEVERITIES.index(category.floor) for category in best),
        pci=_merged(category.pci for category in categories),
        cis=_merged(category.cis for category in categories),
    )


def _touch(accesses: Sequence[tuple[Category, Access]]) -> Touch:
    category, worst = max(accesses, key=lambda each: SEVERITIES.index(each[1].severity))
    technique = _merged(access.technique for _, access in accesses if access.severity != "none")
    severity = SEVERITIES.index(worst.severity)
    return Touch(severity, category.id, category.about, frozenset(worst.owners), technique, category.deployed)


def _merged(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Everything once, in the order in which it comes."""
    return tuple(dict.fromkeys(each for values in lists for each in values))
