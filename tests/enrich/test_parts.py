"""Lines that a container runtime has wrapped and cut become what they were, and nothing is lost where that fails."""

import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.enrich.blocks import documents_of, lines_of, whole_lines_of
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.ship.blocks import whole_lines
from schemas.log import key_in
from schemas.record import FILE, POSITION, Record

EVENTS = [
    json.dumps(
        {
            "process_exec": {
                "process": {"exec_id": f"x{number}", "arguments": 'a "b" \\ ü\t"","stream":"stdout' * number}
            },
            "node_name": "n1",
            "time": f"2026-01-02T03:04:0{number}Z",
        },
        ensure_ascii=False,
    )
    for number in range(5)
]


def cri(text: str, sizes: Sequence[int], stream: str) -> list[bytes]:
    raw = text.encode()
    cuts = _cuts(len(raw), sizes)
    last = len(cuts) - 2
    return [
        b"2026-01-02T03:04:05.123456789Z %b %b %b" % (stream.encode(), b"F" if number == last else b"P", raw[a:b])
        for number, (a, b) in enumerate(itertools.pairwise(cuts))
    ]


def docker(text: str, sizes: Sequence[int], stream: str) -> list[bytes]:
    whole = text + "\n"
    cuts = _cuts(len(whole), sizes)
    return [
        json.dumps(
            {"log": whole[a:b], "stream": stream, "time": "2026-01-02T03:04:05Z"}, separators=(",", ":")
        ).encode()
        for a, b in itertools.pairwise(cuts)
    ]


def _cuts(length: int, sizes: Sequence[int]) -> list[int]:
    cuts = [0]
    for size in sizes:
        if cuts[-1] + size >= length - 1:  # Docker's line end is no part of its own
            break
        cuts.append(cuts[-1] + size)
    return [*cuts, length]


def record(value: bytes, offset: int = 0, position: int = 0) -> Record:
    return Record("t", 0, offset, 0, b"n1", value, {FILE: b"f", POSITION: b"%d" % position})


def originals(values: Sequence[bytes]) -> tuple[list[str], int]:
    """Of the documents, and how many dead letters there are."""
    memory, pipeline = Memory(), Pipeline([])
    made, rejected = [], 0
    for offset, value in enumerate(values):
        enriched = pipeline.enrich(memory, record(value, offset))
        for block, _ in enriched.blocks:
            made += [json.loads(each)["event"]["original"] for each in documents_of(block)]
        rejected += len(enriched.rejections)
    return made, rejected


STREAMS = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.lists(st.integers(1, 60), max_size=5)), max_size=4), min_size=2, max_size=2
)


@pytest.mark.parametrize("wrap", [cri, docker])
@given(data=st.data(), of_streams=STREAMS, block=st.integers(1, 2000))
def test_events_cut_into_any_parts_are_the_same_events(wrap, data, of_streams, block) -> None:  # type: ignore[no-untyped-def]  # Hypothesis gives them
    """The parts of two streams mingle; the shipper cuts its blocks where nothing is torn."""
    left = [
        [line for number, sizes in events for line in wrap(EVENTS[number], sizes, stream)]
        for stream, events in zip(("stdout", "stderr"), of_streams, strict=True)
    ]
    lines: list[bytes] = []
    while any(left):
        chosen = data.draw(st.sampled_from([each for each in left if each]))
        lines.append(chosen.pop(0))
    text = bytearray(b"".join(line + b"\n" for line in lines))
    blocks, start = [], 0
    while start < len(text):
        end = block
        while (cut := whole_lines(text, start, min(start + end, len(text)))) == start and start + end < len(text):
            end += block
        cut = len(text) if cut == start else cut
        blocks.append(bytes(text[start:cut]))
        start = cut
    made, rejected = originals(blocks)
    # A block may end within the other stream's event: both runtimes write one file, and one of the two may be torn.
    if rejected == 0:
        assert sorted(made) == sorted(EVENTS[number] for events in of_streams for number, _ in events)
    whole, none = originals([bytes(text)])
    assert none == 0
    assert sorted(whole) == sorted(EVENTS[number] for events in of_streams for number, _ in events)


@pytest.mark.parametrize("wrap", [cri, docker])
def test_one_stream_is_never_torn_by_a_block(wrap) -> None:  # type: ignore[no-untyped-def]  # one of two functions
    text = bytearray(b"".join(line + b"\n" for event in EVENTS for line in wrap(event, [20] * 10, "stdout")))
    for end in range(len(text) + 1):
        cut = whole_lines(text, 0, end)
        made, rejected = originals([bytes(text[:cut]), bytes(text[cut:])])
        assert (made, rejected) == (EVENTS, 0)


def test_a_part_whose_rest_was_lost_takes_no_other_event_with_it() -> None:
    [torn, *_], [whole] = cri(EVENTS[1], [30], "stdout"), cri(EVENTS[2], [], "stdout")
    made, rejected = originals([torn + b"\n" + whole + b"\n"])
    assert (made, rejected) == ([EVENTS[2]], 1)


def test_dead_letters_keep_the_bytes_of_all_parts() -> None:
    value = b"2026-01-02T03:04:05Z stdout P no \n2026-01-02T03:04:05Z stdout F json\n"
    [rejection] = Pipeline([]).enrich(Memory(), record(value)).rejections
    assert rejection.original == value.rstrip(b"\n")


def test_lines_that_others_than_docker_wrap_have_no_line_end_and_are_whole() -> None:
    lines = [json.dumps({"log": event, "stream": "stdout"}, separators=(",", ":")).encode() for event in EVENTS]
    assert originals([b"\n".join(lines)]) == (EVENTS, 0)


def test_the_node_is_found_in_an_envelope() -> None:
    for wrap in (cri, docker):
        assert key_in(b"\n".join(wrap(EVENTS[1], [], "stdout"))) == b"n1"


@given(st.lists(st.binary(max_size=40), max_size=8).map(b"\n".join))
def test_whatever_the_bytes_every_line_comes_once(value: bytes) -> None:
    for text in (value, b"2026-01-02T03:04:05Z stdout P x\n" + value, b'{"log":"x","stream":"stdout"}\n' + value):
        plain = sorted(line for _, line in lines_of(text))
        joined = sorted(part for each in whole_lines_of(text) for part in each.raw.split(b"\n", each.parts - 1))
        assert joined == plain
