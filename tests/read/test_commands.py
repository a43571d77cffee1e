"""What a user meets at the command line, without any server."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from app.settings import PREFIX
from tests.agents.cases import CORPUS
from tests.read.documents import unfit
from tests.read.test_tree import FAMILY

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "NO_COLOR"))}
TETRASTASH = [sys.executable, "-m", "app"]
LOG = CORPUS / "cilium-tetragon.ndjson"
SHORT = CORPUS / "k8sstormcenter-threatintel.ndjson"  # nothing in it is cut


def tetrastash(*arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [*TETRASTASH, *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, env=ENVIRONMENT, timeout=60, check=False)


def on_a_terminal(columns: int, *arguments: str | Path, **environment: str) -> list[str]:
    """Lines that a terminal of so many columns was given."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    surroundings = {name: value for name, value in ENVIRONMENT.items() if name not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        [*TETRASTASH, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=its, stderr=subprocess.PIPE,
        env={**surroundings, "TERM": "xterm", **environment},
    ) as running:  # fmt: skip
        os.close(its)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    assert running.returncode == 0
    return shown.decode().replace("\r\n", "\n").splitlines()


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    path = tmp_path / "documents.json"
    path.write_text("\n".join(map(json.dumps, FAMILY)) + "\n\n")
    return path


def test_enrich_prints_the_same_json_as_ever_unless_it_is_told_otherwise() -> None:
    documents = tetrastash("enrich", LOG).stdout

    assert tetrastash("enrich", "-o", "json", LOG).stdout == documents
    assert json.loads(documents.splitlines()[0])["event"]["module"] == "tetragon"


def test_enrich_prints_a_line_for_each_document_and_rejections_as_ever(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(LOG.read_bytes() + b"garbage\n")
    plain, compact = tetrastash("enrich", log), tetrastash("enrich", "-o", "compact", log)

    assert len(compact.stdout.splitlines()) == len(plain.stdout.splitlines())
    assert compact.stderr == plain.stderr
    assert [line for line in compact.stdout.decode().splitlines() if unfit(line)] == []


def test_colour_is_for_terminals_and_not_for_pipes() -> None:
    piped = tetrastash("enrich", "-o", "compact", SHORT).stdout.decode().splitlines()
    shown = on_a_terminal(60, "enrich", "-o", "compact", SHORT)

    assert shown != piped
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in shown] == piped
    assert on_a_terminal(60, "enrich", "-o", "compact", SHORT, NO_COLOR="1") == piped
    assert on_a_terminal(60, "enrich", "-o", "compact", "--color", "never", SHORT) == piped
    assert tetrastash("enrich", "-o", "compact", "--color", "always", SHORT).stdout.decode().splitlines() == shown


def test_arguments_are_cut_on_a_terminal_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = {"exec_id": "a", "pid": 7, "binary": "/bin/x", "arguments": "y" * 5000}
    log.write_text(json.dumps({"process_exec": {"process": process}, "time": "2026-01-02T03:04:05Z"}))
    arguments = ("enrich", "-o", "compact", "--color", "never", log)

    assert "y" * 5000 in tetrastash(*arguments).stdout.decode()
    assert on_a_terminal(60, *arguments)[0].endswith("/bin/x " + "y" * 399 + "…")


@pytest.mark.parametrize("arguments", [("enrich", "-o", "compact"), ("tree", "c", "--documents")])
def test_a_reader_that_has_gone_ends_it_quietly(arguments: tuple[str, ...], documents: Path) -> None:
    log = documents if arguments[0] == "tree" else LOG
    with subprocess.Popen(
        [*TETRASTASH, *arguments, log], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""

    assert running.returncode == 0


def test_a_tree_is_drawn_of_a_file_or_of_stdin(documents: Path) -> None:
    drawn = tetrastash("tree", "c", "--documents", documents)

    assert drawn.stdout.decode().splitlines()[2] == "▶    └─ /bin/bash --login  uid 1000 · 20"
    assert tetrastash("tree", "c", "--documents", "-", given=documents.read_bytes()).stdout == drawn.stdout


def test_a_tree_fits_a_terminal_of_sixty_columns(documents: Path) -> None:
    shown = on_a_terminal(60, "tree", "f", "--documents", documents, NO_COLOR="1")

    assert {len(line) for line in shown} == {60}
    assert shown[-1].startswith("▶ ")


def test_what_enrich_prints_is_what_tree_reads() -> None:
    enriched = tetrastash("enrich", LOG).stdout
    exec_id = json.loads(enriched.splitlines()[-1])["process"]["entity_id"]

    assert b"\xe2\x96\xb6 " in tetrastash("tree", exec_id, "--documents", "-", given=enriched).stdout


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: No such file or directory. Expected documents"),
        ('{"process": {}}\n\nx\n', "Line 3 of '"),
        ("", "No process with exec_id 'c' is in file '"),
        ('[1]\n"x"\n1\n{"process": [1]}\n', "No process with exec_id 'c' is in file '"),
    ],
)
def test_a_file_that_does_not_serve_is_a_sentence(content: str | None, told: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_text(content)
    done = tetrastash("tree", "c", "--documents", file)

    assert done.returncode == 1
    assert done.stdout == b""
    assert told in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_a_condition_that_cannot_be_read_is_told_before_kafka_is_asked() -> None:
    done = tetrastash("tap", "events", "--where", "process.pid>many")

    assert done.returncode == 1
    assert done.stderr.startswith(b"tetrastash: Condition 'process.pid>many' cannot be read at position 13: ")


def test_neither_kafka_nor_elasticsearch_is_imported_for_what_needs_neither() -> None:
    program = (
        "import sys, app.read.output, app.read.family, app.read.taken; "
        "print([name for name in sys.modules if name.split('.')[0] in "
        "('faust', 'aiokafka', 'elasticsearch', 'aiohttp', 'asyncio')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.strip() == b"[]"


def test_json_on_a_terminal_is_escaped_too_and_means_the_same(tmp_path: Path) -> None:
    process = {"exec_id": "e", "binary": "/tmp/\u202e\x9b31m"}
    line = json.dumps({"process_exec": {"process": process}, "time": "2026-01-01T00:00:00Z"}, ensure_ascii=False)
    (tmp_path / "tetragon.log").write_text(line + "\n")
    [document] = on_a_terminal(80, "enrich", tmp_path / "tetragon.log")
    piped = tetrastash("enrich", tmp_path / "tetragon.log").stdout

    assert document.isprintable()
    assert json.loads(document) == json.loads(piped)
    assert not piped.decode().rstrip("\n").isprintable()


@pytest.mark.parametrize(
    "arguments", [("enrich", SHORT), ("check", "--offline"), ("settings",)], ids=lambda each: each[0]
)
def test_a_full_disk_is_a_sentence(arguments: tuple[str | Path, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*TETRASTASH, *map(str, arguments)],
            stdout=full,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            timeout=60,
            check=False,
        )

    assert done.returncode == 1
    assert (
        done.stderr.decode()
        .splitlines()[-1]
        .startswith("tetrastash: What it tells cannot be written: No space left on device. Expected")
    )
