"""A tree of processes as lines for a terminal."""

import unicodedata
from collections.abc import Iterator
from typing import Final

from app.read.escape import shown
from app.read.findings import tag
from app.read.paint import Paint, plain
from app.read.processes import Process
from app.read.tree import Node, Tree
from schemas.lineage import basename
from schemas.times import SECOND

_MOST_TAGS: Final = 3  # of one process
_GAP: Final = 2  # columns between a command and what stands at the right
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def lines(tree: Tree, paint: Paint = plain, width: int | None = None) -> Iterator[str]:
    """`width` is the terminal's, for which arguments are cut and the right column is set; nothing else is ever cut."""
    asked = _find(tree.root, tree.asked)
    if asked is not None and (title := _title(asked.process)):
        yield paint(title, "dim")
    if tree.above:
        yield paint(f"  … above it {shown(tree.above)}", "dim")
    # A node, the boxes before it, and those before what is below it; without a node a sentence.
    stack: list[tuple[Node | None, str, str]] = [(tree.root, "", "")]
    while stack:
        node, boxes, beneath = stack.pop()
        if node is None:
            yield paint(f"  {_fitted(boxes, width)}{beneath}", "dim")
            continue
        yield _row(node.process, boxes, paint, width, marked=node.process.id == tree.asked)
        if node.left_out:
            stack.append((None, f"{beneath}└─ ", f"… {node.left_out:,} more"))
        last = len(node.children) - 1
        for place in range(last, -1, -1):
            end = place == last and not node.left_out
            turn, down = ("└─ ", "   ") if end else ("├─ ", "│  ")
            stack.append((node.children[place], f"{beneath}{turn}", f"{beneath}{down}"))


def _find(root: Node, entity: str) -> Node | None:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.process.id == entity:
            return node
        waiting += node.children
    return None


def _title(process: Process) -> str:
    places = [shown(place) for place in (process.pod, process.host) if place]
    entry = [f"entry by {shown(process.entry)}"] if process.entry else []
    return ", ".join([" on ".join(places), *entry] if places else entry)


def _row(process: Process, boxes: str, paint: Paint, width: int | None, *, marked: bool) -> str:
    mark = "▶ " if marked else "  "
    boxes = _fitted(boxes, width)
    binary = shown(process.executable) if process.executable else "?"
    arguments = " ".join(map(shown, process.args))
    facts = list(_facts(process))
    right = " · ".join(text for text, _ in facts)
    gap = _GAP
    if width is not None:
        left = _cells(f"{mark}{boxes}{binary}{_tags(process, plain)}")
        arguments = _cut(arguments, width - left - 1 - _GAP - _cells(right))
        gap = max(_GAP, width - left - _cells(f" {arguments}" if arguments else "") - _cells(right))
    words = [paint(binary, "bold" if marked else "magenta"), *([paint(arguments, "cyan")] if arguments else [])]
    told = " · ".join(paint(text, "red" if bad else "dim") for text, bad in facts)
    row = f"{paint(mark, 'bold') if marked else mark}{paint(boxes, 'dim')}{' '.join(words)}{_tags(process, paint)}"
    return f"{row}{' ' * gap}{told}" if told else row


def _tags(process: Process, paint: Paint) -> str:
    was = " ".join(shown(basename(image)) for image in process.previous)
    more = len(process.findings) - _MOST_TAGS
    tags = [
        paint(f"[was {was}]", "dim") if was else "",
        *(tag(each, paint) for each in process.findings[:_MOST_TAGS]),
        paint(f"[and {more} more]", "dim") if more > 0 else "",
    ]
    return "".join(f" {each}" for each in tags if each)


def _facts(process: Process) -> Iterator[tuple[str, bool]]:
    """What stands at the right, and whether it is bad."""
    if process.user:
        user = "root" if process.user == "0" else f"uid {process.user}" if process.user.isdigit() else process.user
        yield user if process.user.isdigit() else shown(user), False
    if process.pid is not None:
        yield str(process.pid), False
    if process.signal:
        yield shown(process.signal), True
    elif process.exit_code is not None:
        yield f"exit {process.exit_code}", process.exit_code != 0
    if process.duration is not None:
        yield _span(process.duration), False


def _span(nanoseconds: int) -> str:
    seconds = nanoseconds / SECOND
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size)
    return f"{seconds / size:.1f} {unit}"


def _fitted(boxes: str, width: int | None) -> str:
    """Of a deep branch the end: it may not take the place of what it leads to."""
    room = width // 3 if width is not None else len(boxes)
    return boxes if len(boxes) <= room else f"…{boxes[len(boxes) - room + 1 :]}"


def _cut(text: str, room: int) -> str:
    if _cells(text) <= room:
        return text
    kept, taken = [], 1  # the ellipsis
    for character in text:
        taken += _cells(character)
        if taken > room:
            break
        kept.append(character)
    return f"{''.join(kept)}…" if kept else ""


def _cells(text: str) -> int:
    """Columns of a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )
