"""Tables of the documentation to which a run adds the rows that it measured."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

FAULTS: Final = Path(__file__).parents[2] / "docs" / "faults.md"


class Table(NamedTuple):
    """`mark` is what stands in comments around it; `order` sorts its rows by their cells, and None is of no row."""

    mark: str
    columns: tuple[str, ...]
    order: Callable[[list[str]], Any | None]

    def merged(self, text: str, rows: Iterable[Iterable[object]]) -> str:
        """The document with these rows in the table; a row that is measured again takes the place of the old one."""
        return self._between_marks(text, [*self._rows(text), *(line_of(cells) for cells in rows)])

    def replaced(self, text: str, rows: Iterable[Iterable[object]]) -> str:
        return self._between_marks(text, map(line_of, rows))

    def _rows(self, text: str) -> list[str]:
        found = self._marked().search(text)
        assert found is not None
        return [line for line in found[2].splitlines()[2:] if line.startswith("| ")]

    def _between_marks(self, text: str, lines: Iterable[str]) -> str:
        by_order = {order: line for line in lines if (order := self.order(cells_of(line))) is not None}
        body = [
            line_of(self.columns),
            "|---" * len(self.columns) + "|",
            *(by_order[order] for order in sorted(by_order)),
        ]
        return self._marked().sub(lambda marks: "\n".join([marks[1], *body, marks[3]]), text)

    def _marked(self) -> re.Pattern[str]:
        return re.compile(rf"(<!-- {self.mark} -->)\n(.*?)(<!-- end of {self.mark} -->)", re.DOTALL)


def line_of(cells: Iterable[object]) -> str:
    shown = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in shown) + " |"


def cells_of(line: str) -> list[str]:
    """Of a row, without what is between them."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def number_of(cell: str) -> int:
    return int(cell.replace(",", ""))
