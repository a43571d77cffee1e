"""What is written to stdout: JSON as it is, or a line for people."""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeAlias

import orjson

from app.read.compact import compact
from app.read.escape import shown, visible
from app.read.fields import Document
from app.read.letter import letter_line
from app.read.paint import Choice, Paint, paint_for

Form: TypeAlias = Literal["compact", "json"]

_ROOM: Final = 400  # characters of arguments on a terminal; whoever wants more takes a pipe, or JSON


class Look:
    """How things are shown. A terminal gets no JSON as it is, for it would obey what it does not print."""

    def __init__(self, form: Form, paint: Paint, *, terminal: bool) -> None:
        self.form = form
        self._paint = paint
        self._terminal = terminal
        self._room = _ROOM if terminal else None

    def json(self, line: bytes) -> bytes:
        """Of a line without its end."""
        return visible(line.decode("utf-8", "replace")).encode() + b"\n" if self._terminal else line + b"\n"

    def document(self, document: Document) -> bytes:
        return f"{compact(document, self._paint, self._room)}\n".encode()

    def letter(self, letter: Document) -> bytes:
        return f"{letter_line(letter, self._paint)}\n".encode()

    def unreadable(self, line: bytes) -> bytes:
        return f"{self._paint('❓ unreadable', 'red')} {shown(line[:_ROOM].decode('utf-8', 'replace'))}\n".encode()


def look(form: Form, colour: Choice) -> Look:
    """For this process's stdout."""
    terminal = sys.stdout.isatty()
    return Look(form, paint_for(colour, os.environ, terminal=terminal), terminal=terminal)


def documents_as(form: Form, colour: Choice) -> Callable[[Iterable[bytes]], bytes]:
    """Makes lines of encoded documents, each with its line end."""
    made = look(form, colour)
    if form == "compact":
        return lambda documents: b"".join(made.document(orjson.loads(document)) for document in documents)
    if not sys.stdout.isatty():
        return b"".join
    return lambda documents: b"".join(made.json(document.rstrip(b"\n")) for document in documents)
