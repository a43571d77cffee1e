import pytest

from app.ship.names import LIVE, PACKED, Name, name_of, path_of

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
