"""What the system tells of folders and files without being asked, and what goes on where it tells nothing."""

import asyncio
from typing import NamedTuple, Protocol


class Changes(NamedTuple):
    """Since they were last asked for; all are paths as they were watched, or entries of watched folders.

    With `missed` more happened than was kept: anything may have changed, and no file is watched for certain.
    """

    files: frozenset[str] = frozenset()  # watched ones that were written to, cut, moved or removed
    entries: frozenset[str] = frozenset()  # that were made, moved or removed in a watched folder
    folders: frozenset[str] = frozenset()  # likewise, and watched folders that are none any more
    missed: bool = False


class Watching(Protocol):
    """Nothing may be concluded from its silence for good: a network's file system tells of nothing done elsewhere."""

    def folder(self, path: str) -> bool:
        """Watches it from now on, if it is not watched yet; False where that cannot be."""

    def file(self, path: str) -> bool:
        """Watches it until it was told of once; False where that cannot be."""

    def leave(self, path: str) -> None:
        """Watches the file no longer."""

    def changes(self) -> Changes: ...

    async def told(self, seconds: float) -> bool:
        """Waits for a change of a folder; False if there was none for so long."""

    def close(self) -> None: ...


class Unwatched:
    """Whoever wants to know must look."""

    def folder(self, path: str) -> bool:  # noqa: ARG002 - as the protocol has it
        return False

    def file(self, path: str) -> bool:  # noqa: ARG002 - as the protocol has it
        return False

    def leave(self, path: str) -> None: ...

    def changes(self) -> Changes:
        return Changes()

    async def told(self, seconds: float) -> bool:
        await asyncio.sleep(seconds)
        return False

    def close(self) -> None: ...
