"""A shipper that crashes sends lines again, cut into other blocks: each takes effect once, and no new one is lost."""

from hypothesis import given
from hypothesis import strategies as st

from app.enrich.changes import Changes
from app.enrich.clock import Clock
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.enrich.resends import MOST, STARTS, Resends
from schemas.record import Record


def resends() -> Resends:
    changes = Changes()
    return Resends("scope", Clock("scope", changes), changes)


def file_of(lines: int) -> list[bytes]:
    return [b"line %d %s\n" % (number, b"x" * (number % 7)) for number in range(lines)]


@given(
    lines=st.integers(1, 40),
    lives=st.lists(st.tuples(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.integers(0, 12)), max_size=5),
    restored=st.booleans(),
)
def test_every_line_is_taken_once_however_often_the_shipper_crashes(
    lines: int, lives: list[tuple[list[int], int]], restored: bool
) -> None:
    """Each life cuts blocks of its own sizes, then crashes; some of its last blocks were sent and not saved."""
    content = file_of(lines)
    known = resends()
    taken: list[bytes] = []
    saved = 0  # lines
    for sizes, unsaved in [*lives, ([40], 0)]:
        boundaries = [saved]
        for size in sizes:
            if boundaries[-1] >= lines:
                break
            block = content[boundaries[-1] : boundaries[-1] + size]
            position = len(b"".join(content[: boundaries[-1]]))
            again = known.repeated("file", position, b"".join(block))
            within = 0
            for line in block:
                if within >= again:
                    taken.append(line)
                within += len(line)
            boundaries.append(min(lines, boundaries[-1] + size))
            if restored:
                value, known = known.value("file"), resends()
                known.restore("file", value)
        saved = boundaries[max(0, len(boundaries) - 1 - unsaved)]
    assert taken == content


def test_a_record_that_is_sent_again_becomes_nothing_and_agents_do_not_see_it() -> None:
    memory = Memory()
    pipeline = Pipeline([])
    line = b'{"process_exec":{"process":{"exec_id":"a","pid":1}},"time":"2026-01-02T03:04:05Z"}\n'
    headers = {"shipper": b"s", "path": b"/p", "file": b"f", "position": b"0"}
    first = pipeline.enrich(memory, Record("t", 0, 0, 0, b"n", line, headers))
    again = pipeline.enrich(memory, Record("t", 0, 1, 0, b"n", line + line, headers))
    foreign = pipeline.enrich(memory, Record("t", 0, 2, 0, b"n", line, headers | {"shipper": b"other"}))
    assert (first.counters["documents"], first.counters.get("resent")) == (1, None)
    assert (again.counters["documents"], again.counters["resent"]) == (1, 1)
    assert (foreign.counters["documents"], foreign.counters.get("resent")) == (1, None)


def test_a_file_that_was_written_anew_from_the_same_first_line_is_taken() -> None:
    known = resends()
    assert known.repeated("file", 0, b"first\n") == 0
    assert known.repeated("file", 6, b"second\nthird\n") == 0
    assert known.repeated("file", 6, b"another\n") == 0
    assert known.repeated("file", 0, b"changed\n") == 0


def test_what_begins_where_no_block_began_is_taken() -> None:
    known = resends()
    known.repeated("file", 0, b"first\nsecond\nthird\n")
    assert known.repeated("file", 6, b"second\n") == 0


def test_other_files_and_empty_blocks_are_no_repetition() -> None:
    known = resends()
    assert known.repeated("a", 0, b"first\n") == 0
    assert known.repeated("b", 0, b"first\n") == 0
    assert known.repeated("a", 0, b"") == 0
    assert known.repeated("a", 0, b"first\n") == 6


def test_what_is_kept_is_bounded() -> None:
    known = resends()
    for number in range(5 * MOST):
        known.repeated(f"file {number:04d}", 0, b"line\n")
    for number in range(2 * STARTS):
        known.repeated("long", 5 * number, b"line\n")
    assert len(known.names()) <= MOST
    assert len(known.value("long") or b"") < 24 * STARTS
