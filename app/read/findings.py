"""What the agents found to be of note in a document: a file's verdict, a change of privileges."""

from collections.abc import Iterator

import msgspec

from app.read.escape import shown
from app.read.fields import Document, number, text, texts
from app.read.paint import Paint, plain

SEVERE = 3  # of 0 to 4


class Finding(msgspec.Struct, frozen=True):
    names: tuple[str, ...]
    severity: int


def findings(document: Document) -> Iterator[Finding]:
    """The file's, if its verdict is not `none`, then that of privileges, if it has a name."""
    severity = number(document, "tetragon.fim.severity") or 0
    category = text(document, "tetragon.fim.category")
    if category and severity:
        yield Finding((category,), severity)
    tags = texts(document, "tetragon.privilege.tags")
    if tags:
        yield Finding(tuple(tags), number(document, "tetragon.privilege.severity") or 0)


def tag(finding: Finding, paint: Paint = plain) -> str:
    text = f"[{' '.join(map(shown, finding.names))} {finding.severity}]"
    return paint(text, "red" if finding.severity >= SEVERE else "dim")
