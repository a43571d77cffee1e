"""What is asked of a data stream's backing indices, and what is answered. Pure.

Whoever asks is a generator of questions, which is sent the answers. None is no answer: nothing is concluded from it.
"""

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")


class Index(NamedTuple):
    """A backing index; `created` in ms, `generation` from its name."""

    name: str
    uuid: str
    generation: int
    created: int


class Shard(NamedTuple):
    """Of the primary. What lies at or below `checkpoint` is on disk and stays."""

    checkpoint: int
    maximum: int


class Copy(NamedTuple):
    """Where exactly a document lies: a write changes both, so that nobody deletes what he has not seen."""

    seq_no: int
    term: int


class Seen(NamedTuple):
    """`timestamp` in ms; None where the document has none."""

    id: str
    copy: Copy
    timestamp: int | None


class Indices(NamedTuple):
    """Asks for a list of all Index."""


class Shards(NamedTuple):
    """Asks for a list of Shard by name, by their numbers."""

    names: Sequence[str]


class Refresh(NamedTuple):
    """Asks that all is found that is there; answered by True."""

    names: Sequence[str]


class Page(NamedTuple):
    """Asks for the first `size` Seen of a shard with `after` < seq_no ≤ `upto`, by seq_no; only those with a timestamp
    below `before`, or none, where that is given."""

    name: str
    shard: int
    after: int
    upto: int
    before: int | None
    size: int


class Ahead(NamedTuple):
    """Asks how many documents with `after` < seq_no ≤ `upto` are more than `by` ms ahead of Elasticsearch's clock."""

    name: str
    shard: int
    after: int
    upto: int
    by: int


class Search(NamedTuple):
    """Asks for a Copy by (name, id) of all that a search finds."""

    names: Sequence[str]
    ids: Sequence[str]


class Find(NamedTuple):
    """Asks, in real time, for a Copy or None by (name, id); leaves out what it cannot tell."""

    wanted: Sequence[tuple[str, str]]


class Delete(NamedTuple):
    """Asks to delete exactly these copies; answered by those (name, id) that are certainly gone."""

    doomed: Sequence[tuple[str, str, Copy]]


Ask: TypeAlias = Indices | Shards | Refresh | Ahead | Page | Search | Find | Delete
Asking: TypeAlias = Generator[Ask, Any, T]
