"""What one agent remembers of one scope: its `memory`."""

from collections.abc import Iterator, MutableMapping
from typing import Any, Final

import msgspec
import orjson

from app.enrich.changes import Changes
from app.enrich.clock import Clock
from schemas.fragment import kept
from schemas.times import SECOND

MOST: Final = 4096  # entries of one agent in one scope; beyond, the eighth that expires first goes
LONGEST: Final = 16_384  # bytes of one value as JSON

_Note = tuple[int, msgspec.Raw]
_DECODER = msgspec.json.Decoder(_Note)


class Notes(MutableMapping[str, Any]):
    """Values are JSON, copied in and out: what an agent does to one that it holds is not remembered until it is set.

    An entry lives for `ttl` seconds after it was last set, by the scope's clock. Iteration is in the order of names,
    because that of insertion does not survive a restart.
    """

    __slots__ = ("_changes", "_clock", "_notes", "_owner", "_scope", "ttl")

    def __init__(self, scope: str, owner: str, ttl: float, clock: Clock, changes: Changes) -> None:
        self.ttl = ttl
        self._scope = scope
        self._owner = owner
        self._clock = clock
        self._changes = changes
        self._notes: dict[str, tuple[int, bytes]] = {}

    def __getitem__(self, name: str) -> Any:
        expires, value = self._notes[name]
        if expires <= self._clock.now:
            raise KeyError(name)
        return orjson.loads(value)

    def get(self, name: str, default: Any = None) -> Any:
        """As a mapping has it; most of what is asked for is not there, and an exception for each would cost more."""
        note = self._notes.get(name)
        return orjson.loads(note[1]) if note is not None and note[0] > self._clock.now else default

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"memory has key {name!r}; expected a string")
        encoded = kept(value)
        if len(encoded) > LONGEST:
            raise ValueError(f"memory[{name!r}] would take {len(encoded)} bytes; at most {LONGEST} are kept")
        note = (self._clock.now + int(self.ttl * SECOND), encoded)
        if self._notes.get(name) != note:
            self._notes[name] = note
            self._note(name, len(encoded))
            if len(self._notes) > MOST:
                self._evict(MOST - MOST // 8)

    def __delitem__(self, name: str) -> None:
        _ = self[name]
        self._drop(name)

    def __iter__(self) -> Iterator[str]:
        now = self._clock.now
        return iter(sorted(name for name, (expires, _) in self._notes.items() if expires > now))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def sweep(self) -> None:
        """Forgets what has expired."""
        now = self._clock.now
        for name in [name for name, (expires, _) in self._notes.items() if expires <= now]:
            self._drop(name)

    def value(self, name: str) -> bytes | None:
        note = self._notes.get(name)
        return b"[%d,%b]" % note if note is not None else None

    def restore(self, name: str, value: bytes | None) -> None:
        if value is None:
            self._notes.pop(name, None)
        else:
            expires, raw = _DECODER.decode(value)
            self._notes[name] = (expires, bytes(raw))

    def names(self) -> list[str]:
        return list(self._notes)

    def _evict(self, keep: int) -> None:
        oldest = sorted(self._notes, key=lambda name: (self._notes[name][0], name))
        for name in oldest[: len(oldest) - keep]:
            self._drop(name)

    def _drop(self, name: str) -> None:
        del self._notes[name]
        self._note(name, 0)

    def _note(self, name: str, size: int) -> None:
        self._changes.note((self._scope, self._owner, name), len(name) + size)
