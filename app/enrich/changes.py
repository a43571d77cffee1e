"""Which entries differ from the last checkpoint."""

from typing import Final, TypeAlias

Key: TypeAlias = tuple[str, str, str]  # scope, owner, name: schemas.checkpoint.Entry, cheaper

OVERHEAD: Final = 250  # bytes: an entry's name, ids and numbers, as JSON


class Changes:
    """`size` is about what the changed entries come to, in bytes of JSON."""

    __slots__ = ("keys", "size")

    def __init__(self) -> None:
        self.keys: dict[Key, None] = {}
        self.size = 0

    def note(self, key: Key, size: int) -> None:
        if key not in self.keys:
            self.keys[key] = None
            self.size += size + OVERHEAD

    def take(self) -> list[Key]:
        taken = list(self.keys)
        self.keys.clear()
        self.size = 0
        return taken
