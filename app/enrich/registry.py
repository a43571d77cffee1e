"""Finds agents: those of the package `agents`, and those of a folder of the user's own."""

import difflib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from msgspec.structs import replace

import agents
from agents import ARGUMENTS, SHARED, Agent
from app.errors import AgentError
from schemas.document import CORE, REFINED
from schemas.operation.socket_events import EVENTS

_USERS: Final = "tetrastash_user_agents"  # the module name that a user's file has while it is here


def load_agents(folder: Path | None) -> list[Agent]:
    """By name, which their order must not matter to. Raises AgentError, naming the file."""
    found: dict[str, tuple[Agent, str]] = {}
    for file, module in _modules(folder):
        agent = _agent(file, module)
        if agent.name in found:
            raise AgentError(
                f"Agent {agent.name!r} is in {found[agent.name][1]} and in {file}. Expected names that differ: "
                "rename one of the files."
            )
        found[agent.name] = (agent, file)
    _refuse_double_claims([(agent, file) for agent, file in found.values()])
    if folder is not None:
        _refuse_unread(folder, [agent for agent, _ in found.values()])
    return [_configured(found[name][0], folder) for name in sorted(found)]


def _modules(folder: Path | None) -> Iterator[tuple[str, ModuleType]]:
    for module in pkgutil.iter_modules(agents.__path__):
        imported = importlib.import_module(f"{agents.__name__}.{module.name}")
        yield str(imported.__file__), imported
    if folder is None:
        return
    if not folder.is_dir():
        raise AgentError(f"Agents' folder {str(folder)!r} is not there, or is no folder. Expected one with .py files.")
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("_"):
            yield str(path), _import(path)


def _import(path: Path) -> ModuleType:
    name = f"{_USERS}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AgentError(f"Agent's file {path} cannot be imported. Expected a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script that ends would end what loads it, and look like success
        del sys.modules[name]
        raise AgentError(f"Agent's file {path} cannot be imported: {type(error).__name__}: {error}.") from error
    return module


def _agent(file: str, module: ModuleType) -> Agent:
    declared = [value for value in vars(module).values() if isinstance(value, Agent)]
    own = [agent for agent in declared if agent.function.__module__ == module.__name__]
    if len(own) != 1:
        names = ", ".join(agent.function.__name__ for agent in own) or "none"
        raise AgentError(f"Agent's file {file} has {len(own)} functions under @agent ({names}). Expected exactly one.")
    agent = own[0]
    if agent.events is not None:
        for event in sorted(agent.events.difference(EVENTS)):
            raise AgentError(
                f"Agent's file {file} asks for event {event!r}, which Tetragon does not write. "
                f"Expected some of {', '.join(EVENTS)}."
            )
    if agent.takes[:1] != ("event",) or not set(agent.takes) <= set(ARGUMENTS):
        raise AgentError(
            f"Agent's file {file} has a function that takes ({', '.join(agent.takes)}). "
            "Expected event first, then lineage and memory as needed."
        )
    if not agent.adds:
        raise AgentError(f"Agent's file {file} adds no field. Expected adds={{...}} with the names of its fields.")
    return replace(agent, name=module.__name__.rpartition(".")[2])


def _configured(agent: Agent, folder: Path | None) -> Agent:
    if agent.configure is None or folder is None:
        return agent
    file = folder / f"{agent.name}.yaml"
    if not file.exists():
        return agent
    try:
        return replace(agent, function=agent.configure(file.read_bytes(), str(file)))
    except (OSError, ValueError) as error:
        raise AgentError(f"Agent {agent.name!r} cannot be configured. {error}") from error


def _refuse_unread(folder: Path, found: Sequence[Agent]) -> None:
    """A file that is nearly named like one that an agent reads would change nothing, and nobody would know."""
    read = {f"{agent.name}.yaml" for agent in found if agent.configure is not None}
    plain = {agent.name for agent in found if agent.configure is None}
    for file in sorted(each for each in folder.iterdir() if each.suffix.lower() in (".yaml", ".yml")):
        if file.name in read:
            continue
        if file.stem in plain:
            raise AgentError(
                f"Agent {file.stem!r} cannot be configured: {file} is read by nobody. Expected no such file."
            )
        close = difflib.get_close_matches(f"{file.stem.lower()}.yaml", read, n=1, cutoff=0.8)
        if close:
            raise AgentError(f"No agent reads {file}. Expected it to be named {close[0]}, or to be elsewhere.")


def _refuse_double_claims(found: Sequence[tuple[Agent, str]]) -> None:
    claims = [(field, file) for agent, file in found for field in sorted(agent.adds) if field not in SHARED]
    for place, (field, file) in enumerate(claims):
        for core in CORE:
            if _overlap(field, core) and not any(_is_within(field, refined) for refined in REFINED):
                raise AgentError(
                    f"Agent's file {file} claims field {field!r}, but every document may have {core!r} already. "
                    "Expected a field of its own, like tetragon.<agent>."
                )
        for second, other in claims[:place]:
            if _overlap(field, second):
                raise AgentError(
                    f"Agents' files {other} and {file} both claim {field!r} (as {second!r} and {field!r}). "
                    "Expected every field in one of them."
                )


def _overlap(one: str, other: str) -> bool:
    return _is_within(one, other) or _is_within(other, one)


def _is_within(field: str, other: str) -> bool:
    return field == other or field.startswith(f"{other}.")
