"""What another shipper is told: where the logs are, and where their lines belong."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple


class Place(NamedTuple):
    """`folder` is the shipper's own; `patterns` find the logs and what they are renamed to.

    The lines belong into `topic`, or, of a peer that writes no topic, into `out`.
    """

    folder: Path
    patterns: Sequence[str]
    kafka: str
    topic: str
    out: Path


Command = Callable[[Place], Sequence[str]]
