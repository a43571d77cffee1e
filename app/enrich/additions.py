"""What agents add to a document. One that fails costs its own fields and nothing else."""

import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import orjson

from agents import SHARED as TAGS
from agents import Agent
from app.enrich.memory import Scope
from schemas.lineage import Lineage
from schemas.tetragon import Event

_MOST_PATHS = 1000  # names that an agent makes up as it goes are not worth keeping


class Failure(msgspec.Struct, frozen=True):
    """An agent raised, or returned what it may not."""

    agent: str
    type: str  # of the exception
    text: str
    exec_id: str


class Addition(msgspec.Struct):
    agent: str
    path: Sequence[str]
    value: Any


class Ready:
    """An agent, with what is worked out once."""

    __slots__ = ("_adds", "_function", "_paths", "_takes", "_ttl", "name", "needs_lineage")

    def __init__(self, agent: Agent) -> None:
        self.name = agent.name
        self.needs_lineage = "lineage" in agent.takes
        self._function = agent.function
        self._takes = agent.takes[1:]
        self._ttl = agent.ttl
        self._adds = agent.adds
        self._paths: dict[str, Sequence[str]] = {}

    def __call__(self, event: Event, lineage: Lineage | None, scope: Scope) -> list[Addition]:
        """Raises whatever the agent raises, and ValueError for a field that it did not declare."""
        if self._takes == ("lineage",):
            fields = self._function(event, lineage)
        else:
            given = {"lineage": lineage, "memory": scope.notes(self.name, self._ttl)}
            fields = self._function(event, *[given[name] for name in self._takes])
        paths = self._paths
        added = []
        for field, value in fields.items():
            path = paths.get(field)
            if path is None:
                path = self._path(field)
            if field == TAGS and not isinstance(value, list | tuple):
                raise TypeError(f"{TAGS} is {value!r}; expected a list of strings")
            added.append(Addition(self.name, path, value))
        return added

    def _path(self, field: str) -> Sequence[str]:
        if not any(field == declared or field.startswith(f"{declared}.") for declared in self._adds):
            raise ValueError(f"field {field!r} is not declared in adds={sorted(self._adds)}")
        path = field.split(".")
        if len(self._paths) < _MOST_PATHS:
            self._paths[field] = path
        return path


def run(
    agents: Iterable[Ready], event: Event, lineage: Lineage | None, scope: Scope
) -> tuple[list[Addition], list[Failure]]:
    added: list[Addition] = []
    failures: list[Failure] = []
    for agent in agents:
        if lineage is None and agent.needs_lineage:
            continue
        try:
            added += agent(event, lineage, scope)
        except MemoryError:
            raise  # of this machine, not of this event
        except Exception as error:  # noqa: BLE001 - an agent may raise anything, and the event must go on
            failures.append(_failure(agent.name, error, event))
    return added, failures


def fit_for_json(added: Iterable[Addition], event: Event) -> tuple[list[Addition], list[Failure]]:
    """Without what is not of JSON, and all else that the same agent added."""
    added = list(added)
    failures: dict[str, Failure] = {}
    for addition in added:
        try:
            orjson.dumps(addition.value)
        except TypeError as error:
            failures.setdefault(addition.agent, _failure(addition.agent, error, event))
    return [addition for addition in added if addition.agent not in failures], list(failures.values())


def merge(document: dict[str, Any], added: Iterable[Addition], failures: Sequence[Failure]) -> None:
    for addition in added:
        path = addition.path
        if path[0] == TAGS:
            held = document.setdefault(TAGS, [])
            held.extend(tag for tag in addition.value if tag not in held)
        else:
            here = document
            for name in path[:-1]:
                below = here.get(name)
                if type(below) is not dict:
                    below = here[name] = _opened(below)
                here = below
            here[path[-1]] = addition.value
    if failures:
        document["event"]["kind"] = "pipeline_error"
        # Not the exception's text, which may hold an address in memory: a replay writes the same bytes.
        document["error"] = {
            "message": [f"agent {failure.agent} raised {failure.type}" for failure in failures],
            "type": [failure.type for failure in failures],
        }


def _opened(part: Mapping[str, Any] | orjson.Fragment | None) -> dict[str, Any]:
    """Many documents share a part that is JSON already."""
    if part is None:
        return {}
    opened: dict[str, Any] = orjson.loads(orjson.dumps(part))
    return opened


def _failure(agent: str, error: Exception, event: Event) -> Failure:
    frames = traceback.extract_tb(error.__traceback__)
    exec_id = event.process.exec_id if event.process is not None else ""
    return Failure(agent, type(error).__name__, f"{error} (line {frames[-1].lineno})", exec_id)
