"""`tetrastash enrich` as a user runs it."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.enrich.inputs import records
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from app.settings import PREFIX, Settings
from examples.processes import lines
from schemas.identity import fingerprint
from schemas.log import first_line, key_in
from schemas.record import FILE, PATH, POSITION, Record
from tests.agents.cases import CORPUS

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
LINES = [line.rstrip(b"\n") for _, line in lines(seed=2, events=900, nodes=1)]


def tetrastash(
    *arguments: str | Path, given: bytes = b"", **settings: str | Path
) -> subprocess.CompletedProcess[bytes]:
    environment = ENVIRONMENT | {PREFIX + name.upper(): str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "app", "enrich", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, env=environment, timeout=60, check=False)


def documents(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def a_log(folder: Path, name: str = "tetragon.log", lines: list[bytes] | None = None) -> Path:
    path = folder / name
    path.write_bytes(b"\n".join([*(lines or LINES), b""]))
    return path


def test_documents_come_in_the_order_of_lines_and_a_summary_on_stderr(tmp_path: Path) -> None:
    done = tetrastash(a_log(tmp_path))

    assert [each["event"]["original"].encode() for each in documents(done)] == LINES
    assert done.stderr == b"enriched lines=900 documents=900 rejected=0 agent_errors=0\n"


def test_all_public_samples_become_documents() -> None:
    assert len(documents(tetrastash(*sorted(CORPUS.glob("*.ndjson"))))) == 97


def test_documents_are_those_that_a_worker_makes_of_the_shippers_blocks(tmp_path: Path) -> None:
    path = a_log(tmp_path)
    value = path.read_bytes()
    memory, pipeline, position = Memory(), Pipeline(load_agents(None)), 0
    expected = []
    first = first_line(value[:4096], final=True)
    assert first is not None
    for end in (40_000, 600_000, len(value)):
        end = value.rfind(b"\n", 0, end) + 1  # noqa: PLW2901 - blocks are whole lines
        headers = {PATH: str(path).encode(), FILE: fingerprint(first).encode(), POSITION: b"%d" % position}
        record = Record("t", 7, 123, 5, key_in(value), value[position:end], headers)
        expected += [line for block, _ in pipeline.enrich(memory, record).blocks for line in block.splitlines()[1::2]]
        position = end

    assert tetrastash(path).stdout.splitlines() == expected


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("tetragon.log", "tetragon.log"),
        ("tetragon-2026-01-02T15-04-05.000.log", "tetragon.log"),
        ("tetragon.log.gz.tmp", "tetragon.log.gz.tmp"),
    ],
)
def test_a_backup_has_the_name_of_its_log(tmp_path: Path, name: str, log: str) -> None:
    [record] = records([str(a_log(tmp_path, name, LINES[:1]))], Settings())

    assert record.headers[PATH].decode() == str(tmp_path / log)


def test_stdin_and_packed_files_are_read(tmp_path: Path) -> None:
    value = b"\n".join(LINES[:50])
    packed = tmp_path / "tetragon.log.gz"
    packed.write_bytes(gzip.compress(value))
    plain = a_log(tmp_path, lines=LINES[:50])
    from_file = documents(tetrastash(plain))
    from_stdin = documents(tetrastash(given=value))
    from_packed_stdin = documents(tetrastash(given=packed.read_bytes()))

    assert documents(tetrastash(packed)) == from_file
    assert from_stdin == from_packed_stdin == documents(tetrastash("-", given=value))
    assert [each["event"]["id"] for each in from_stdin] == [each["event"]["id"] for each in from_file]


def test_the_keys_node_can_be_set(tmp_path: Path) -> None:
    path = a_log(tmp_path, lines=LINES[:1])

    [plain], [set_] = documents(tetrastash(path)), documents(tetrastash(path, node="elsewhere"))
    assert plain["event"]["id"] != set_["event"]["id"]


def test_rejections_are_json_on_stderr_or_in_a_file(tmp_path: Path) -> None:
    path = a_log(tmp_path, lines=[LINES[0], b"garbage \xff", b'{"a":1}', LINES[1]])
    on_stderr, in_file = tetrastash(path), tetrastash(path, "--rejected", tmp_path / "rejected")
    told = on_stderr.stderr.splitlines()
    letters = [json.loads(line) for line in told[:2]]

    assert len(documents(on_stderr)) == 2
    assert letters == [json.loads(line) for line in (tmp_path / "rejected").read_bytes().splitlines()]
    assert letters[1]["original"] == '{"a":1}'
    assert letters[0]["original_base64"]
    assert letters[0]["origin"]["position"] == len(LINES[0]) + 1
    assert told[2:] == in_file.stderr.splitlines() == [b"enriched lines=4 documents=2 rejected=2 agent_errors=0"]


def test_an_empty_input_and_a_torn_last_line_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    torn = tetrastash(given=LINES[0] + b"\n" + LINES[1][:100])

    assert documents(tetrastash(tmp_path / "empty")) == []
    assert documents(tetrastash()) == []
    assert len(documents(torn)) == 1
    assert b"not JSON" in torn.stderr


def test_a_file_that_cannot_be_read_is_told_before_anything_is_done(tmp_path: Path) -> None:
    good = a_log(tmp_path, lines=LINES[:1])
    for bad in (tmp_path / "missing", tmp_path):
        done = tetrastash(good, bad)

        assert done.returncode == 1
        assert done.stdout == b""
        assert str(bad).encode() in done.stderr
        assert b"Expected" in done.stderr
        assert b"Traceback" not in done.stderr


def test_a_file_without_rights_is_a_sentence(tmp_path: Path) -> None:
    locked = a_log(tmp_path, lines=LINES[:1])
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        pytest.skip("this user may read everything")
    done = tetrastash(locked)

    assert done.returncode == 1
    assert b"cannot be opened: Permission denied. Expected" in done.stderr


def test_a_damaged_packed_file_is_told_after_what_could_be_read(tmp_path: Path) -> None:
    damaged = tmp_path / "tetragon.log.gz"
    damaged.write_bytes(gzip.compress(b"\n".join(LINES), compresslevel=1)[:-2000])
    done = tetrastash(damaged)

    assert done.returncode == 1
    assert b"cannot be read" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_file_for_rejections_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    done = tetrastash(a_log(tmp_path, lines=LINES[:1]), "--rejected", tmp_path / "no" / "folder")

    assert done.returncode == 1
    assert b"for rejections cannot be written" in done.stderr


def test_a_bad_agents_folder_is_told_and_a_failing_agent_is_logged_once(tmp_path: Path) -> None:
    folder = tmp_path / "agents"
    folder.mkdir()
    (folder / "bad.py").write_text(
        "from agents import agent\n"
        "@agent(events=None, adds={'tetragon.bad'})\n"
        "def bad(event):\n"
        "    raise ValueError('always')\n"
    )
    path = a_log(tmp_path, lines=LINES[:5])
    failing = tetrastash(path, agents=folder)
    missing = tetrastash(path, agents=tmp_path / "none")

    assert [each["event"]["kind"] for each in documents(failing)] == ["pipeline_error"] * 5
    assert failing.stderr.count(b"always") == 1
    assert b"agent_errors=5" in failing.stderr
    assert missing.returncode == 1
    assert b"is not there" in missing.stderr


RULES = """
rules:
  - name: exits
    events: [process_exit]
    drop: true
  - name: some
    events: [process_exec]
    sample: 0.5
  - name: unheard
    when: {node_name: nowhere}
    drop: true
