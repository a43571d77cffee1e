import gzip
import json
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from examples.rotation import Log

ROOT = Path(__file__).parents[2]
SECOND = 10**9
START = 1_767_600_000 * SECOND


def written(folder: Path, packs: bool) -> list[Path]:
    log = Log(folder, largest=100, packs=packs)
    for number in range(40):
        log.write(b"line %02d" % number, START + number * SECOND)
    log.close()
    return sorted(folder.iterdir())


def test_a_full_log_is_renamed_to_the_time_of_the_line_that_did_not_fit(tmp_path: Path) -> None:
    names = [path.name for path in written(tmp_path / "node", packs=False)]

    assert names == [
        "tetragon-2026-01-05T08-00-12.000.log",
        "tetragon-2026-01-05T08-00-24.000.log",
        "tetragon-2026-01-05T08-00-36.000.log",
        "tetragon.log",
    ]


def test_the_files_together_are_all_lines_in_order(tmp_path: Path) -> None:
    paths = written(tmp_path / "node", packs=False)

    assert b"".join(path.read_bytes() for path in paths) == b"".join(b"line %02d\n" % number for number in range(40))
    assert all(len(path.read_bytes()) <= 100 for path in paths)


def test_a_packed_backup_holds_the_same_and_is_the_same_every_time(tmp_path: Path) -> None:
    plain = written(tmp_path / "plain", packs=False)
    packed = written(tmp_path / "packed", packs=True)
    again = written(tmp_path / "again", packs=True)

    assert [path.name for path in packed] == [f"{path.name}.gz" for path in plain[:-1]] + ["tetragon.log"]
    assert [gzip.decompress(path.read_bytes()) for path in packed[:-1]] == [path.read_bytes() for path in plain[:-1]]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in packed]


def test_a_line_that_is_larger_than_a_log_may_be_gets_a_log_of_its_own(tmp_path: Path) -> None:
    log = Log(tmp_path / "node", largest=10, packs=False)
    log.write(b"x" * 50, START)
    log.write(b"y" * 50, START + SECOND)
    log.close()

    assert [len(path.read_bytes()) for path in sorted((tmp_path / "node").iterdir())] == [51, 51]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.story", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_writes_each_nodes_logs_and_names_them(tmp_path: Path) -> None:
    given = ("--nodes", "2", "--minutes", "1", "--rate", "10", "--max-size-mb", "0.2", "--compress")
    found = run(*given, "--out", str(tmp_path / "logs"))

    assert found.returncode == 0, found.stderr
    assert sorted(found.stdout.split()) == [str(tmp_path / f"logs/node-0{number}/tetragon.log") for number in (1, 2)]
    backups = [path.name for path in (tmp_path / "logs").rglob("*.gz")]
    assert backups
    assert all(re.fullmatch(r"tetragon-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log\.gz", name) for name in backups)


def test_a_live_story_begins_now_and_takes_as_long_as_it_tells(tmp_path: Path) -> None:
    began = time.time_ns()
    found = run("--live", "--nodes", "1", "--minutes", "0.02", "--rate", "50", "--out", str(tmp_path / "logs"))

    assert found.returncode == 0, found.stderr
    assert time.time_ns() - began > 1.1 * SECOND
    last = json.loads((tmp_path / "logs/node-01/tetragon.log").read_bytes().splitlines()[-1])
    assert abs(datetime.fromisoformat(last["time"][:19] + "+00:00").timestamp() - time.time()) < 30


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--nodes", "0"), "expected numbers greater than 0"),
        (("--rate", "-5"), "expected numbers greater than 0"),
        (("--start", "2026-01-05T08:00:00"), "expected a time with its zone"),
        (("--start", "yesterday"), "'yesterday' is no time"),
        (("--max-size-mb", "0"), "expected numbers greater than 0"),
        (("--out", str(ROOT / "examples")), "no empty folder"),
    ],
)
def test_the_command_says_what_it_expected(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    found = run("--out", str(tmp_path / "logs"), *arguments)

    assert found.returncode == 2
    assert sentence in found.stderr
    assert not (tmp_path / "logs").exists()
