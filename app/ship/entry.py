"""One log's part of the book: the places of its files, its totals, and what of it is lost."""

import logging
from collections.abc import Container, Iterable
from datetime import UTC, datetime
from typing import Final

from app.ship.book import LOSSES_KEPT, TOGETHER, LogBook, Loss, Place, Totals, told_path
from app.ship.files import File
from app.ship.journal import Change
from app.ship.shared import Shared

log: Final = logging.getLogger(__name__)


class Entry:
    """Whatever changes here for good is told to the journal."""

    __slots__ = ("_entry", "_path", "_shared")

    def __init__(self, path: str, shared: Shared) -> None:
        self._path = told_path(path)
        self._shared = shared
        self._entry = shared.book.logs.setdefault(self._path, LogBook())

    @property
    def places(self) -> list[Place]:
        return self._entry.files

    def alike(self, identity: str) -> list[Place]:
        """Those of files that begin with the same line, the one that was read farthest first."""
        found = [place for place in self._entry.files if place.file.partition(".")[0] == identity]
        return sorted(found, key=lambda place: place.position, reverse=True)

    def begin(self, identity: str, taken: Container[str]) -> Place:
        """The place of a file that nobody has read yet."""
        names = {place.file for place in self._entry.files}
        name, number = identity, 0
        while name in names or name in taken:
            number += 1
            name = f"{identity}.{number}"
        place = Place(name)
        self._entry.files.append(place)
        self._change.keep(place)
        return place

    def keep(self, file: File) -> None:
        file.note()
        if file.place is not None:
            self._change.keep(file.place)

    def keep_end(self, file: File) -> None:
        """That nothing more will come of it is known for good; how it grows need not be, before it is read."""
        ended = file.place is not None and file.place.ended
        file.note()
        if file.place is not None and file.place.ended != ended:
            self._change.keep(file.place)

    def strike(self, place: Place) -> None:
        self._entry.files.remove(place)
        self._change.strike(place)

    def settle(self, file: File) -> None:
        """To be called when a block of the file has become durable."""
        assert file.place is not None
        totals = self._totals(file.place)
        for lost in file.settle(totals):
            self._lose(file.place, lost.position, lost.length, "the line is longer than can be sent")
        self.keep(file)

    def lose_file(self, place: Place, lost: int, reason: str) -> None:
        """`lost` in bytes."""
        totals = self._totals(place)
        totals.lost_files += 1
        totals.lost_bytes += lost
        self._lose(place, place.position, lost, reason)

    def _lose(self, place: Place, position: int, lost: int, reason: str) -> None:
        at = datetime.fromtimestamp(self._shared.wall(), UTC).isoformat(timespec="milliseconds")
        loss = Loss(at, self._path, place.file, self._key(place), position, lost, reason)
        self._shared.book.losses.append(loss)
        del self._shared.book.losses[:-LOSSES_KEPT]
        self._change.losses.append(loss)
        log.error(
            "Known loss path=%r file=%s key=%r position=%d bytes=%d reason=%r",
            self._path, place.file, loss.key, position, lost, reason,
        )  # fmt: skip

    def _totals(self, place: Place) -> Totals:
        """To be changed."""
        key = self._key(place)
        totals = self._change.totals[key] = self._entry.totals.setdefault(key, Totals())
        return totals

    def _key(self, place: Place) -> str:
        """A file of which nothing was read has that of the others."""
        before = next((key for key in self._entry.totals if key != self._shared.host), "")
        return place.key or self._shared.node or before or self._shared.host

    @property
    def _change(self) -> Change:
        return self._shared.change_of(self._path)


def forget(paths: Iterable[str], shared: Shared) -> None:
    """Logs of which no file is left. What was counted of them counts on: their nodes are told of what they sent."""
    together = shared.book.logs.setdefault(TOGETHER, LogBook())
    change = shared.change_of(TOGETHER)
    for path in paths:
        for key, totals in shared.book.logs.pop(path).totals.items():
            kept = change.totals[key] = together.totals.setdefault(key, Totals())
            kept.add(totals)
        if (unwritten := shared.changes.pop(path, None)) is not None:
            change.losses += unwritten.losses
        change.forgotten.append(path)
