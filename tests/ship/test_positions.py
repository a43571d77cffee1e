import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import SettingsError, Stop
from app.ship.book import Book, LogBook, Loss, Place, Totals, decode_book, encode_book
from app.ship.positions import PositionFile, locked
from tests.ship.disk import a_folder_without_root

BOOK = Book(
    logs={
        "/var/log/tetragon/tetragon.log": LogBook(
            files=[Place("2e529360abcc3aec0a6995c3", "c/n1", 4096, 2, "65c7", 5000, ended=True)],
            totals={"c/n1": Totals(lines=2, bytes=4096, blocks=1, lost_files=1, lost_bytes=7)},
        )
    },
    losses=[Loss("2026-01-02T15:04:05.000+00:00", "/l/x.log", "abc", "c/n1", 5, 7, "vanished")],
)


def test_a_book_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    with locked(tmp_path / "new" / "positions.json") as positions:
        assert positions.load() == Book()
        positions.save(BOOK)
        assert positions.load() == BOOK
    assert decode_book(encode_book(BOOK)) == BOOK


def test_the_file_is_for_people_and_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    PositionFile(path).save(BOOK)
    assert '  "/var/log/tetragon/tetragon.log": {\n' in path.read_text("utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_a_kill_left_of_a_new_file_is_ignored_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    PositionFile(path).save(BOOK)
    new = tmp_path / "positions.json.new"
    new.write_bytes(b'{"version": 1, "logs": {"half')
    positions = PositionFile(path)
    assert positions.load() == BOOK
    positions.save(Book())
    assert positions.load() == Book()
    assert not new.exists()


def test_nobody_makes_it_write_through_a_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("precious", "utf-8")
    (tmp_path / "positions.json.new").symlink_to(other)
    PositionFile(tmp_path / "positions.json").save(BOOK)
    assert other.read_text("utf-8") == "precious"


KILLED_WHILE_SAVING = """
import sys
from pathlib import Path
from app.ship.book import Book, LogBook, Place
from app.ship.positions import PositionFile

positions = PositionFile(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(10_000_000):
    files = [Place(str(number), position=number) for _ in range(50)]
    positions.save(Book(logs={"x": LogBook(files=files)}))
"""


def test_a_kill_at_any_moment_leaves_the_old_book_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    last = -1
    for wait in range(8):
        child = subprocess.Popen([sys.executable, "-c", KILLED_WHILE_SAVING, str(path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        while not path.exists():
            pass
        try:
            child.wait(0.01 + wait * 0.003)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        files = PositionFile(path).load().logs["x"].files
        assert [place.position for place in files] == [files[0].position] * 50
        last = max(last, files[0].position)
    assert last > 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "truncated"),
        (b'{"version": 1, "later": ' + b"[" * 100_000, "recursion"),
        (b'{"version": 1, "logs": {"\xff": {}}}', "invalid start byte"),
        (b"{}", "missing required field `version`"),
        (b'{"version": 2, "logs": {}}', "version is 2, expected 1"),
        (b'{"version": 1, "logs": {"x": {"files": [{"file": 7}]}}}', "Expected `str`"),
        (b'{"version": 1, "logs": {"x": {"files": [{"file": "a", "position": -5}]}}}', "`int` >= 0"),
    ],
)
def test_a_file_that_cannot_be_understood_stops_before_anything_is_sent_twice(
    tmp_path: Path, text: bytes, reason: str
) -> None:
    path = tmp_path / "positions.json"
    path.write_bytes(text)
    with pytest.raises(Stop, match=reason) as raised:
        PositionFile(path).load()
    assert "Move it away" in str(raised.value)


def test_a_second_shipper_is_refused_while_the_first_one_runs(tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    with locked(path), pytest.raises(Stop, match="in use by another `tetrastash ship`"), locked(path):
        pass
    with locked(path):
        pass


def test_a_folder_that_cannot_be_made_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, reason in [("file/p", "its folder is a file"), ("file/folder/p", "Not a directory")]:
        with pytest.raises(SettingsError, match=f"TETRASTASH_POSITIONS.*{reason}"), locked(tmp_path / path):
            pass


def test_a_folder_that_may_not_be_written_names_the_setting() -> None:
    with a_folder_without_root() as folder:
        (folder / "kept").mkdir(0o500)
        with pytest.raises(SettingsError, match="Permission denied"), locked(folder / "kept" / "positions.json"):
            pass


@pytest.mark.parametrize("path", ["", "/"])
def test_a_path_without_a_name_names_the_setting(path: str) -> None:
    with pytest.raises(SettingsError, match=r"TETRASTASH_POSITIONS.*Is a directory"), locked(Path(path)):
        pass
