from hypothesis import given
from hypothesis import strategies as st

from app.ship.blocks import count_lines, whole_lines

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
