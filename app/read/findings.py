"""What the agents found to be of note in a document: their findings, and verdicts too slight to be one."""

from collections.abc import Iterator

import msgspec

from app.read.escape import shown
from app.read.fields import Document, found, number, text, texts
from app.read.paint import Paint, plain

SEVERE = 3  # of 0 to 4


class Finding(msgspec.Struct, frozen=True):
    names: tuple[str, ...]
    severity: int


def findings(document: Document) -> Iterator[Finding]:
    """Those that the document lists, and what a file's verdict and a change of privileges come to beside them."""
    agents: set[str] = set()
    for each in found(document, "tetragon.findings"):
        rule = text(each, "rule")
        agents.add(rule.partition(".")[0])
        yield Finding((rule,), number(each, "severity") or 0)
    severity = number(document, "tetragon.fim.severity") or 0
    category = text(document, "tetragon.fim.category")
    if category and severity and "fim" not in agents:
        yield Finding((category,), severity)
    tags = texts(document, "tetragon.privilege.tags")
    if tags and "privilege" not in agents:
        yield Finding(tuple(tags), number(document, "tetragon.privilege.severity") or 0)


def tag(finding: Finding, paint: Paint = plain) -> str:
    text = f"[{' '.join(map(shown, finding.names))} {finding.severity}]"
    return paint(text, "red" if finding.severity >= SEVERE else "dim")
