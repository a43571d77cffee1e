"""The table, for a terminal and for docs/bench.md."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.rows import HEADINGS, ROWS

PAGE: Final = Path("docs/bench.md")
_BEFORE: Final = """\
# What an event costs

Written by `make bench ARGS="--write"`; a part of it is measured again by `make bench ARGS="ship enrich"`, and every
command that it runs is printed.

A figure in µs is CPU time, user and system, of tetrastash's own processes for one event, as the kernel counts it; what
the same command costs with nothing to do is taken off. It is not wall time, yet other work on a shared machine makes
every instruction slower: what orjson costs meanwhile tells how much. Kafka and Elasticsearch are real ones on the same
machine; the *null server* takes bulk requests and keeps nothing. The *peer* is a bare Python loop over confluent-kafka
and orjson (`bench/bare.py`), measured in the same run: one hop, a small document, no guarantees. *File to stored* is
the time from writing a line to Elasticsearch's answer that its document is stored. Memory is resident at most. The
*story* is `examples/story.py`: twenty nodes with file, network and credential events among the others. A *path* is what
the FIM agent classifies, by the taxonomy of this package; there the figure is for one path, in the bench's own process.
A figure in % is the share of one core that tetrastash's own process takes.
"""


def as_text(rows: Sequence[Sequence[str]]) -> str:
    table = [HEADINGS, *rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if 1 <= column <= 5 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    )


def as_markdown(rows: Sequence[Sequence[str]], command: str, conditions: str) -> str:
    lines = [_BEFORE, f"`{command}`, {conditions}:", ""]
    lines += ["| " + " | ".join(HEADINGS) + " |", "|---|" + "---:|" * 5 + "---|---|"]
    lines += ["| " + " | ".join(cell.strip() for cell in line) + " |" for line in rows]
    lines += ["", "| row | command | peer |", "|---|---|---|"]
    for name, row in ROWS.items():
        lines.append(f"| {name.strip()} | `{row.command}` | {f'`{row.peer}`' if row.peer else ''} |")
    return "\n".join(lines) + "\n"


def conditions(events: int, size: int, repeat: int, yardstick: Sequence[float]) -> str:
    """What the figures depend on; `size` in bytes, `yardstick` in µs."""
    times = f", median of {repeat}" if repeat > 1 else ""
    return (
        f"{events:,} exec and exit events of {size / events:,.0f} bytes on average{times}; {os.cpu_count()} cores "
        f"({_processor()}), Python {platform.python_version()}; orjson.loads and orjson.dumps of an event cost "
        f"{min(yardstick):.1f} to {max(yardstick):.1f} µs meanwhile"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
