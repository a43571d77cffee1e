"""Files of scripts, in blocks, each on a machine of its own:

= what is going on
pod IMAGE              where it begins, as tests.acts.beginnings has it
  /usr/sbin/nginx      a script, as tests.acts.script reads it
? RULE why             a medium finding that is wanted, and all that are found
! RULE                 a grave one that is wanted
"""

from pathlib import Path
from typing import NamedTuple

from tests.acts.script import Line


class Block(NamedTuple):
    """`wanted` has by rule of a finding what is said about it, `graves` the rules of which a grave one is wanted."""

    title: str
    where: str
    lines: list[Line]
    wanted: dict[str, str]
    graves: list[str]


def blocks(file: Path) -> list[Block]:
    """Raises ValueError, naming the line."""
    found: list[Block] = []
    for number, written in enumerate(file.read_text().splitlines(), start=1):
        text = written.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("= "):
            found.append(Block(text[2:], "", [], {}, []))
        elif not found:
            raise ValueError(f"{file.name}:{number}: {text!r} stands before the first block; expected `= title`")
        elif text.startswith("? "):
            rule, _, why = text[2:].partition(" ")
            found[-1].wanted[rule] = why
        elif text.startswith("! "):
            found[-1].graves.append(text[2:])
        elif not found[-1].where:
            found[-1] = found[-1]._replace(where=text)
        else:
            found[-1].lines.append(Line.of(number, written.removeprefix("  ")))
    return found
