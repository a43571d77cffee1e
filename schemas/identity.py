"""What makes an event the same event: its content.

The same line may be sent any number of times, by anyone, and is stored once, because its `_id` is made of nothing but
its time, its record's key and its bytes.
"""

from binascii import b2a_base64
from functools import lru_cache
from hashlib import blake2b
from typing import Final

_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# The same 64 digits in the order of ASCII, so that ids sort like time; all of them are safe in a URL.
_SORTED: Final = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_TO_SORTED: Final = bytes.maketrans(_BASE64, _SORTED)

HASH_BYTES: Final = 12
FINGERPRINT_BYTES: Final = 12


def event_id(time: int, key: bytes, line: bytes) -> str:
    """27 characters: 64 bits of `time` (ns since 1970), then a 96-bit hash of the record's key and the line.

    `line` has no line end.
    """
    hashed = _begun(key).copy()
    hashed.update(line)
    return _sortable(time.to_bytes(8, "big") + hashed.digest())


def placed_id(place: bytes, key: bytes, line: bytes) -> str:
    """The id of a line without a valid time, where two identical lines are two events.

    `place` is the file's fingerprint and the line's position, else topic, partition, offset and line. The time part is
    zero and not the record's timestamp, which a block that is sent again does not share with its first sending.
    """
    return event_id(0, key, b"%d:%b%b" % (len(place), place, line))


def fingerprint(first_line: bytes) -> str:
    """Of a file: 24 hex digits of its first line, which never changes once it is whole. An inode is used again."""
    return blake2b(first_line, digest_size=FINGERPRINT_BYTES).hexdigest()


@lru_cache(maxsize=4096)
def _begun(key: bytes) -> blake2b:
    # The key's length is hashed too: no other pair of key and line may read as the same bytes.
    return blake2b(b"%d:%b" % (len(key), key), digest_size=HASH_BYTES)


def _sortable(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_SORTED).decode("ascii")
