import pytest

from schemas.log import HEAD_BYTES, LIVE, PACKED, Name, first_line, key_in, name_of, path_of

STAMP = "2026-01-02T15-04-05.000"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/l/tetragon.log", Name("/l/tetragon.log", LIVE, False)),
        (f"/l/tetragon-{STAMP}.log", Name("/l/tetragon.log", STAMP, False)),
        (f"/l/tetragon-{STAMP}.log.gz", Name("/l/tetragon.log", STAMP, True)),
        (f"/l/a.b-{STAMP}.log", Name("/l/a.b.log", STAMP, False)),
        (f"/l/events-{STAMP}", Name("/l/events", STAMP, False)),
        (f"/l/events-{STAMP}.gz", Name("/l/events", STAMP, True)),
        ("/l/tetragon-2026.log", Name("/l/tetragon-2026.log", LIVE, False)),
        ("/l/old.log.gz", Name("/l/old.log", PACKED, True)),
    ],
)
def test_a_backup_tells_the_name_of_its_log_and_its_time(path: str, name: Name) -> None:
    assert name_of(path) == name
    assert path_of(name) == path


def test_what_is_still_being_packed_is_no_backup() -> None:
    assert name_of(f"/l/tetragon-{STAMP}.log.gz.tmp") is None


def test_files_sort_in_the_order_in_which_they_were_written() -> None:
    stamps = [LIVE, "2026-01-02T15-04-05.001", STAMP, PACKED]
    assert sorted(stamps) == stamps[::-1]


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
