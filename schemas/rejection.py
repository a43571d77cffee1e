"""A dead letter: what could not become a document, why, and where it came from."""

from base64 import b64encode
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Stage = Literal["decode", "enrich", "index"]


class Origin(BaseModel):
    """Where the bytes were found; absent members are unknown."""

    model_config = ConfigDict(frozen=True)

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    line: int | None = None  # within the record, from 0
    path: str | None = None
    position: int | None = None  # of the line's first byte in the uncompressed file


class Rejection(BaseModel):
    """`id` is the event's, so that the same letter sent twice is one letter; `key` is the record's."""

    model_config = ConfigDict(frozen=True)

    id: str
    stage: Stage
    reason: str
    origin: Origin
    key: bytes | None = None
    original: bytes

    def wire(self) -> dict[str, Any]:
        """As JSON: the original as text where it is UTF-8, else as base64, so that every byte comes back."""
        document: dict[str, Any] = {
            "id": self.id,
            "stage": self.stage,
            "reason": self.reason,
            "origin": self.origin.model_dump(exclude_none=True),
        }
        if self.key is not None:
            document["key"] = self.key.decode("utf-8", "backslashreplace")
        try:
            document["original"] = self.original.decode("utf-8")
        except UnicodeDecodeError:
            document["original_base64"] = b64encode(self.original).decode("ascii")
        return document
