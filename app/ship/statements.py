"""What a shipper says of itself on the topic, so that what arrives can be compared with what was sent. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from app.ship.files import File
from app.ship.positions import Book, Loss, Totals
from schemas.ledger import Lost, Statement

EVERY_SECONDS: Final = 10.0
# A node whose log does not grow still says that it is there.
AT_LEAST_SECONDS: Final = 60.0
LOSSES_TOLD: Final = 5

_encode: Final = msgspec.json.Encoder().encode


class Statements:
    def __init__(self) -> None:
        self._said: dict[str, tuple[Statement, float]] = {}
        self._due = float("-inf")

    def forget(self) -> None:
        """What was said may not have arrived."""
        self._said.clear()
        self._due = float("-inf")

    def hurry(self) -> None:
        self._due = float("-inf")

    def due(self, book: Book, files: Iterable[File], now: float) -> Iterator[tuple[bytes, bytes]]:
        """(record key, statement as JSON); `now` in seconds. Everything that `files` have under way was sent."""
        if now < self._due:
            return
        self._due = now + EVERY_SECONDS
        for key, statement in statements(book, files).items():
            said, at = self._said.get(key, (None, now))
            if statement != said or now - at >= AT_LEAST_SECONDS:
                self._said[key] = statement, now
                yield key.encode(), _encode(statement)


def statements(book: Book, files: Iterable[File]) -> dict[str, Statement]:
    """By record key. What is under way counts, since it comes before the statement."""
    totals: dict[str, Totals] = {}
    for entry in book.logs.values():
        for key, each in entry.totals.items():
            of_key = totals.setdefault(key, Totals())
            of_key.lines += each.lines
            of_key.lost_lines += each.lost_lines
            of_key.lost_files += each.lost_files
            of_key.lost_bytes += each.lost_bytes
    for file in files:
        if file.flying and file.key:
            sent = sum(block.lines for block in file.flying if not block.lost)
            totals.setdefault(file.key.decode(), Totals()).lines += sent
    losses: dict[str, list[Lost]] = {}
    for loss in reversed(book.losses):
        of_loss = losses.setdefault(loss.key, [])
        if len(of_loss) < LOSSES_TOLD:
            of_loss.append(_told(loss))
    return {
        key: Statement(each.lines, each.lost_lines, each.lost_files, each.lost_bytes, losses.get(key, []))
        for key, each in totals.items()
    }


def _told(loss: Loss) -> Lost:
    return Lost(loss.at, loss.path, loss.bytes, loss.reason)
