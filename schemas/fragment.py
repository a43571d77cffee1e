"""JSON that is written once and kept."""

from typing import Any

from orjson import Fragment, dumps


def fragment(value: Any) -> Fragment:
    """A part that many documents share."""
    return Fragment(kept(value))


def kept(value: Any) -> bytes:
    """The bytes that orjson returns hold on to the 4 KB that they were written to, however few they are."""
    return bytes(memoryview(dumps(value)))
