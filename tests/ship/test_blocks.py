from hypothesis import given
from hypothesis import strategies as st

from app.ship.blocks import HEAD_BYTES, count_lines, first_line, key_in, whole_lines

TEXT = st.lists(st.sampled_from([b"\n", b"\n\n", b"a", b"bc\n", b"\r\n", b"\x00"]), max_size=30).map(b"".join)


@given(TEXT, st.integers(0, 5), st.integers(0, 5))
def test_a_cut_lies_after_the_last_line_end_or_at_the_start(text: bytes, before: int, after: int) -> None:
    start, end = before, before + len(text)
    data = bytearray(b"\n" * before + text + b"\n" * after)
    cut = whole_lines(data, start, end)
    assert bytes(data[start:cut]) == text[: text.rfind(b"\n") + 1]


@given(TEXT, st.integers(0, 5), st.integers(0, 5))
def test_lines_are_counted_as_a_split_would_count_them(text: bytes, before: int, after: int) -> None:
    data = bytearray(b"\n" * before + text + b"\n" * after)
    expected = text.count(b"\n") + (not text.endswith(b"\n") and text != b"")
    assert count_lines(data, before, before + len(text)) == expected


def test_a_file_is_known_by_its_first_line_once_that_is_whole() -> None:
    assert first_line(b"one\ntwo", final=False) == b"one\n"
    assert first_line(b"\n", final=False) == b"\n"
    assert first_line(b"on", final=False) is None
    assert first_line(b"on", final=True) == b"on"
    assert first_line(b"", final=True) is None
    assert first_line(b"x" * HEAD_BYTES, final=False) == b"x" * HEAD_BYTES


def test_the_first_decodable_line_tells_the_key() -> None:
    assert key_in(b'garbage\n{"node_name":"n1","cluster_name":"c"}\n{"node_name":"n2"}\n') == b"c/n1"
    assert key_in(b'{"time":"2026-01-02T15:04:05Z"}\n{"node_name":"n2"}') == b"n2"
    assert key_in(b'{"node_name":"","cluster_name":"c"}\n{"node_name":7}\n\xff\n' + b"[" * 100_000) is None
    assert key_in(b"") is None
