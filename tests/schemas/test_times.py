from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import LATEST, canonical, nanoseconds, rfc3339


@given(st.integers(0, LATEST // 10**9 * 10**9 - 1))
def test_a_time_is_read_as_it_was_written(time: int) -> None:
    text = rfc3339(time)

    assert nanoseconds(text) == time
    assert canonical(text, time) == text


@given(st.text())
def test_any_text_is_a_time_or_none(text: str) -> None:
    time = nanoseconds(text)

    assert time is None or 0 <= time <= LATEST


@given(st.datetimes(datetime(1970, 1, 2), datetime(2262, 1, 1)), st.integers(-1439, 1439))  # noqa: DTZ001 - UTC is added
def test_an_offset_is_taken_off(local: datetime, minutes: int) -> None:
    sign = "+" if minutes >= 0 else "-"
    hours, rest = divmod(abs(minutes), 60)
    text = f"{local.isoformat()}{sign}{hours:02}:{rest:02}"

    expected = int(local.replace(tzinfo=UTC, microsecond=0).timestamp()) * 10**9
    expected += local.microsecond * 1000 - minutes * 60 * 10**9
    assert nanoseconds(text) == expected
    assert canonical(text, expected) == rfc3339(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999999Z",
        "2262-04-11T23:47:17Z",
        "2023-02-30T00:00:00Z",
        "2023-01-01T24:00:00Z",
        "2023-01-01T00:00:60Z",
        "2023-01-01T00:00:00",
        "2023-01-01T00:00:00.Z",
        "2023-01-01T00:00:00+24:00",
        "\N{DEVANAGARI DIGIT TWO}023-01-01T00:00:00Z",
        "2023-01-01T00:00:00.12345678\N{DEVANAGARI DIGIT NINE}Z",
    ],
)
def test_what_is_no_time_or_none_that_elasticsearch_takes_is_none(text: str) -> None:
    assert nanoseconds(text) is None


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2024-10-18T22:12:37Z", "2024-10-18T22:12:37Z"),
        ("2024-10-18T22:12:37.150Z", "2024-10-18T22:12:37.150Z"),
        ("2024-10-18t22:12:37.15z", "2024-10-18T22:12:37.150Z"),
        ("2024-10-18 22:12:37.150989227Z", "2024-10-18T22:12:37.150989227Z"),
        ("2024-10-18T22:12:37.15098922799Z", "2024-10-18T22:12:37.150989227Z"),
    ],
)
def test_other_spellings_are_written_as_elasticsearch_reads_them(text: str, written: str) -> None:
    time = nanoseconds(text)

    assert time is not None
    assert canonical(text, time) == written
