import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ship.sources import Gzip, Plain, Source, SourceError

TEXT = b"".join(b"%d some text that packs well\n" % number for number in range(50_000))


def read(source: Source, position: int, length: int) -> bytes:
    into = bytearray(length)
    return bytes(into[: source.read(position, memoryview(into))])


@given(st.lists(st.tuples(st.integers(0, len(TEXT) + 10), st.integers(1, 600_000)), max_size=6))
def test_a_packed_file_reads_like_a_plain_one_forwards_and_backwards(
    tmp_path_factory: pytest.TempPathFactory, reads: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "packed"
    if not folder.exists():
        folder.mkdir()
        (folder / "x.log").write_bytes(TEXT)
        half = len(TEXT) // 2
        (folder / "x.log.gz").write_bytes(gzip.compress(TEXT[:half]) + gzip.compress(TEXT[half:]) + bytes(512))
    plain, packed = Plain(str(folder / "x.log")), Gzip(str(folder / "x.log.gz"))
    for position, length in reads:
        expected = TEXT[position : position + length]
        assert read(plain, position, length) == expected
        assert read(packed, position, length) == expected
    plain.close()
    packed.close()


@pytest.mark.parametrize("kept", [1, 9, 11, 5000, -8, -1])
def test_a_packed_file_that_breaks_off_gives_what_is_there_and_then_says_so(tmp_path: Path, kept: int) -> None:
    packed = tmp_path / "x.log.gz"
    packed.write_bytes(gzip.compress(TEXT)[:kept])
    source = Gzip(str(packed))
    found = bytearray()
    while piece := read(source, len(found), 100_000):
        found += piece
    assert TEXT.startswith(found)
    assert "breaks off after" in str(source.damage)
    if kept == -8:
        assert found == TEXT
    source.close()


def test_a_damaged_packed_file_says_where_until_it_is_read_before_that(tmp_path: Path) -> None:
    packed = tmp_path / "x.log.gz"
    packed.write_bytes(gzip.compress(b"one\n") + b"this is no gzip")
    source = Gzip(str(packed))
    assert read(source, 0, 10) == b"one\n"
    assert "damaged before byte" in str(source.damage)
    assert read(source, 2, 10) == b"e\n"
    assert read(source, 0, 2) == b"on"
    source.close()


@pytest.mark.parametrize(
    ("content", "damage"),
    [(gzip.compress(b"", mtime=0), None), (b"", "breaks off after 0 bytes"), (bytes(9), "after 9 bytes")],
    ids=["packed", "empty", "padding"],
)
def test_a_packed_file_may_hold_nothing_and_not_be_nothing(tmp_path: Path, content: bytes, damage: str | None) -> None:
    (tmp_path / "x.log.gz").write_bytes(content)
    source = Gzip(str(tmp_path / "x.log.gz"))
    assert read(source, 0, 10) == b""
    assert (damage or "None") in str(source.damage)
    source.close()


@pytest.mark.parametrize("kind", [Plain, Gzip])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: type[Plain] | type[Gzip]) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SourceError, match="no regular file"):
            kind(str(path))


def test_a_file_is_read_on_after_it_was_renamed_and_unlinked(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"one\n")
    source = Plain(str(log))
    with log.open("ab") as file:
        log.rename(tmp_path / "y.log").unlink()
        file.write(b"two\n")
    assert source.size() == 8
    assert read(source, 0, 100) == b"one\ntwo\n"
    source.close()


@pytest.mark.parametrize("padding", [1, 64 * 1024, 200_000])
def test_padding_of_any_length_behind_a_member_is_passed_over(tmp_path: Path, padding: int) -> None:
    packed = tmp_path / "x.log.gz"
    packed.write_bytes(gzip.compress(b"one\n") + bytes(padding) + gzip.compress(b"two\n") + bytes(padding))
    source = Gzip(str(packed))
    assert read(source, 0, 100) == b"one\ntwo\n"
    assert source.damage is None
    source.close()
