"""What a shipper says of itself on the topic, so that what arrives can be compared with what was sent. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from app.ship.book import Book, Counted, Loss, Totals
from app.ship.files import File
from schemas.ledger import Lost, Statement

EVERY_SECONDS: Final = 10.0
# A node whose log does not grow still says that it is there; of ten thousand nodes each more rarely.
AT_LEAST_SECONDS: Final = 60.0
AT_MOST_A_SECOND: Final = 50
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
        found = statements(book, files)
        seconds = max(AT_LEAST_SECONDS, len(found) / AT_MOST_A_SECOND)
        for key, statement in found.items():
            said, at = self._said.get(key, (None, now))
            if statement != said or now - at >= seconds:
                self._said[key] = statement, now
                yield key.encode(), _encode(statement)


def begin(book: Book, topic: str) -> None:
    """Statements go to this topic from now on; what was sent before is none of its business."""
    if book.counted.topic != topic:
        book.counted = Counted(topic, {key: each.lines for key, each in statements(book, ()).items() if each.lines})


def statements(book: Book, files: Iterable[File]) -> dict[str, Statement]:
    """By record key. What is under way counts, since it comes before the statement."""
    totals: dict[str, Totals] = {}
    for entry in book.logs.values():
        for key, each in entry.totals.items():
            totals.setdefault(key, Totals()).add(each)
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
        key: Statement(
            each.lines,
            book.counted.base.get(key, 0),
            each.lost_lines,
            each.lost_files,
            each.lost_bytes,
            losses.get(key, []),
        )
        for key, each in totals.items()
    }


def _told(loss: Loss) -> Lost:
    return Lost(loss.at, loss.path, loss.bytes, loss.reason)