"""


def test_what_rules_drop_is_told_line_by_line_and_rule_by_rule(tmp_path: Path) -> None:
    rules = tmp_path / "drops.yaml"
    rules.write_text(RULES)
    path = a_log(tmp_path)
    all_of_them = documents(tetrastash(path))
    done = tetrastash(path, "--drops", rules, "--explain-drops")
    quiet = tetrastash(path, drops=rules)
    told = done.stderr.decode().splitlines()
    dropped = [json.loads(line) for line in told if line.startswith("{")]
    left = {each["event"]["id"]: each for each in documents(done)}
    gone = {each["id"]: each for each in dropped}

    assert {each["event"]["id"] for each in all_of_them} == left.keys() | gone.keys()
    assert not left.keys() & gone.keys()
    assert {(each["rule"], each["event"]) for each in dropped} == {("exits", "process_exit"), ("some", "process_exec")}
    for each in all_of_them:
        if each["event"]["id"] in gone:
            assert gone[each["event"]["id"]]["node"] == each["host"]["name"]
            assert gone[each["event"]["id"]]["time"] == each["@timestamp"]
    exits = sum(each["rule"] == "exits" for each in dropped)
    some = len(dropped) - exits
    kept = sum(each["event"]["action"] != "end" for each in left.values())
    assert told[len(dropped) :] == [
        f"enriched lines=900 documents={len(left)} rejected=0 agent_errors=0 dropped={len(dropped)}",
        f"rule exits: dropped {exits} of 900 lines, {exits / 900:.1%}",
        f"rule some: dropped {some} of 900 lines, {some / 900:.1%}, and kept {kept} more that matched",
        "rule unheard: nothing matched",
    ]
    assert quiet.stdout == done.stdout
    assert quiet.stderr.decode().splitlines() == told[len(dropped) :]


def test_rules_that_cannot_be_used_are_told_before_anything_is_done(tmp_path: Path) -> None:
    rules = tmp_path / "drops.yaml"
    rules.write_text(RULES.replace("[process_exit]", "[process_exite]"))
    path = a_log(tmp_path, lines=LINES[:1])
    wrong, nothing = tetrastash(path, "--drops", rules), tetrastash(path, "--explain-drops")

    assert (wrong.returncode, wrong.stdout) == (1, b"")
    assert f"{rules}, line 4: there is no event 'process_exite'. Did you mean 'process_exit'?" in wrong.stderr.decode()
    assert b"Traceback" not in wrong.stderr
    assert nothing.returncode == 1
    assert nothing.stderr.startswith(b"tetrastash: --explain-drops has no drops to explain. Expected --drops FILE")


def test_a_reader_that_has_enough_ends_it_quietly(tmp_path: Path) -> None:
    path = a_log(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "app", "enrich", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert json.loads(running.stdout.readline())
        running.stdout.close()
        complaints = running.stderr.read()

    assert complaints == b""
    assert running.returncode == 0


def test_lines_that_come_slowly_are_not_kept_waiting() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "app", "enrich"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        for line in LINES[:3]:
            running.stdin.write(line + b"\n")
            running.stdin.flush()
            assert json.loads(running.stdout.readline())["event"]["original"] == line.decode()
        running.stdin.close()

    assert running.returncode == 0


def test_neither_kafka_nor_elasticsearch_nor_faust_is_imported() -> None:
    program = (
        "import sys, app.enrich.filter; "
        "print([name for name in sys.modules if name.split('.')[0] in "
        "('faust', 'aiokafka', 'elasticsearch', 'aiohttp', 'asyncio')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.strip() == b"[]"
