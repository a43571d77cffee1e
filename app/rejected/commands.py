"""`tetrastash rejected list|show|replay|drop`."""

import asyncio
import logging
import os
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import click
import orjson

from app.errors import Stop
from app.kafka.reach import told
from app.read.escape import shown, visible
from app.read.letter import letter_line
from app.read.paint import Paint, paint_for
from app.rejected import topic
from app.rejected.letters import Letter, Wanted
from app.settings import Settings
from app.stdout import until_closed


def list_letters(settings: Settings, wanted: Wanted, *, as_json: bool) -> int:
    found = asyncio.run(_found(settings, wanted))
    paint = paint_for("auto", os.environ, terminal=sys.stdout.isatty())
    with until_closed():
        for letter in found:
            sys.stdout.buffer.write(_as_json(letter) if as_json else f"{_line(letter, paint)}\n".encode())
        sys.stdout.buffer.flush()
    reasons = Counter(str(letter.told.get("reason", "")).partition(":")[0] for letter in found)
    told = "".join(f"\n  {count:,} {visible(reason)}" for reason, count in reasons.most_common(10))
    click.echo(f"{len(found):,} dead letters{told}", err=True)
    return 0


def show_letter(settings: Settings, id_: str, *, raw: bool) -> int:
    [letter] = asyncio.run(_found(settings, Wanted([id_])))
    with until_closed():
        if raw:
            if sys.stdout.isatty():
                raise Stop("A terminal would obey what an attacker wrote. Expected --raw into a file or a pipe.")
            sys.stdout.buffer.write(letter.original)
        else:
            text = orjson.dumps(letter.told, option=orjson.OPT_INDENT_2).decode()
            click.echo("\n".join(map(visible, text.split("\n"))))
    return 0


def drop_letters(settings: Settings, wanted: Wanted, *, sure: bool) -> int:
    found = asyncio.run(_found(settings, wanted))
    if found and (sure or _asked(f"Drop {len(found):,} dead letters for good?")):
        asyncio.run(_drop(settings, found))
        click.echo(f"{len(found):,} dropped", err=True)
    else:
        click.echo("none dropped", err=True)
    return 0


def replay_letters(settings: Settings, wanted: Wanted, *, sure: bool) -> int:
    found = asyncio.run(_found(settings, wanted))
    if found and (sure or _asked(f"Send {len(found):,} dead letters back to where they failed?")):
        asyncio.run(_replay(settings, found))
        click.echo("One that fails again is the same letter. The others: tetrastash rejected drop --replayed", err=True)
    else:
        click.echo("none sent", err=True)
    return 0


async def _found(settings: Settings, wanted: Wanted) -> list[Letter]:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would tell is told here, in sentences
    async with told(settings, topic.rights(settings)):
        found = await topic.read(settings, wanted.has)
    wanted.require(found)
    return found


async def _drop(settings: Settings, letters: Sequence[Letter]) -> None:
    async with told(settings, topic.rights(settings)):
        await topic.drop(settings, letters)


async def _replay(settings: Settings, letters: Sequence[Letter]) -> None:
    async with told(settings, topic.rights(settings)):
        async for done in topic.replay(settings, letters):
            click.echo(f"{done:,} of {len(letters):,} sent", err=True)


def _asked(question: str) -> bool:
    if not sys.stdin.isatty():
        raise Stop("Nobody is there to be asked. Expected --yes.")
    return click.confirm(question, err=True)


def _line(letter: Letter, paint: Paint) -> str:
    time = datetime.fromtimestamp(letter.time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    again = f" replays={letter.replays}" if letter.replays else ""
    return f"{time} {shown(letter.id)}{again} {letter_line(letter.told, paint)}"


def _as_json(letter: Letter) -> bytes:
    return orjson.dumps({**letter.told, "id": letter.id, "written": letter.time}, option=orjson.OPT_APPEND_NEWLINE)
