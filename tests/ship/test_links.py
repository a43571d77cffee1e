"""Nobody makes the shipper, which may be root, write to a file of theirs by what they put beside the position file."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import SettingsError
from app.ship.book import Book, Place
from app.ship.journal import Change
from app.ship.positions import PositionFile, locked

PRECIOUS = b"precious"
BOOK = Book(id="book")

Trick = Callable[[Path, Path], None]


def a_link(path: Path, precious: Path) -> None:
    path.symlink_to(precious)


def a_link_to_a_link(path: Path, precious: Path) -> None:
    between = path.with_name("between")
    between.symlink_to(precious)
    path.symlink_to(between)


def a_second_name(path: Path, precious: Path) -> None:
    path.hardlink_to(precious)


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_bytes(PRECIOUS)
    path.chmod(0o640)
    return path


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder / "positions.json"


def is_untouched(precious: Path) -> bool:
    return precious.read_bytes() == PRECIOUS and precious.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("trick", [a_link, a_link_to_a_link, a_second_name])
@pytest.mark.parametrize("suffix", ["", ".new"])
def test_a_save_replaces_it(trick: Trick, suffix: str, precious: Path, kept: Path) -> None:
    trick(kept.with_name(kept.name + suffix), precious)
    with locked(kept) as positions:
        positions.save(BOOK)
        assert positions.load() == BOOK
    assert is_untouched(precious)
    assert not kept.is_symlink()


@pytest.mark.parametrize("trick", [a_link, a_link_to_a_link, a_second_name])
def test_a_journal_replaces_it(trick: Trick, precious: Path, kept: Path) -> None:
    with locked(kept) as positions:
        positions.save(BOOK)
        trick(kept.with_name(kept.name + ".journal"), precious)
        positions.append([Change("/x.log", files={"f": Place("f")})])
        assert list(positions.load().logs) == ["/x.log"]
    assert is_untouched(precious)
    assert not kept.with_name(kept.name + ".journal").is_symlink()


@pytest.mark.parametrize("trick", [a_link, a_link_to_a_link])
def test_a_lock_that_is_a_link_is_refused(trick: Trick, precious: Path, kept: Path) -> None:
    trick(kept.with_name(kept.name + ".lock"), precious)
    with pytest.raises(SettingsError, match="TETRASTASH_POSITIONS"), locked(kept):
        pass
    assert is_untouched(precious)


def test_a_lock_with_a_second_name_is_not_written_to(precious: Path, kept: Path) -> None:
    a_second_name(kept.with_name(kept.name + ".lock"), precious)
    with locked(kept) as positions:
        positions.save(BOOK)
    assert is_untouched(precious)


@pytest.mark.parametrize("suffix", [".new", ".lock", ".journal"])
def test_a_link_to_nothing_makes_no_file(suffix: str, tmp_path: Path, kept: Path) -> None:
    missing = tmp_path / "missing"
    a_link(kept.with_name(kept.name + suffix), missing)
    if suffix == ".lock":
        with pytest.raises(SettingsError), locked(kept):
            pass
    else:
        positions = PositionFile(kept)
        positions.save(BOOK)
        positions.append([Change("/x.log")])
        positions.close()
    assert not missing.exists()


LINKED_AT_THE_LAST_MOMENT = """
import os, sys
from pathlib import Path
from app.ship.book import Book
from app.ship.positions import PositionFile

kept, precious = sys.argv[1:]
new = kept + ".new"
opened = []

def hook(event, arguments):
    if event == "open" and str(arguments[0]) == new and not opened:
        opened.append(new)
        os.symlink(precious, new)

sys.addaudithook(hook)
positions = PositionFile(Path(kept))
try:
    positions.save(Book(id="first"))
except FileExistsError:
    assert opened
    positions.save(Book(id="book"))
"""


def test_a_link_that_appears_just_before_it_is_opened_is_not_followed(precious: Path, kept: Path) -> None:
    program = [sys.executable, "-c", LINKED_AT_THE_LAST_MOMENT, os.fspath(kept), os.fspath(precious)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert is_untouched(precious)
    assert PositionFile(kept).load() == BOOK


@pytest.mark.parametrize("suffix", ["", ".journal"])
def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(suffix: str, kept: Path) -> None:
    with locked(kept) as positions:
        positions.save(BOOK)
        kept.with_name(kept.name + suffix).unlink(missing_ok=True)
        os.mkfifo(kept.with_name(kept.name + suffix))
        with pytest.raises(SettingsError, match="no regular file"):
            positions.load()
