"""Kills a process while it writes down: before the interpreter's first instruction, before the second one, and so on.

    python -m tests.ship.killed FOLDER save|append

Every kill is of a process of its own in a copy of `FOLDER/before`; what it left is in `FOLDER/0`, `FOLDER/1`, … The
last one was not killed. Between two system calls of Python code there is always an instruction.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from app.ship.book import Book, LogBook, Place
from app.ship.journal import Change
from app.ship.positions import PositionFile, locked

OLD = Book(id="old", logs={"x": LogBook(files=[Place("a", position=1)] * 400)})
NEW = Book(id="new", logs={"x": LogBook(files=[Place("a", position=2)] * 500)})  # longer than what a file buffers
CHANGE = Change("y", files={"b": Place("b", position=3)})
NAME = "positions.json"


def save(positions: PositionFile) -> Callable[[], None]:
    """NEW over what is there."""
    positions.load()
    return lambda: positions.save(NEW)


def append(positions: PositionFile) -> Callable[[], None]:
    """CHANGE to what is there, whose journal has taken something before if it was there."""
    old = positions.load()
    positions.save(old)
    if old.saved:
        positions.append([Change("z")])
    return lambda: positions.append([CHANGE])


ACTS = {act.__name__: act for act in (save, append)}


class Trap:
    """A trace function of all frames that begin after it was set."""

    def __init__(self, instructions: int) -> None:
        self._left = instructions

    def __call__(self, frame: FrameType, event: str, _: Any) -> "Trap":
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def perform(name: str, folder: Path, instructions: int) -> None:
    """In this process, which does not come back."""
    with locked(folder / NAME) as positions:
        act = ACTS[name](positions)
        sys.settrace(Trap(instructions))
        act()
        sys.settrace(None)
    os._exit(0)


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    for number in count():
        own = shutil.copytree(folder / "before", folder / str(number))
        child = os.fork()
        if not child:
            perform(name, own, number)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 0:
            return
        if status != -signal.SIGKILL:
            sys.exit(f"killed before instruction {number}, it ended with exit status {status}")


if __name__ == "__main__":
    main()
