"""Records of the documents topic, as those see them who do not index them."""

from collections.abc import Iterator
from hashlib import blake2b

import orjson


class Seen:
    """Tells a record from one that a worker has written again, byte for byte, of the same source."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def is_new(self, source: bytes, value: bytes) -> bool:
        """`source` is the header's. True once."""
        digest = blake2b(source + b"\n" + value, digest_size=16).digest()
        if digest in self._digests:
            return False
        self._digests.add(digest)
        return True


def identified(value: bytes) -> Iterator[tuple[str, bytes]]:
    """The id and the bytes of each document in a record's value."""
    lines = value.splitlines()
    for action, document in zip(lines[::2], lines[1::2], strict=False):
        yield str(orjson.loads(action)["create"].get("_id", "")), document
