"""What agents add to a document. One that fails costs its own fields and nothing else."""

import traceback
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import orjson

from agents import SHARED as TAGS
from agents import Agent, Fields
from app.enrich.document import SHARED
from app.enrich.memory import Scope
from schemas.lineage import Lineage
from schemas.tetragon import Event


class Failure(msgspec.Struct, frozen=True):
    """An agent raised, or returned what it may not."""

    agent: str
    type: str  # of the exception
    text: str
    exec_id: str


class Additions(msgspec.Struct):
    fields: list[tuple[Agent, Fields]]
    failures: list[Failure]


def run(agents: Iterable[Agent], event: Event, lineage: Lineage | None, scope: Scope) -> Additions:
    added = Additions([], [])
    for agent in agents:
        takes = agent.takes
        if lineage is None and "lineage" in takes:
            continue
        arguments: list[Any] = [event]
        for name in takes[1:]:
            arguments.append(lineage if name == "lineage" else scope.notes(agent.name, agent.ttl))
        try:
            fields = agent.function(*arguments)
            for field in fields:
                _path(agent, field)
            if fields:
                added.fields.append((agent, fields))
        except MemoryError:
            raise  # of this machine, not of this event
        except Exception as error:  # noqa: BLE001 - an agent may raise anything, and the event must go on
            added.failures.append(_failure(agent, error, event))
    return added


def without_the_unfit(added: Additions, event: Event) -> Additions:
    """Without the fields of agents that gave something else than JSON."""
    kept = Additions([], list(added.failures))
    for agent, fields in added.fields:
        try:
            orjson.dumps(fields)
        except TypeError as error:
            kept.failures.append(_failure(agent, error, event))
        else:
            kept.fields.append((agent, fields))
    return kept


def merge(document: dict[str, Any], added: Additions) -> None:
    for agent, fields in added.fields:
        for field, value in fields.items():
            path = _path(agent, field)
            if field == TAGS:
                _add_tags(document, value)
            elif len(path) == 2 and path[0] not in SHARED:
                document.setdefault(path[0], {})[path[1]] = value
            else:
                _put(document, path, value)
    if added.failures:
        document["event"]["kind"] = "pipeline_error"
        # Not the exception's text, which may hold an address in memory: a replay writes the same bytes.
        document["error"] = {
            "message": [f"agent {failure.agent} raised {failure.type}" for failure in added.failures],
            "type": [failure.type for failure in added.failures],
        }


@lru_cache(maxsize=4096)
def _path(agent: Agent, field: str) -> Sequence[str]:
    """The names on the way to `field`. Raises ValueError if the agent may not add it."""
    for declared in agent.adds:
        if field == declared or field.startswith(f"{declared}."):
            return field.split(".")
    raise ValueError(f"field {field!r} is not declared in adds={sorted(agent.adds)}")


def _put(document: dict[str, Any], path: Sequence[str], value: Any) -> None:
    here = document
    for name in path[:-1]:
        # Some parts are shared with other documents: copy what is about to change.
        here[name] = here = {**here.get(name, {})}
    here[path[-1]] = value


def _add_tags(document: dict[str, Any], tags: Iterable[str]) -> None:
    held = document.setdefault(TAGS, [])
    held.extend(tag for tag in tags if tag not in held)


def _failure(agent: Agent, error: Exception, event: Event) -> Failure:
    last = traceback.extract_tb(error.__traceback__)[-1]
    exec_id = event.process.exec_id if event.process is not None else ""
    return Failure(agent.name, type(error).__name__, f"{error} (line {last.lineno})", exec_id)
