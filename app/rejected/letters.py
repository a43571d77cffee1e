"""Dead letters as the topic holds them: which are alive, which are meant, and what a replay of one is. Pure."""

from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

import orjson

from app.errors import Stop
from app.read.fields import Document, text
from schemas.record import DOCUMENTS, FORMAT, FORMAT_VERSION, REPLAY

REPLAYS: Final = "replays"  # how often it was sent back; a letter that came again since then has none


class Letter(NamedTuple):
    """`time` is when it was written, in ms since 1970."""

    id: str
    partition: int
    time: int
    told: Document

    @property
    def replays(self) -> int:
        found = self.told.get(REPLAYS)
        return found if isinstance(found, int) else 0

    @property
    def original(self) -> bytes:
        """As it came. Raises Stop for a letter that holds none."""
        if isinstance(kept := self.told.get("original"), str):
            return kept.encode()
        if isinstance(packed := self.told.get("original_base64"), str):
            return b64decode(packed)
        raise Stop(f"The letter {self.id!r} holds no original. Expected one that tetrastash wrote.")

    def is_of(self, name: str) -> bool:
        key = text(self.told, "key")
        return name in (key, key.rpartition("/")[2])


class Wanted(NamedTuple):
    """All that is given must hold; `reason` may stand anywhere in the letter's, in any case."""

    ids: Sequence[str] = ()
    stage: str | None = None
    reason: str | None = None
    node: str | None = None
    replayed: bool = False

    def has(self, letter: Letter) -> bool:
        return (
            (not self.ids or letter.id in self.ids)
            and self.stage in (None, letter.told.get("stage"))
            and (self.reason is None or self.reason.lower() in text(letter.told, "reason").lower())
            and (self.node is None or letter.is_of(self.node))
            and (not self.replayed or letter.replays > 0)
        )

    def require(self, found: Iterable[Letter]) -> None:
        """Raises Stop for an id that no letter has."""
        present = {letter.id for letter in found}
        missing = [each for each in self.ids if each not in present]
        if missing:
            near = get_close_matches(missing[0], present, 1)
            hint = f" Did you mean {near[0]!r}?" if near else " `tetrastash rejected list` shows those that there are."
            raise Stop(f"No dead letter has the id {missing[0]!r}.{hint}")


class Sent(NamedTuple):
    """A record to be written. `partition` is None where the key, or chance, is to say."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


def letter_of(key: bytes | None, value: bytes | None, partition: int, time: int) -> Letter | None:
    """None for what is no letter."""
    try:
        told = orjson.loads(value or b"")
    except ValueError:
        return None
    return Letter(key.decode("utf-8", "replace"), partition, time, told) if key and isinstance(told, dict) else None


def marked(letter: Letter) -> bytes:
    """With one replay more."""
    return orjson.dumps({**letter.told, REPLAYS: letter.replays + 1})


def replay_of(letter: Letter, events: str, documents: str) -> Sent:
    """To where it failed: a line to the topic `events`, a document to `documents`. Raises Stop for an unknown stage."""
    origin: Mapping[str, Any] = letter.told.get("origin") or {}
    stage, key = letter.told.get("stage"), text(letter.told, "key").encode() or None
    if stage in ("decode", "enrich"):
        topic, value, headers = events, letter.original, [(REPLAY, letter.id.encode())]
    elif stage == "index":
        command = orjson.dumps({"create": {"_id": letter.id}})
        topic, value = documents, b"%b\n%b\n" % (command, letter.original.rstrip(b"\n"))
        headers = [(FORMAT, FORMAT_VERSION), (DOCUMENTS, b"1")]
    else:
        raise Stop(f"The letter {letter.id!r} is of stage {stage!r}. Expected decode, enrich or index.")
    partition = origin.get("partition") if origin.get("topic") == topic else None
    return Sent(topic, partition if isinstance(partition, int) else letter.partition, key, value, headers)
