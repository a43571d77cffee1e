"""What a check has found, and how a person and a program get to read it."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import click
import orjson

from app.errors import TetrastashError
from app.read.escape import plain

Status: TypeAlias = Literal["ok", "failed", "warning", "skipped"]

_COLOURS: Final[Mapping[Status, str]] = {"ok": "green", "failed": "red", "warning": "yellow", "skipped": "bright_black"}
_MARKS: Final[Mapping[Status, str]] = {"ok": "✓", "failed": "✕", "warning": "!", "skipped": "–"}  # noqa: RUF001
_PLAIN_MARKS: Final[Mapping[Status, str]] = {"ok": "+", "failed": "x", "warning": "!", "skipped": "-"}
_INDENT: Final = "  "
_TODO: Final = re.compile(r"(?<=[.)]) (?=(?:Expected|Run|Did you mean|Set|Move) )")


class Finding(NamedTuple):
    """`todo` is what a person is to do about it; `figures` is for programs alone."""

    status: Status
    check: str
    text: str
    todo: str = ""
    figures: Mapping[str, Any] = {}


def ok(check: str, text: str) -> Finding:
    return Finding("ok", check, text)


def failed(check: str, text: str, todo: str = "") -> Finding:
    return Finding("failed", check, text, todo)


def warning(check: str, text: str, todo: str = "") -> Finding:
    return Finding("warning", check, text, todo)


def skipped(check: str, text: str) -> Finding:
    return Finding("skipped", check, text)


def refused(check: str, error: TetrastashError | str) -> Finding:
    """Of a sentence as all errors here have it: what is wrong first, and what to do behind it."""
    text, *rest = _TODO.split(str(error), maxsplit=1)
    return failed(check, text, " ".join(rest))


def has_failed(findings: Iterable[Finding]) -> bool:
    return any(finding.status == "failed" for finding in findings)


def text_of(findings: Iterable[Finding], *, encoding: str, colour: bool, width: int | None) -> str:
    """`width` in columns; None leaves every finding on a line of its own, for `grep`."""
    return "".join(
        f"{line}\n" for finding in findings for line in _lines(finding, encoding, colour=colour, width=width)
    )


def json_of(findings: Iterable[Finding]) -> bytes:
    told = list(findings)
    checks = [{name: value for name, value in finding._asdict().items() if value} for finding in told]
    return orjson.dumps(
        {"ok": not has_failed(told), "checks": checks}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )


def _lines(finding: Finding, encoding: str, *, colour: bool, width: int | None) -> Iterator[str]:
    mark = _mark(finding.status, encoding)
    shown = click.style(mark, fg=_COLOURS[finding.status], bold=True) if colour else mark
    first, *more = _wrapped(f"{finding.check}: {finding.text}", encoding, width, len(_INDENT))
    yield f"{shown} {first}"
    yield from (f"{_INDENT}{line}" for line in more)
    if finding.todo:
        yield from (f"{_INDENT * 2}{line}" for line in _wrapped(finding.todo, encoding, width, len(_INDENT) * 2))


def _mark(status: Status, encoding: str) -> str:
    try:
        "".join(_MARKS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return _PLAIN_MARKS[status]
    return _MARKS[status]


def _wrapped(text: str, encoding: str, width: int | None, indent: int) -> list[str]:
    clean = _printable(text, encoding)
    if width is None:
        return [clean]
    return textwrap.wrap(clean, max(width - indent, 20), break_long_words=False, break_on_hyphens=False) or [""]


def _printable(text: str, encoding: str) -> str:
    """Servers and files are quoted here, and a terminal obeys escape codes."""
    shown = plain(" ".join(text.split()))
    try:
        return shown.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        return shown.encode("ascii", "backslashreplace").decode()
