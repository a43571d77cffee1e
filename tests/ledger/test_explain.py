"""What Kafka holds tells repeated documents from lost ones."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence

from app.ledger.balance import Line
from app.ledger.explain import explain
from app.ledger.topics import Document
from schemas.ledger import HOUR, MINUTE, Period, Row

M0 = 1_000 * HOUR


async def explained(lines: Sequence[Line], held: Sequence[Document], stored: set[str], refused: set[str]) -> list[int]:
    asked: list[int] = []

    async def documents(since: int) -> AsyncIterator[Document]:
        asked.append(since)
        for each in held:
            yield each

    async def missing(ids: Sequence[str]) -> set[str]:
        return set(ids) - stored

    assert await explain(lines, refused, documents, missing)
    return asked


async def test_nothing_is_read_where_all_adds_up() -> None:
    lines = [Line("n", Period("minute", M0), Row(2, 2), stored=2)]
    assert await explained(lines, [], set(), set()) == []


async def test_repeated_lost_refused_and_forgotten_documents_are_told_apart() -> None:
    line = Line("n", Period("minute", M0), Row(9, 9), stored=2, refused=1)
    right = Line("n", Period("hour", M0), Row(1, 1), stored=1)
    held: list[Document] = [("a", "n", M0), ("a", "n", M0), ("b", "n", M0), ("refused", "n", M0), ("lost", "n", M0)]
    others: list[Document] = [("x", "n", M0 + MINUTE), ("y", "m", M0)]
    assert await explained([line, right], [*held, *others], {"a", "b", "x", "y"}, {"refused"}) == [M0]
    assert Counter(repeated=line.repeated, gone=line.gone, off=line.off) == Counter(repeated=1, gone=4, off=1)
    assert line.examples == ["lost"]
    assert right.off == 0


async def test_a_single_document_that_is_nowhere_is_told() -> None:
    line = Line("n", Period("minute", M0), Row(2, 2), stored=1)
    assert await explained([line], [("a", "n", M0), ("lost", "n", M0)], {"a"}, set()) == [M0]
    assert (line.repeated, line.gone, line.off, line.examples) == (0, 0, 1, ["lost"])
