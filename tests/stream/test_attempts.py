"""A line that ends every process that reads it: found, given up, and none of the others with it."""

from dataclasses import dataclass, field

from hypothesis import assume, given
from hypothesis import strategies as st

from app.stream.attempts import DEATHS, Attempt, at_line, begin, decode, survived
from app.stream.enriching import _encode

Line = tuple[int, int]  # offset of the record, number within


@dataclass
class Log:
    """Of one partition: what outlives a process."""

    attempt: Attempt | None = None
    upto: int = 0
    given_up: list[Line] = field(default_factory=list)


def run(log: Log, sizes: list[int], fatal: set[Line], every: int, killed_after: int | None = None) -> bool:
    """One process, as Enriching does it. False if it died; `killed_after` so many lines by something else."""
    attempt = log.attempt = begin(log.attempt, log.upto)
    told: list[Line] = []
    for offset in range(log.upto, len(sizes)):
        slowly = attempt.careful and offset == attempt.due
        for number in range(sizes[offset]):
            if slowly and number in attempt.given_up:
                told.append((offset, number))
                continue
            if slowly:
                attempt = log.attempt = at_line(attempt, number)
            if killed_after is not None and (killed_after := killed_after - 1) < 0:
                return False
            if (offset, number) in fatal:
                return False
        if attempt.careful or (offset + 1) % every == 0 or offset + 1 == len(sizes):
            log.upto, log.given_up, told = offset + 1, log.given_up + told, []
    log.attempt = survived(log.upto)
    return True


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=12),
    st.sets(st.tuples(st.integers(0, 11), st.integers(0, 3)), max_size=3),
    st.integers(1, 6),
)
def test_exactly_the_fatal_lines_are_given_up(sizes: list[int], fatal: set[Line], every: int) -> None:
    present = {line for line in fatal if line[0] < len(sizes) and line[1] < sizes[line[0]]}
    log = Log()
    deaths = next((number for number in range(100) if run(log, sizes, present, every)), 100)
    assert sorted(log.given_up) == sorted(present)
    # The first makes progress, three until one is careful, one that finds the record, three that find the line.
    assert deaths <= (2 * DEATHS + 2) * len(present)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=12), st.lists(st.integers(0, 40), max_size=12))
def test_who_is_killed_now_here_now_there_gives_up_nothing(sizes: list[int], kills: list[int]) -> None:
    assume(not any(first == second == third for first, second, third in zip(kills, kills[1:], kills[2:], strict=False)))
    log = Log()
    for lines in kills:
        run(log, sizes, set(), 4, lines)
    while not run(log, sizes, set(), 4):
        raise AssertionError("nothing ends it any more")
    assert log.given_up == []
    assert log.upto == len(sizes)


def test_progress_starts_the_count_anew() -> None:
    attempt = begin(begin(begin(begin(None, 5), 5), 5), 9)
    assert (attempt.starts, attempt.careful) == (1, False)


def test_who_dies_while_careful_leaves_a_careful_successor() -> None:
    attempt = begin(Attempt(5, 4, careful=True), 6)
    assert (attempt.starts, attempt.careful, attempt.line) == (1, True, None)


def test_an_orderly_end_is_no_death() -> None:
    attempt: Attempt | None = None
    for _ in range(10):
        assert not begin(attempt, 7).careful
        attempt = survived(7)


def test_what_is_written_is_read() -> None:
    attempt = Attempt(7, 4, careful=True, line=3, suspect=2, deaths=2, given_up=(1,))
    assert decode(_encode(attempt)) == attempt


def test_what_another_version_wrote_counts_for_nothing() -> None:
    for value in (None, b"", b"{}", b"[]", b'{"due":1,"starts":2,"version":9}'):
        assert decode(value) is None
