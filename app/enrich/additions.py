"""What agents add to a document. One that fails costs its own fields and nothing else."""

import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import orjson

from agents import FINDINGS, TAGS, Agent, Fields
from app.enrich.memory import Scope
from schemas.finding import Finding, conclude
from schemas.lineage import Lineage
from schemas.tetragon import Event

_OURS: Final = tuple(PurePath(__file__).parents[2] / room for room in ("app", "schemas"))
_MOST_PLACES: Final = 1000  # names that an agent makes up as it goes are not worth keeping


class Failure(msgspec.Struct, frozen=True):
    """An agent raised, or returned what it may not."""

    agent: str
    type: str  # of the exception
    text: str
    exec_id: str


class _Place(NamedTuple):
    """Where a field with dots in its name goes."""

    parents: Sequence[str]
    name: str


class Ready:
    """An agent, with what is worked out once."""

    __slots__ = ("_adds", "_function", "_takes", "_ttl", "name", "needs_lineage", "places")

    def __init__(self, agent: Agent) -> None:
        self.name = agent.name
        self.needs_lineage = "lineage" in agent.takes
        self._function = agent.function
        self._takes = agent.takes[1:]
        self._ttl = agent.ttl
        self._adds = agent.adds
        self.places: dict[str, _Place] = {}

    def __call__(self, event: Event, lineage: Lineage | None, scope: Scope) -> Fields:
        """Raises whatever the agent raises, ValueError for a field that it did not declare, TypeError for no fields."""
        if self._takes == ("lineage",):
            fields = self._function(event, lineage)
        elif self._takes == ("lineage", "memory"):
            fields = self._function(event, lineage, scope.notes(self.name, self._ttl))
        else:
            given = {"lineage": lineage, "memory": scope.notes(self.name, self._ttl)}
            fields = self._function(event, *[given[name] for name in self._takes])
        if fields == {}:
            return fields
        if type(fields) is not dict and not isinstance(fields, Mapping):
            raise TypeError(f"it returned {fields!r}; expected a dict of fields, {{}} for none")
        if not self.places.keys() >= fields.keys():
            for field in fields:
                self.place(field)
        if TAGS in fields and not isinstance(fields[TAGS], list | tuple):
            raise TypeError(f"{TAGS} is {fields[TAGS]!r}; expected a list of strings")
        if FINDINGS in fields and not all(type(each) is Finding for each in fields[FINDINGS]):
            raise TypeError(f"{FINDINGS} is {fields[FINDINGS]!r}; expected a list of schemas.finding.Finding")
        return fields

    def place(self, field: str) -> _Place:
        """Raises ValueError for a field that the agent did not declare."""
        place = self.places.get(field)
        if place is not None:
            return place
        if not any(field == declared or field.startswith(f"{declared}.") for declared in self._adds):
            raise ValueError(f"field {field!r} is not declared in adds={sorted(self._adds)}")
        *parents, name = field.split(".")
        place = _Place(parents, name)
        if len(self.places) < _MOST_PLACES:
            self.places[field] = place
        return place


Added: TypeAlias = tuple[Ready, Fields]


def run(
    agents: Iterable[Ready], event: Event, lineage: Lineage | None, scope: Scope
) -> tuple[list[Added], list[Failure]]:
    added: list[Added] = []
    failures: list[Failure] = []
    for agent in agents:
        if lineage is None and agent.needs_lineage:
            continue
        try:
            added.append((agent, agent(event, lineage, scope)))
        except MemoryError:
            raise  # of this machine, not of this event
        except Exception as error:  # noqa: BLE001 - an agent may raise anything, and the event must go on
            failures.append(_failure(agent.name, error, event))
    return added, failures


def fit_for_json(added: Iterable[Added], event: Event) -> tuple[list[Added], list[Failure]]:
    """Without the agents of whose fields one is not of JSON."""
    fit: list[Added] = []
    failures: list[Failure] = []
    for agent, fields in added:
        try:
            for field, value in fields.items():
                if field != FINDINGS:  # looked at already
                    orjson.dumps(value)
        except TypeError as error:
            failures.append(_failure(agent.name, error, event))
        else:
            fit.append((agent, fields))
    return fit, failures


def merge(document: dict[str, Any], added: Iterable[Added], failures: Sequence[Failure]) -> None:
    findings: list[Finding] = []
    for agent, fields in added:
        for field, value in fields.items():
            if field == TAGS:
                held = document.setdefault(TAGS, [])
                held.extend(tag for tag in value if tag not in held)
                continue
            if field == FINDINGS:
                findings += value
                continue
            parents, last = agent.places.get(field) or agent.place(field)
            here = document
            for name in parents:
                below = here.get(name)
                if type(below) is not dict:
                    below = here[name] = _opened(below)
                here = below
            here[last] = value
    if findings:
        _conclude(document, findings)
    if failures:
        document["event"]["kind"] = "pipeline_error"
        # Not the exception's text, which may hold an address in memory: a replay writes the same bytes.
        document["error"] = {
            "message": "; ".join(f"agent {failure.agent} raised {failure.type}" for failure in failures),
            "type": failures[0].type,
        }


def _conclude(document: dict[str, Any], findings: Sequence[Finding]) -> None:
    come_to = conclude(findings)
    document["tetragon"]["findings"] = come_to.findings
    document["event"]["severity"] = come_to.severity
    document["event"]["risk_score"] = come_to.risk
    if come_to.threat is not None:
        document["threat"] = come_to.threat


def _opened(part: Mapping[str, Any] | orjson.Fragment | None) -> dict[str, Any]:
    """Many documents share a part that is JSON already."""
    if part is None:
        return {}
    opened: dict[str, Any] = orjson.loads(orjson.dumps(part))
    return opened


def _failure(agent: str, error: Exception, event: Event) -> Failure:
    # What is raised in ours is about what the agent returned, remembers or asks for: its own line, if any, tells more.
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_ours(frame.filename)]
    where = f" ({PurePath(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    exec_id = event.process.exec_id if event.process is not None else ""
    return Failure(agent, type(error).__name__, f"{error}{where}", exec_id)


def _is_ours(file: str) -> bool:
    return any(PurePath(file).is_relative_to(ours) for ours in _OURS)
