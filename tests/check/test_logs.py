"""What is told of the files that `ship` would read, on a real disk."""

import gzip
import json
from pathlib import Path

from app.check.finding import Finding
from app.check.logs import PART, log_findings, looking, samples
from tests.check.nobody import nobody

LINE = json.dumps({"process_exec": {"process": {"pid": 1}}, "node_name": "n", "time": "2026-01-05T12:00:00Z"})
STAMPS = ("2026-01-05T10-00-00.000", "2026-01-05T11-00-00.000")


def found(*paths: object) -> list[Finding]:
    with looking([str(path) for path in paths]) as tail:
        return list(log_findings(tail))


def sampled(*paths: object) -> list[tuple[int, bool]]:
    """Lines, and whether there was more."""
    with looking([str(path) for path in paths]) as tail:
        return [(sample.data.count(b"\n"), sample.cut) for sample in samples(tail)]


def test_a_log_is_told_with_the_backups_that_it_has(tmp_path: Path) -> None:
    (tmp_path / "tetragon.log").write_text(f"{LINE}\n")
    assert [finding.text for finding in found(tmp_path / "tetragon.log")] == [
        f"'{tmp_path}/tetragon.log' can be read; it has no backups"
    ]
    (tmp_path / f"tetragon-{STAMPS[0]}.log.gz").write_bytes(gzip.compress(f"{LINE}\n".encode()))
    (tmp_path / f"tetragon-{STAMPS[1]}.log").write_text(f"{LINE}\n" * 20_000)
    [finding] = found(tmp_path / "tetragon.log")
    assert finding.status == "ok"
    assert f"2 backups, 1 of them packed, 1.8 MiB unpacked, since {STAMPS[0]}" in finding.text


def test_backups_without_their_log_are_told(tmp_path: Path) -> None:
    (tmp_path / f"tetragon-{STAMPS[0]}.log").write_text(f"{LINE}\n")
    [finding] = found(tmp_path / "*.log")
    assert finding.status == "ok"
    assert "is not there; its 1 backup" in finding.text


def test_a_path_that_names_nothing_is_a_failure(tmp_path: Path) -> None:
    for path in (tmp_path / "none.log", tmp_path / "*.log"):
        [finding] = found(path)
        assert finding.status == "failed"
        assert f"{str(path)!r} names no file" in finding.text
        assert "--export-filename" in finding.todo
    [finding] = found(tmp_path / "no-folder" / "tetragon.log")
    assert "No such file or directory" in finding.text
    (tmp_path / "folder.log").mkdir()
    [finding] = found(tmp_path / "folder.log")
    assert "it is a folder" in finding.text


def test_a_file_or_a_folder_that_may_not_be_read_says_how_to_let_it_be(open_folder: Path) -> None:
    log = open_folder / "tetragon.log"
    log.write_text(f"{LINE}\n")
    log.chmod(0)
    with nobody():
        [finding] = found(log)
    assert finding.status == "failed"
    assert finding.text == f"Path '{log}' cannot be read: Permission denied."
    assert finding.todo.startswith("Run as root, or set Tetragon's export-file-perm to 640")
    open_folder.chmod(0)
    with nobody():
        finding = found(log)[-1]
    assert finding.todo.startswith("Run as root")


def test_the_newest_part_of_every_file_is_looked_at(tmp_path: Path) -> None:
    lines = PART // (len(LINE) + 1) * 2
    (tmp_path / f"tetragon-{STAMPS[0]}.log.gz").write_bytes(gzip.compress(f"{LINE}\n".encode() * lines))
    (tmp_path / f"tetragon-{STAMPS[1]}.log").write_text(f"{LINE}\n" * 3 + LINE)
    (tmp_path / "tetragon.log").write_text("no event\n" + f"{LINE}\n" * lines + LINE[:20])
    (newest, cut), (middle, middle_cut), (oldest, oldest_cut) = sampled(tmp_path / "tetragon.log")
    assert lines // 2 - 2 <= newest <= lines // 2
    assert lines // 2 - 2 <= oldest <= lines // 2
    assert (cut, oldest_cut) == (True, True)
    assert (middle, middle_cut) == (3, False)


def test_an_empty_log_and_a_line_without_an_end_give_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("")
    (tmp_path / "b.log").write_bytes(b"x" * (PART + 1))
    assert sampled(tmp_path / "a.log", tmp_path / "b.log") == [(0, False), (0, True)]


def test_a_packed_backup_that_is_damaged_gives_what_is_before(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f"{number} {LINE}\n" for number in range(5000)).encode())
    (tmp_path / f"x-{STAMPS[0]}.log.gz").write_bytes(whole[: len(whole) // 2])
    [(count, _)] = sampled(tmp_path / "*.gz")
    assert 0 < count < 5000


def test_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "tetragon.log").write_text(f"{LINE}\n")
    found(tmp_path / "tetragon.log")
    assert [path.name for path in tmp_path.iterdir()] == ["tetragon.log"]
