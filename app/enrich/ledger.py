"""The ledger of one scope: what became of each node's lines by minute, and what its shippers say that they sent."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from app.enrich.changes import Changes
from app.enrich.clock import Clock
from schemas.ledger import ACCOUNTS, HOUR, HOURS_KEPT, MINUTE, ROWS, Account, Period, Row, Statement, row_name, row_of

MINUTES_KEPT: Final = HOUR  # afterwards they are told by the hour
MOST_ACCOUNTS: Final = 16  # position files of one scope; beyond, the one goes that was heard of least recently
_ROW_BYTES: Final = 60
_ACCOUNT_BYTES: Final = 200

Tally = Mapping[tuple[str, int], Row]  # by node, and start of the minute in ns since 1970

_row: Final = msgspec.json.Decoder(Row)
_account: Final = msgspec.json.Decoder(Account)


class Ledger:
    __slots__ = ("_changes", "_clock", "_scope", "_total", "accounts", "heard", "rows")

    def __init__(self, scope: str, clock: Clock, changes: Changes) -> None:
        self.rows: dict[str, Row] = {}
        self.accounts: dict[str, Account] = {}
        self.heard = 0  # Kafka's time of the latest record, in ms since 1970
        self._total: Row | None = None
        self._scope = scope
        self._clock = clock
        self._changes = changes

    def take_over(self, other: "Ledger") -> None:
        """All that another one of the same scope has."""
        self.rows, self.accounts, self.heard, self._total = other.rows, other.accounts, other.heard, other._total

    def enter(self, tally: Tally) -> None:
        """What has become of the lines of one record."""
        for (node, minute), row in tally.items():
            self._add(row_name(node, self._period(minute)), row)
            if self._total is not None:
                self._total.add(row)

    def total(self) -> Row:
        """Of all rows; cheap when it is asked again. It must not be changed."""
        if self._total is None:
            self._total = Row()
            for row in self.rows.values():
                self._total.add(row)
        return self._total

    def take(self, shipper: str, lines: int, at: int) -> None:
        """`lines` came from the shipper with this position file, empty for others; `at` is Kafka's time, in ms."""
        account = self._opened(shipper)
        account.taken += lines
        account.at = at
        self.heard = max(self.heard, at)
        self._changes.note((self._scope, ACCOUNTS, shipper), _ACCOUNT_BYTES)

    def state(self, shipper: str, statement: Statement, at: int) -> None:
        account = self._opened(shipper)
        account.statement, account.taken_then = statement, account.taken
        account.at = account.stated_at = at
        self.heard = max(self.heard, at)
        self._changes.note((self._scope, ACCOUNTS, shipper), _ACCOUNT_BYTES)

    def sweep(self) -> None:
        """Puts what is old together."""
        for name in list(self.rows):
            node, period = row_of(name)
            due = row_name(node, self._period(period.start))
            if period.unit != "earlier" and due != name and due[0] != "m":
                self._add(due, self.rows.pop(name))
                self._changes.note((self._scope, ROWS, name), 0)

    def value(self, owner: str, name: str) -> bytes | None:
        found = self.rows.get(name) if owner == ROWS else self.accounts.get(name)
        return None if found is None else msgspec.json.encode(found)

    def restore(self, owner: str, name: str, value: bytes | None) -> None:
        if owner == ROWS:
            self._total = None
            if value is None:
                self.rows.pop(name, None)
            else:
                self.rows[name] = _row.decode(value)
        elif value is None:
            self.accounts.pop(name, None)
        else:
            account = self.accounts[name] = _account.decode(value)
            self.heard = max(self.heard, account.at)

    def names(self) -> Iterable[tuple[str, str]]:
        """(owner, name)."""
        yield from ((ROWS, name) for name in self.rows)
        yield from ((ACCOUNTS, name) for name in self.accounts)

    def _period(self, start: int) -> Period:
        age = self._clock.now - start
        if age <= MINUTES_KEPT:
            return Period("minute", start - start % MINUTE)
        return Period("hour", start - start % HOUR) if age <= HOURS_KEPT else Period("earlier", 0)

    def _add(self, name: str, row: Row) -> None:
        found = self.rows.get(name)
        if found is None:
            found = self.rows[name] = Row()
        found.add(row)
        self._changes.note((self._scope, ROWS, name), _ROW_BYTES)

    def _opened(self, shipper: str) -> Account:
        account = self.accounts.get(shipper)
        if account is None:
            if len(self.accounts) >= MOST_ACCOUNTS:
                oldest = min(self.accounts, key=lambda name: (self.accounts[name].at, name))
                del self.accounts[oldest]
                self._changes.note((self._scope, ACCOUNTS, oldest), 0)
            account = self.accounts[shipper] = Account()
        return account
