"""The ledger as text."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from app.ledger.balance import Line, Node
from app.read.escape import plain, shown
from app.read.paint import Paint
from schemas.times import SECOND

SILENT_SECONDS: Final = 300.0  # a shipper says every minute that it is there

_HEAD: Final = (
    "node", "when (UTC)", "lines", "documents", "stored", "dead letters", "dropped", "repeated", "in flight", ""
)  # fmt: skip
_WORDS: Final = 2  # columns that are no numbers
BALANCED: Final = "balanced"


def table(lines: Sequence[Line], paint: Paint, *, every: bool) -> Iterator[str]:
    """A row for each node, and above it its periods: all, or those that do not add up."""
    rows: list[tuple[str, ...]] = [_HEAD]
    by_node: dict[str, list[Line]] = {}
    for line in lines:
        by_node.setdefault(line.node, []).append(line)
    for node, of_node in by_node.items():
        rows += [_cells(node, _when(line), [line]) for line in of_node if every or line.off]
        rows.append(_cells(node, f"{len(of_node)} periods", of_node))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        text = "  ".join(
            cell.ljust(width) if column < _WORDS or column == len(row) - 1 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        yield paint(text, "bold") if row is _HEAD else text if row[-1] == BALANCED else paint(text, "red")


def remarks(lines: Sequence[Line], paint: Paint) -> Iterator[str]:
    """What no column has room for."""
    for line in lines:
        if line.examples:
            yield paint(f"{shown(line.node)} {_when(line)}: not stored: {' '.join(line.examples)}", "red")
        if line.gone:
            yield f"{shown(line.node)} {_when(line)}: {line.gone:,} documents that Kafka no longer holds"
        for rule, number in line.row.dropped.items():
            yield f"{shown(line.node)} {_when(line)}: {number:,} dropped by the rule {shown(rule)}"
        if line.row.unseen or line.row.throttled:
            yield (
                f"{shown(line.node)} {_when(line)}: Tetragon itself dropped {line.row.unseen:,} events, and began "
                f"{line.row.throttled:,} times to throttle a cgroup"
            )


def about(node: Node, paint: Paint) -> Iterator[str]:
    """What its shipper says, where it is not what one expects."""
    name = shown(node.node)
    if node.missing > 0:
        yield paint(f"{name}: {node.missing:,} lines of {node.sent:,} that its shipper sent never came", "red")
    elif node.missing < 0:
        yield paint(f"{name}: {-node.missing:,} lines more came than its shipper sent", "red")
    if node.lost_files or node.lost_lines:
        yield paint(
            f"{name}: known losses: {node.lost_lines:,} lines, {node.lost_files:,} files, {node.lost_bytes:,} bytes",
            "yellow",
        )
        for loss in node.losses:
            yield plain(f"  {loss.at} {loss.path} {loss.bytes:,} bytes: {loss.reason}")


def silences(nodes: Sequence[Node], paint: Paint) -> Iterator[str]:
    for name, seconds in {node.node: node.silent for node in nodes}.items():
        if seconds >= SILENT_SECONDS:
            yield paint(f"{shown(name)} has been silent for {_long(seconds)}", "yellow")


def _cells(node: str, when: str, lines: Sequence[Line]) -> tuple[str, ...]:
    off = sum(line.off for line in lines)
    wrong = sum(line.off != 0 for line in lines)
    verdict = BALANCED if not wrong else f"{off:,} missing" if off > 0 else f"{-off:,} too many"
    if wrong and not off:
        verdict = "wrong minutes"
    rows = [line.row for line in lines]
    numbers = (
        sum(row.lines for row in rows),
        sum(row.documents for row in rows),
        sum(line.stored for line in lines),
        sum(row.rejected for row in rows) + sum(line.refused for line in lines),
        sum(sum(row.dropped.values()) for row in rows),
        sum(line.repeated for line in lines),
        sum(line.on_the_way for line in lines),
    )
    return shown(node), when, *(f"{number:,}" for number in numbers), verdict


def _when(line: Line) -> str:
    unit, start = line.period
    if unit == "earlier":
        return "earlier"
    return datetime.fromtimestamp(start // SECOND, UTC).strftime(
        "%Y-%m-%d %H:%M" if unit == "minute" else "%Y-%m-%d %H h"
    )


def _long(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
