"""Made logs are written anew as if they came just now."""

import pytest

from bench.paced_writer import stamped

NOW = 1_800_000_000_123_456_789


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            b'{"process_exit":{"process":{"pid":1},"time":"2026-01-05T08:00:00Z"},"node_name":"n","time":"2026-01-05T08:00:00Z","cluster_name":"c"}\n',
            b'{"process_exit":{"process":{"pid":1},"time":"2026-01-05T08:00:00Z"},"node_name":"n","time":"2027-01-15T08:00:00.123456789Z","cluster_name":"c"}\n',
        ),
        (
            b'{"process_exec": {}, "node_name": "n", "time": "2026-01-05T08:00:00.5Z"}\n',
            b'{"process_exec": {}, "node_name": "n", "time": "2027-01-15T08:00:00.123456789Z"}\n',
        ),
    ],
)
def test_the_event_gets_another_time_and_nothing_else_changes(line: bytes, expected: bytes) -> None:
    assert stamped(line, NOW) == expected
