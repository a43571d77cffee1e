"""What is shown of the stored documents: how many of each kind, one of them, and one process tree."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.tree import Tree

Document = Mapping[str, Any]


def kinds(counts: Mapping[str, int]) -> Table:
    table = Table("event", "documents", title="Stored", title_justify="left")
    table.columns[1].justify = "right"
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    return table


def as_text(document: Document) -> str:
    """A line for each field, but for the event as Tetragon wrote it, which would fill the screen once more."""
    fields = {name: value for name, value in _fields(document, "") if name != "event.original"}
    width = max(map(len, fields), default=0)
    return "\n".join(f"{name:{width}}  {value}" for name, value in fields.items())


def _fields(document: Document, path: str) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _fields(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def an_execution(documents: Sequence[Document]) -> Document | None:
    """From the middle: the first ones are what ran before Tetragon, and know little."""
    executed = [document for document in documents if document["tetragon"]["event"] == "process_exec"]
    return executed[len(executed) // 2] if executed else None


def process_tree(documents: Sequence[Document]) -> Tree | None:
    """Of one node's documents the deepest tree that fits on a screen; None when no process has a child."""
    executed = {
        _entity(document): document for document in documents if document["tetragon"]["event"] == "process_exec"
    }
    exits = {_entity(document): document for document in documents if document["tetragon"]["event"] == "process_exit"}
    children: dict[str, list[str]] = defaultdict(list)
    for entity, document in executed.items():
        children[document["process"].get("parent", {}).get("entity_id", "")].append(entity)

    def below(entity: str, depth: int) -> Iterator[int]:
        """The depth of each process of the tree."""
        yield depth
        for child in children[entity]:
            yield from below(child, depth + 1)

    def grow(tree: Tree, entity: str) -> Tree:
        for child in children[entity]:
            grow(tree.add(_label(executed[child], exits.get(child))), child)
        return tree

    depths = {entity: list(below(entity, 1)) for entity in list(executed)}
    fitting = [entity for entity, found in depths.items() if 2 <= len(found) <= 16]
    if not fitting:
        return None
    root = max(fitting, key=lambda entity: (max(depths[entity]), len(depths[entity])))
    return grow(Tree(_label(executed[root], exits.get(root))), root)


def _entity(document: Document) -> str:
    return str(document["process"]["entity_id"])


def _label(executed: Document, ended: Document | None) -> str:
    process = executed["process"]
    command = str(process.get("command_line") or process.get("executable", "?"))
    label = f"{command[:90]}  [pid {process['pid']}]"
    if ended is None:
        return label
    if signal := ended["tetragon"].get("exit", {}).get("signal"):
        return f"{label}  {signal}"
    return f"{label}  exit {ended['process'].get('exit_code', '?')}"
