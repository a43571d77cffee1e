"""What is done to try a rule: it is met in each of its ways, and missed by the least."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple, TypeAlias

from tests.rules.events.condition import Atom, Node, Way, exclusions, has, met_by, ways
from tests.rules.events.deed import Category, Deed
from tests.rules.events.solve import deed, near_miss

Kind: TypeAlias = Literal["meets", "in place", "lacks", "excluded"]


class Case(NamedTuple):
    kind: Kind
    deed: Deed
    about: str  # the field that is told wrongly, or by which it is excluded

    @property
    def fires(self) -> bool:
        return self.kind in ("meets", "in place")


class Cases(NamedTuple):
    """`untold` are ways that no event of Tetragon's can take."""

    cases: list[Case]
    untold: list[Way]


def cases(category: Category, condition: Node) -> Cases:
    def is_met(made: Deed) -> bool:
        return met_by(condition, made.records(category))

    found: dict[Deed, Case] = {}
    untold: list[Way] = []
    met: list[tuple[Way, Deed]] = []
    for way in ways(condition):
        made = deed(category, way, is_met)
        if made is None:
            untold.append(way)
        elif made not in found:
            found[made] = Case("meets", made, "")
            met.append((way, made))
    for way, made in met[:1]:
        if any(atom.field.startswith("Parent") for atom in way):
            moved = replace(made, in_place=True)
            found.setdefault(moved, Case("in place", moved, ""))
    for case in _misses(category, condition, met):
        found.setdefault(case.deed, case)
    return Cases(list(found.values()), untold)


def _misses(category: Category, condition: Node, met: list[tuple[Way, Deed]]) -> Iterator[Case]:
    """Of everything that the ways need, each thing once; and of everything that is excluded."""

    def is_not_met(made: Deed) -> bool:
        return not met_by(condition, made.records(category))

    tried: set[Atom] = set()
    for way, made in met:
        for atom in way:
            if _key(atom) in tried:
                continue
            missed = near_miss(category, made, atom, is_not_met)
            if missed is not None:
                tried.add(_key(atom))
                yield Case("lacks", missed, atom.field)
    for excluded in exclusions(condition):
        for out in ways(excluded):
            for way, _ in met:
                needed = (*way, *out)

                def is_excluded(made: Deed, needed: Way = needed) -> bool:
                    records = made.records(category)
                    return is_not_met(made) and any(all(has(atom, each) for atom in needed) for each in records)

                missed = deed(category, needed, is_excluded)
                if missed is not None:
                    yield Case("excluded", missed, out[0].field)
                    break


def _key(atom: Atom) -> Atom:
    """Values compare, but do not hash."""
    return Atom(atom.field, repr(atom.value))  # type: ignore[arg-type]  # to be compared only
