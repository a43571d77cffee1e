"""A process with its ancestors and its descendants. Pure; `msgspec.to_builtins` makes JSON of it."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from app.read.processes import Known, Process

MOST: Final = 500  # descendants
DEEPEST: Final = 50  # ancestors, and levels of descendants

Children = Mapping[str, Sequence[str]]


class Node(msgspec.Struct):
    process: Process
    children: list["Node"] = []
    left_out: int = 0  # children that did not fit


class Tree(msgspec.Struct):
    root: Node
    asked: str  # exec_id
    above: str = ""  # exec_id of an ancestor above the root, which did not fit


def children_of(known: Known) -> Children:
    """By exec_id of the parent, in the order of their starts."""
    children: dict[str, list[str]] = defaultdict(list)
    for process in sorted(known.values(), key=lambda each: (each.start, each.pid or 0, each.id)):
        if process.parent:
            children[process.parent].append(process.id)
    return children


def around(known: Known, asked: str, most: int = MOST) -> Tree | None:
    """None if nothing is known of `asked`. Each process is in it once, whatever documents say of parents."""
    if asked not in known:
        return None
    chain = [asked]
    while (parent := known[chain[-1]].parent) in known and parent not in chain and len(chain) <= DEEPEST:
        chain.append(parent)
    top = known[chain[-1]].parent
    root = below(known, children_of(known), asked, most, chain)
    for entity in chain[1:]:
        root = Node(known[entity], [root])
    return Tree(root, asked, above=top if top in known and top not in chain else "")


def below(known: Known, children: Children, top: str, most: int = MOST, above: Sequence[str] = ()) -> Node:
    """`top` and what descends from it, the nearest first until there are `most`; nobody of `above` again."""
    seen = {top, *above}
    root = Node(known[top])
    waiting = deque([(root, 0)])
    left = most
    while waiting:
        node, depth = waiting.popleft()
        for entity in children.get(node.process.id, ()):
            if entity in seen:
                continue
            seen.add(entity)
            if not left or depth == DEEPEST:
                node.left_out += 1
                continue
            left -= 1
            child = Node(known[entity])
            node.children.append(child)
            waiting.append((child, depth + 1))
    return root
