"""The taxonomy as its file has it, and how a user's file changes it."""

import difflib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas.fim.patterns import parse, parse_root
from schemas.located import Located

Severity: TypeAlias = Literal["none", "low", "medium", "high", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("none", "low", "medium", "high", "critical")
Tier: TypeAlias = Literal["fallback", "area", "specific", "exception"]
Id: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$", max_length=64)]
Technique: TypeAlias = Annotated[str, StringConstraints(pattern=r"^T\d{4}(\.\d{3})?$")]
Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
Owner: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[^/\s]+$")]  # a name without its folder
About: TypeAlias = Annotated[str, StringConstraints(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Access(_Part):
    """How grave it is to touch a category's files in one way, and whose work it is."""

    severity: Severity
    technique: list[Technique] = []
    owners: list[Owner] = []  # names of programs


class Change(_Part):
    """What a user's file says of a category that is there: what it leaves out stays."""

    id: Id
    about: About | None = None
    tier: Tier | None = None
    read: Access | None = None
    write: Access | None = None
    floor: Severity | None = None
    deployed: bool | None = None
    pci: list[str] | None = None
    cis: list[str] | None = None
    patterns: list[str] = []  # besides those that it has


class Category(_Part):
    id: Id
    about: About
    tier: Tier
    read: Access = Access(severity="none")
    write: Access = Access(severity="none")
    floor: Severity = "none"  # what a package manager's work does not fall below
    deployed: bool = False  # a container may be there for that
    pci: list[str] = []  # requirements of PCI DSS 4.0
    cis: list[str] = []  # of the CIS benchmark for Kubernetes
    patterns: Annotated[list[str], Field(min_length=1)]


class Taxonomy(_Part):
    names: dict[Name, Annotated[list[str], Field(min_length=1)]] = {}
    roots: list[str] = []
    categories: list[Category] = []


class Changes(Taxonomy):
    """A user's file: `names`, `roots` and `categories` come on top."""

    extend: list[Change] = []
    replace: list[Category] = []
    disable: list[Id] = []


@lru_cache(maxsize=1)
def built_in() -> Taxonomy:
    file = resources.files("schemas.fim") / "taxonomy.yaml"
    return read_taxonomy(file.read_bytes(), file.name)


def read_taxonomy(text: bytes, file: str) -> Taxonomy:
    """Raises ValueError, naming the lines."""
    located = Located(text, file)
    taxonomy = located.read(Taxonomy)
    _refuse_patterns(located, taxonomy, taxonomy.names, ("categories",))
    _refuse_known(located, taxonomy.categories, "categories", {})
    return taxonomy


def read_changes(text: bytes, file: str, base: Taxonomy) -> Taxonomy:
    """`base` as a user's file changes it. Raises ValueError, naming the lines of the user's file."""
    located = Located(text, file)
    changes = located.read(Changes)
    names = base.names | {name: [*base.names.get(name, []), *starts] for name, starts in changes.names.items()}
    _refuse_patterns(located, changes, names, ("categories", "extend", "replace"))
    there = {category.id: category for category in base.categories}
    _refuse_known(located, changes.categories, "categories", there)
    said: dict[str, str] = {}
    for key, ids in (
        ("extend", [change.id for change in changes.extend]),
        ("replace", [category.id for category in changes.replace]),
        ("disable", changes.disable),
    ):
        _refuse_unknown(located, ids, key, there, said)
    _refuse_idle(located, changes.extend)
    there |= {change.id: _changed(there[change.id], change) for change in changes.extend}
    there |= {category.id: category for category in (*changes.replace, *changes.categories)}
    for disabled in changes.disable:
        del there[disabled]
    return Taxonomy(names=names, roots=[*base.roots, *changes.roots], categories=list(there.values()))


def _changed(category: Category, change: Change) -> Category:
    given = change.model_dump(exclude_none=True, exclude={"patterns"})
    whole = category.model_dump() | given | {"patterns": [*category.patterns, *change.patterns]}
    return Category.model_validate(whole)


def _refuse_patterns(
    located: Located, taxonomy: Taxonomy, names: Mapping[str, Sequence[str]], keys: Sequence[str]
) -> None:
    problems: list[str] = []
    for place, root in enumerate(taxonomy.roots):
        try:
            parse_root(root)
        except ValueError as error:
            problems.append(f"{located.where(('roots', place))}: {error}.")
    for name, starts in taxonomy.names.items():
        for place, start in enumerate(starts):
            try:
                if start:
                    parse(start, {})
            except ValueError as error:
                problems.append(f"{located.where(('names', name, place))}: {error}.")
    for key in keys:
        for position, category in enumerate(getattr(taxonomy, key)):
            for place, pattern in enumerate(category.patterns):
                try:
                    parse(pattern, names)
                except ValueError as error:
                    problems.append(f"{located.where((key, position, 'patterns', place))}: {error}.")
    if problems:
        raise ValueError("\n".join(problems))


def _refuse_idle(located: Located, changes: Sequence[Change]) -> None:
    for place, change in enumerate(changes):
        if change.model_fields_set <= {"id"}:
            raise ValueError(
                f"{located.where(('extend', place))}: {change.id!r} is to be extended by nothing. "
                "Expected patterns, or what else is to change."
            )


def _refuse_known(located: Located, categories: Sequence[Category], key: str, there: Mapping[str, Category]) -> None:
    seen = set(there)
    for place, category in enumerate(categories):
        if category.id in seen:
            raise ValueError(
                f"{located.where((key, place, 'id'))}: category {category.id!r} is there already. "
                "Expected another id, or the category under extend or replace."
            )
        seen.add(category.id)


def _refuse_unknown(
    located: Located, ids: Sequence[str], key: str, there: Mapping[str, Category], said: dict[str, str]
) -> None:
    """`said` gets what `key` says something of."""
    for place, identity in enumerate(ids):
        steps = (key, place) if key == "disable" else (key, place, "id")
        if identity not in there:
            close = difflib.get_close_matches(identity, there, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"{located.where(steps)}: there is no category {identity!r} to {key}.{hint}")
        if identity in said:
            raise ValueError(
                f"{located.where(steps)}: {identity!r} is under {said[identity]} already. Expected it once."
            )
        said[identity] = key
