"""The table of runs in the documentation, in which each has a row of its own numbers."""

from typing import Final

from tests.docs.rows import Table, number_of
from tests.rotate.verdict import OURS

TABLE: Final = Table(
    "rotate",
    ("shipper", "backups", "seed", "lines", "kills", "lost", "repeated", "gone unread", "of it told"),
    lambda cells: (cells[0] != OURS, cells[0], cells[1], number_of(cells[2])),
)
