"""What went in and what came out, counted from the outside: from the topics and from Elasticsearch's own count."""

from dataclasses import dataclass

from app.kafka.document_records import Seen, identified


@dataclass(frozen=True)
class Books:
    """They balance when nothing is lost: every line is a stored document, a duplicate or a rejection."""

    lines: int
    documents: int
    duplicates: int
    rejected: int

    @property
    def lost(self) -> int:
        """Below zero when more came out than went in, which is no better."""
        return self.lines - self.documents - self.duplicates - self.rejected


class Tally:
    """What the topics hold."""

    def __init__(self) -> None:
        self._made = 0
        self._ids: set[str] = set()
        self._rejected: set[bytes] = set()
        self._seen = Seen()

    def document_block(self, source: bytes, value: bytes) -> None:
        """A record of the documents topic. One that a worker wrote again, byte for byte, is counted once."""
        if self._seen.is_new(source, value):
            ids = [identity for identity, _ in identified(value)]
            self._made += len(ids)
            self._ids.update(ids)

    def rejection(self, key: bytes) -> None:
        """A record of the rejected topic; its key is the event's id, the same for the same event."""
        self._rejected.add(key)

    def is_complete(self, lines: int) -> bool:
        """Whether every line has come out of the first stage; stored it may not be."""
        return self._made + len(self._rejected) >= lines

    def books(self, lines: int, documents: int) -> Books:
        return Books(lines, documents, self._made - len(self._ids), len(self._rejected))
