"""The command as people run it: a child process, on a pipe or on a terminal."""

import contextlib
import fcntl
import json
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from app.check.kafka import REACH_SECONDS
from app.local.ports import free_ports
from app.settings import PREFIX

COMMAND: Final = (sys.executable, "-m", "app", "check")
CORPUS: Final = "examples/corpus/cilium-tetragon.ndjson"
BUILT_IN: Final = sorted(file.stem for file in Path("agents").glob("[!_]*.py"))
EVENT: Final = json.dumps({"process_exec": {"process": {"pid": 1, "exec_id": "a"}}, "time": "2026-01-05T12:00:00Z"})


def shell(**given: str) -> dict[str, str]:
    """A user's environment without settings, but for those that are given."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(PREFIX) and name != "NO_COLOR"
    }
    return inherited | {"TERM": "xterm"} | {PREFIX + name: value for name, value in given.items()}


def run(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    given = shell() if environment is None else environment
    return subprocess.run([*COMMAND, *arguments], env=given, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def here(tmp_path: Path) -> dict[str, str]:
    return shell(POSITIONS=str(tmp_path / "positions.json"))


def marks(told: str) -> list[str]:
    return [line[0] for line in told.splitlines() if not line.startswith(" ")]


def test_offline_it_needs_no_server(here: dict[str, str]) -> None:
    ran = run("--offline", CORPUS, "--policies", "deploy/policies", environment=here)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"✓ agents: {', '.join(BUILT_IN)}\n" in ran.stdout
    assert "! fields: no ancestors: ancestry knows what is above a parent" in ran.stdout
    assert "✓ policies: tetrastash-file-integrity" in ran.stdout
    assert ran.stdout.endswith("– kafka, elasticsearch: not looked at, offline\n")  # noqa: RUF001
    assert "\x1b" not in ran.stdout


def test_json_is_one_document_that_says_the_same(here: dict[str, str]) -> None:
    lines = run("--offline", CORPUS, environment=here).stdout
    told = json.loads(run("--offline", "--json", CORPUS, environment=here).stdout)
    assert told["ok"] is True
    assert [f"{check['check']}: {check['text']}" for check in told["checks"]] == re.findall(r"^\S (.*)$", lines, re.M)
    [events] = [check for check in told["checks"] if "figures" in check]
    assert events["figures"]["events"]["process_exec"] == 28


def test_an_agent_that_prints_does_not_spoil_the_json(here: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text("print('hello')\n")
    ran = run("--offline", "--json", environment=here | {f"{PREFIX}AGENTS": str(tmp_path)})
    assert json.loads(ran.stdout)["ok"] is False
    assert ran.returncode == 1


def test_a_wrong_setting_leaves_what_needs_none(here: dict[str, str]) -> None:
    ran = run(CORPUS, environment=here | {f"{PREFIX}PARTITONS": "4"})
    assert ran.returncode == 1
    assert ran.stdout.startswith("✕ settings: Setting TETRASTASH_PARTITONS is unknown.\n    Did you mean TETRASTASH_PA")
    assert "✓ log: " in ran.stdout
    assert "not looked at, for want of settings" in ran.stdout


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("fim.yaml", "categories:\n  - id: mine\n    abuot: x\n", "fim.yaml, line 3: 'abuot' is unknown here."),
        ("mine.py", "import agents\n", "mine.py has 0 functions under @agent"),
    ],
)
def test_what_is_wrong_with_agents_of_ones_own_is_told(
    here: dict[str, str], tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    (tmp_path / name).write_text(content)
    ran = run("--offline", environment=here | {f"{PREFIX}AGENTS": str(tmp_path)})
    assert ran.returncode == 1
    assert sentence in ran.stdout


def test_a_policy_that_does_not_decode_is_told_with_its_line(here: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {}\nspec: {}\n")
    ran = run("--offline", "--policies", str(tmp_path), environment=here)
    assert ran.returncode == 1
    assert f"✕ policies: {tmp_path}/mine.yaml, line 3: 'name' is missing.\n    Expected it" in ran.stdout


def test_only_what_one_command_needs_is_looked_at(here: dict[str, str], tmp_path: Path) -> None:
    [port] = free_ports(1)
    away = here | {f"{PREFIX}KAFKA": f"127.0.0.1:{port}", f"{PREFIX}ELASTICSEARCH": f"http://127.0.0.1:{port}"}
    ship, work = run("--only", "ship", environment=away).stdout, run("--only", "work", environment=away).stdout
    assert "elasticsearch" not in ship
    assert "positions" in ship
    assert "positions" not in work
    assert "✕ elasticsearch" in work
    unusable = here | {f"{PREFIX}POSITIONS": str(tmp_path / "file" / "positions.json")}
    (tmp_path / "file").write_text("")
    for options, mark in (((), "!"), (("--only", "ship"), "✕"), ((CORPUS,), "✕")):
        assert f"{mark} positions: " in run("--offline", *options, environment=unusable).stdout


class Silent:
    """A server that takes connections and says nothing. `together` counts who has some open."""

    def __init__(self, name: str, together: dict[str, int], seen: set[frozenset[str]]) -> None:
        self._name, self._together, self._seen = name, together, seen
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._socket.accept()
                self._together[self._name] += 1
                self._seen.add(frozenset(name for name, count in self._together.items() if count))
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while connection.recv(1 << 16):
                pass
        self._together[self._name] -= 1

    def close(self) -> None:
        self._socket.close()


def test_silent_servers_are_waited_for_side_by_side(here: dict[str, str]) -> None:
    together = {"kafka": 0, "elasticsearch": 0}
    seen: set[frozenset[str]] = set()  # who had a connection open at a time
    with closing(Silent("kafka", together, seen)) as kafka, closing(Silent("elasticsearch", together, seen)) as other:
        given = here | {f"{PREFIX}KAFKA": kafka.address, f"{PREFIX}ELASTICSEARCH": f"http://{other.address}"}
        ran = run(CORPUS, environment=given)
    assert ran.returncode == 1
    assert marks(ran.stdout).count("✕") == 2
    assert frozenset(together) in seen


def test_a_name_that_does_not_resolve_holds_nobody_up(here: dict[str, str]) -> None:
    given = here | {f"{PREFIX}KAFKA": "kafka.invalid:9092", f"{PREFIX}ELASTICSEARCH": "http://elastic.invalid:9200"}
    began = time.monotonic()
    ran = run(environment=given)
    assert time.monotonic() - began < 10 * REACH_SECONDS, "as if it waited for the resolver, or again and again"
    assert ran.returncode == 1
    assert marks(ran.stdout).count("✕") == 2


def test_a_pipe_that_nobody_reads_is_no_error(here: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [*COMMAND, "--offline", CORPUS], env=here, stdout=writing, stderr=subprocess.PIPE, text=True
    ) as child:
        os.close(writing)
        _, said = child.communicate(timeout=60)
    assert (child.returncode, said) == (0, "")


@contextmanager
def terminal(columns: int) -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def on_terminal(columns: int, environment: Mapping[str, str]) -> str:
    with terminal(columns) as (ours, theirs):
        child = subprocess.Popen([*COMMAND, "--offline", CORPUS], env=environment, stdout=theirs)
        os.close(theirs)
        told = b""
        try:
            while data := os.read(ours, 65536):
                told += data
        except OSError:  # what Linux has for the end of a terminal
            pass
        assert child.wait(60) == 0
    return told.decode().replace("\r\n", "\n")


def test_on_a_terminal_lines_are_folded_to_its_width_and_marks_have_colours(here: dict[str, str]) -> None:
    environment = {name: value for name, value in here.items() if name not in ("COLUMNS", "LINES")}
    told = on_terminal(60, environment)
    assert "\x1b[32m\x1b[1m✓\x1b[0m" in told
    plain = re.sub(r"\x1b\[[0-9;]*m", "", told)
    assert all(len(line) <= 60 or " " not in line.strip() for line in plain.splitlines())
    assert max(map(len, plain.splitlines())) > 40


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_switched_off(here: dict[str, str], more: dict[str, str]) -> None:
    assert "\x1b" not in on_terminal(100, here | more)


def test_an_old_terminal_gets_ascii(here: dict[str, str]) -> None:
    ran = run("--offline", environment=here | {"PYTHONIOENCODING": "ascii"})
    assert ran.stdout.isascii()
    assert set(marks(ran.stdout)) <= {"+", "-", "!", "x"}


def test_on_the_real_servers_all_is_right_after_setup_and_not_before(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "tetragon.log"
    log.write_text(f"{EVENT}\n")
    before = run(str(log), environment=environment)
    assert before.returncode == 1, before.stdout
    failed = [line for line in before.stdout.splitlines() if line.startswith("✕")]
    assert [line.split(":")[0] for line in failed] == ["✕ topics", "✕ index template"]
    assert before.stdout.count("Run `tetrastash setup`") == 2
    made = subprocess.run([sys.executable, "-m", "app", "setup"], env=environment, capture_output=True, check=False)
    assert made.returncode == 0
    after = run(environment=environment)
    assert (after.returncode, after.stderr) == (0, ""), after.stdout
    assert set(marks(after.stdout)) <= {"✓", "–"}, after.stdout  # noqa: RUF001
    assert "all four as setup left them, 4 partitions each" in after.stdout
    assert "is as this version makes it" in after.stdout
    document = {"@timestamp": "2026-01-05T12:00:00Z", "event": {"kind": "event"}}
    _index(environment, document)
    again = run(environment=environment)
    assert again.returncode == 0, again.stdout
    assert "has the fields of its template" in again.stdout


def _index(environment: Mapping[str, str], document: Mapping[str, object]) -> None:
    url = f"{environment[f'{PREFIX}ELASTICSEARCH']}/{environment[f'{PREFIX}DATA_STREAM']}/_create/1?refresh=true"
    request = urllib.request.Request(url, json.dumps(document).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 201
