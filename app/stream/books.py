"""What the books of this worker's partitions say of each node, for its page and its metrics."""

from collections.abc import Iterable, Iterator

import msgspec

from app.enrich.ledger import Ledger
from app.enrich.memory import Memory


class NodeBook(msgspec.Struct):
    """Cumulative, but for the last two: `missing` are lines that a shipper sent and that never came (below zero, that
    came too often), `silent` seconds since anything came."""

    node: str
    lines: int
    documents: int
    rejected: int
    dropped: int
    lost_lines: int
    lost_files: int
    lost_bytes: int
    unseen: int  # events that Tetragon dropped itself
    throttled: int
    missing: int
    silent: float


def books(memories: Iterable[Memory], now: int) -> Iterator[NodeBook]:
    """`now` in ms since 1970."""
    for memory in memories:
        for node, ledger in memory.ledgers():
            if ledger.accounts:
                yield _book(node, ledger, now)


def _book(node: str, ledger: Ledger, now: int) -> NodeBook:
    total = ledger.total()
    stated = [account.statement for account in ledger.accounts.values()]
    return NodeBook(
        node,
        total.lines,
        total.documents,
        total.rejected,
        sum(total.dropped.values()),
        sum(statement.lost_lines for statement in stated),
        sum(statement.lost_files for statement in stated),
        sum(statement.lost_bytes for statement in stated),
        total.unseen,
        total.throttled,
        sum(account.missing for account in ledger.accounts.values()),
        max(0, now - ledger.heard) / 1000,
    )
