"""`tetrastash tree`: where a process comes from, and what came of it."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Final

import orjson

from app.errors import Stop
from app.read.branches import lines
from app.read.fields import Document
from app.read.paint import Choice, paint_for
from app.read.processes import Known, processes
from app.read.tree import around
from app.settings import Settings
from app.stdout import until_closed

STDIN: Final = "-"


async def from_elasticsearch(settings: Settings, entity: str, colour: Choice) -> int:
    """The exit status. Raises Stop or Retry, with a sentence, when Elasticsearch cannot answer."""
    from app import elastic  # `--documents` does without the client, which is slow to import
    from app.read.stored import stored

    async with elastic.client(settings) as client:
        found = await stored(client, settings, entity)
    status = _show(found.known, entity, colour, f"data stream {settings.data_stream!r}")
    for sentence in found.cut:
        sys.stderr.write(f"{sentence}\n")
    return status


def from_documents(file: str, entity: str, colour: Choice) -> int:
    """The exit status. Raises Stop for a file that cannot be read."""
    return _show(processes(_documents(file)), entity, colour, "stdin" if file == STDIN else f"file {file!r}")


def _show(known: Known, entity: str, colour: Choice, place: str) -> int:
    tree = around(known, entity)
    if tree is None:
        raise Stop(
            f"No process with exec_id {entity!r} is in {place}, among {len(known):,} read. Expected "
            "process.entity_id of a document, as it stands there."
        )
    terminal = sys.stdout.isatty()
    paint = paint_for(colour, os.environ, terminal=terminal)
    width = shutil.get_terminal_size().columns if terminal else None
    with until_closed():
        sys.stdout.buffer.write("".join(f"{line}\n" for line in lines(tree, paint, width)).encode())
        sys.stdout.buffer.flush()
    return 0


def _documents(file: str) -> Iterator[Document]:
    try:
        with nullcontext(sys.stdin.buffer) if file == STDIN else open(file, "rb") as opened:
            for number, line in enumerate(opened, 1):
                if line.strip():
                    yield _decoded(line, file, number)
    except OSError as error:
        raise Stop(
            f"File {file!r} cannot be read: {error.strerror}. Expected documents as `tetrastash enrich` prints them."
        ) from error


def _decoded(line: bytes, file: str, number: int) -> Document:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Stop(
            f"Line {number} of {file!r} is no JSON: {error}. Expected documents as `tetrastash enrich` prints them."
        ) from error
    return document if isinstance(document, dict) else {}
