"""The file of rules, as a person writes it."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.enrich.drops.conditions import Holds, Misfit, condition
from app.enrich.drops.fields import Field as EventField
from app.enrich.drops.fields import fields, find
from app.enrich.drops.rules import Rule, Rules
from app.errors import DropsError
from schemas.located import Located
from schemas.tetragon import BODIES

Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$", max_length=64)]

_FEW: Final = 5


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Written(_Part):
    """A rule; what is left out must be left out, for a name without anything behind it would mean everything."""

    name: Name  # of its counters, for ever
    events: Annotated[list[str], Field(min_length=1)] = []
    when: Annotated[dict[Any, Any], Field(min_length=1)] = {}
    repeat: Literal[True] | None = None  # what a process does to a file once more, within a minute
    drop: Literal[True] | None = None
    sample: Annotated[float, Field(gt=0, le=1)] | None = None  # the share that is kept


class File(_Part):
    rules: list[Written]


def load_rules(path: Path | None) -> Rules | None:
    """None if there is no file. Raises DropsError, naming file and lines."""
    if path is None:
        return None
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DropsError(f"Drops' file {str(path)!r} cannot be read: {error.strerror}. Expected YAML.") from error
    try:
        return read_rules(text, str(path))
    except ValueError as error:
        raise DropsError(f"The rules of drops cannot be used. {error}") from error


def read_rules(text: bytes, file: str) -> Rules:
    """Raises ValueError with a sentence for each thing that is wrong, naming file and line."""
    located = Located(text, file)
    written = located.read(File).rules
    problems: list[str] = []
    rules = []
    for place, each in enumerate(written):
        problems += _named_before(located, place, written)
        problems += _incomplete(located, place, each)
        problems += _unknown_events(located, place, each)
        conditions, misfits = _conditions(located, place, each)
        problems += misfits
        # What costs little to look at is looked at first: all must hold, and most do not.
        ordered = [holds for _, holds in sorted(conditions, key=lambda condition: condition[0])]
        rules.append(Rule(each.name, frozenset(each.events) or None, ordered, each.sample or 0.0, bool(each.repeat)))
    if problems:
        raise ValueError("\n".join(problems))
    return Rules(rules)


def _conditions(located: Located, place: int, rule: Written) -> tuple[list[tuple[bool, Holds]], list[str]]:
    """Each with whether it is costly; then what is wrong with the others."""
    conditions, misfits = [], []
    for name, given in rule.when.items():
        path = str(name)  # YAML has keys that are no text; none of them is a field
        try:
            field = _field(path, rule.events)
            conditions.append((field.late or field.many, condition(field, given)))
        except Misfit as error:
            misfits.append(f"{located.where(('rules', place, 'when', path, *error.place))}: {path}: {error}")
    return conditions, misfits


def _named_before(located: Located, place: int, rules: Sequence[Written]) -> Iterator[str]:
    name = rules[place].name
    first = next(number for number, rule in enumerate(rules) if rule.name == name)
    if first < place:
        line = located.where(("rules", first, "name")).rpartition(", ")[2]
        where = located.where(("rules", place, "name"))
        yield f"{where}: name {name!r} stands in {line} already. Expected names that differ."


def _incomplete(located: Located, place: int, rule: Written) -> Iterator[str]:
    where = located.where(("rules", place))
    if not rule.events and not rule.when and not rule.repeat:
        yield f"{where}: rule {rule.name!r} is for every event. Expected 'events' or 'when', or both."
    if (rule.drop is None) == (rule.sample is None):
        told = "neither 'drop' nor 'sample'" if rule.drop is None else "'drop' and 'sample'"
        yield f"{where}: rule {rule.name!r} has {told}. Expected one of 'drop: true' and 'sample: <share kept>'."


def _unknown_events(located: Located, place: int, rule: Written) -> Iterator[str]:
    for number, name in enumerate(rule.events):
        if name not in BODIES:
            where = located.where(("rules", place, "events", number))
            yield f"{where}: there is no event {name!r}.{_hint(name, BODIES)} Expected some of {', '.join(BODIES)}."


def _field(path: str, events: Sequence[str]) -> EventField:
    """Raises Misfit."""
    found = find(path)
    if found is None:
        known = fields()
        below = [each for each in known if each.startswith(f"{path}.")]
        if path in known:
            raise Misfit(f"this holds names and values. Expected a name behind it, like {path}.app.")
        if below:
            raise Misfit(f"this holds others. Expected one of them, like {', '.join(below[:_FEW])}.")
        raise Misfit(f"there is no such field.{_hint(path, known)} Expected Tetragon's name, like process.binary.")
    asked = [event for event in events if event in BODIES]
    if asked and found.events.isdisjoint(asked):
        raise Misfit(f"no {' and no '.join(asked)} has it. Expected events that have: {_listed(found.events)}.")
    return found


def _listed(events: frozenset[str]) -> str:
    return ", ".join(name for name in BODIES if name in events)


def _hint(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
