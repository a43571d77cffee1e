"""When positions are written down: so soon that a kill repeats little, and so that nothing waits for a disk."""

import asyncio
import logging
import time
from typing import Final

from app.console.health import Board
from app.ship.book import Book
from app.ship.positions import PositionFile
from app.ship.tail import Tail

log: Final = logging.getLogger(__name__)

SYNC_SECONDS: Final = 0.05  # what arrives meanwhile comes once more after a loss of power
SAVE_SECONDS: Final = 10.0  # for the sizes of files that wait, and for whoever reads the file
AGAIN_SECONDS: Final = 1.0  # after a disk has refused to take something


class Keeping:
    """What is appended to the journal outlives a kill at once; the disk is waited for in a thread."""

    def __init__(self, positions: PositionFile, book: Book, tail: Tail, alive: Board) -> None:
        self._positions = positions
        self._book = book
        self._tail = tail
        self._alive = alive
        self._saved_at = time.monotonic()
        self._again_at = float("-inf")
        self._appending: asyncio.Handle | None = None
        self._appended = asyncio.Event()

    def soon(self) -> None:
        """Something has become durable: once what came with it has, too, it is written down."""
        if self._appending is None:
            self._appending = asyncio.get_running_loop().call_soon(self.append)

    def append(self) -> None:
        """What has changed."""
        self._appending = None
        if not self._positions.takes_changes:
            if time.monotonic() >= self._again_at:
                self.save()
            return
        changes = self._tail.take_changes()
        if not changes:
            return
        try:
            self._positions.append(changes)
        except OSError as error:
            self._failed(error)
        else:
            self._appended.set()

    def save_in_time(self) -> None:
        """Everything, now and then."""
        if time.monotonic() - self._saved_at >= SAVE_SECONDS and (self._positions.has_changes or not self._tail.noted):
            self.save()

    def save(self) -> None:
        self._tail.note()
        self._saved_at = time.monotonic()
        try:
            self._positions.save(self._book)
        except OSError as error:
            self._failed(error)
        else:
            self._tail.take_changes()  # they are in it
            self._alive.set("positions", True)

    async def synchronize(self) -> int:
        """Never ends."""
        while True:
            await self._appended.wait()
            self._appended.clear()
            try:
                await asyncio.to_thread(self._positions.synchronizing())
            except OSError as error:
                self._failed(error)
            await asyncio.sleep(SYNC_SECONDS)

    def _failed(self, error: OSError) -> None:
        if self._alive.ok:
            log.error("Positions cannot be saved path=%r reason=%r", str(self._positions.path), error.strerror)
        self._alive.set("positions", False, f"positions cannot be saved: {error.strerror}")
        self._again_at = time.monotonic() + AGAIN_SECONDS
