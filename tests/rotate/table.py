"""The table of runs in the documentation, in which each has a row of its own numbers."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.rotate.verdict import OURS, Verdict

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "faults.md"
HEAD: Final = "\n".join(
    ("| shipper | backups | seed | lines | kills | lost | repeated | gone unread | of it told |", "|---" * 9 + "|")
)

_MARKED: Final = re.compile(r"(<!-- rotate -->\n).*?(<!-- end of rotate -->)", re.DOTALL)


def row(verdict: Verdict) -> str:
    counts = (verdict.lines, verdict.kills, verdict.lost.total(), verdict.repeated, verdict.known, verdict.reported)
    backups = "packed" if verdict.packs else "plain"
    return f"| {verdict.shipper} | {backups} | {verdict.seed} | " + " | ".join(f"{count:,}" for count in counts) + " |"


def merged(text: str, verdicts: Iterable[Verdict]) -> str:
    """The document with these rows in its table; those of other shippers and seeds stay."""
    found = _MARKED.search(text)
    assert found is not None
    old = (line for line in found[0].splitlines()[3:] if line.startswith("| "))
    lines = {_key(line): line for line in [*old, *map(row, verdicts)]}
    body = "\n".join([HEAD, *(lines[key] for key in sorted(lines))])
    return _MARKED.sub(lambda marks: f"{marks[1]}{body}\n{marks[2]}", text)


def _key(line: str) -> tuple[bool, str, str, int]:
    _, shipper, backups, seed, *_ = (cell.strip() for cell in line.split("|"))
    return shipper != OURS, shipper, backups, int(seed)
