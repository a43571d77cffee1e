"""What is shown of the stored documents: how many of each kind, one of them, and one process tree."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.table import Table

from app.read.branches import lines
from app.read.fields import Document
from app.read.processes import processes
from app.read.tree import Node, Tree, below, children_of

_SCREEN: Final = 16  # processes


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


def process_tree(documents: Sequence[Document]) -> str | None:
    """Of one node's documents the deepest tree that fits on a screen; None when no process has a child."""
    known = processes(documents)
    children = children_of(known)
    told = (entity for entity, process in known.items() if process.told)
    trees = [below(known, children, entity, most=_SCREEN) for entity in told]
    fitting = [root for root in trees if root.children and len(_levels(root)) <= _SCREEN]
    if not fitting:
        return None
    root = max(fitting, key=lambda each: (max(_levels(each)), len(_levels(each))))
    return "\n".join(lines(Tree(root, asked="")))


def _levels(root: Node) -> list[int]:
    """The depth of each process of the tree."""
    found, waiting = [], [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        found.append(depth)
        waiting += [(child, depth + 1) for child in node.children]
    return found
