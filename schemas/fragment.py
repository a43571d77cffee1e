"""A part of a document that many documents share, written as JSON once."""

from typing import Any

from orjson import Fragment, dumps


def fragment(value: Any) -> Fragment:
    """To be kept: the bytes that orjson returns hold on to the 4 KB that they were written to, however few they are."""
    return Fragment(bytes(memoryview(dumps(value))))
