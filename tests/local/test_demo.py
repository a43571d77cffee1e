import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.errors import Stop
from app.local import demo

LINES = 20_097


@pytest.mark.integration
def test_the_demo_stores_every_line_follows_until_ctrl_c_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TETRASTASH_KAFKA": "of.somebody.else:9092"}
    command = [sys.executable, "-m", "app.local.demo", "--json"]
    with (
        (tmp_path / "stderr").open("wb") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environment, text=True) as process,
    ):
        assert process.stdout is not None
        shown = []
        for line in process.stdout:
            shown.append(line)
            if line.startswith("{"):
                break
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        status = process.wait(60)

    said = (tmp_path / "stderr").read_text()
    assert status == 0, said
    books = json.loads(shown[-1])
    assert books["lines"] == LINES == books["documents"] + books["duplicates"] + books["rejected"]
    assert books["lost"] == 0
    assert {"engines", "first_document", "stored", "total"} == set(books["seconds"])
    assert "process_exec" in "".join(shown)
    assert "One process tree:" in "".join(shown)
    assert len(children) >= 4
    assert [child for child in children if child.is_running()] == []
    assert [path.name for path in tmp_path.iterdir()] == ["stderr"]


def test_a_folder_without_room_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"Folder '.*' has \d+ MiB free\. Expected \d+ MiB .* TMPDIR"):
        demo.require_room(tmp_path, room=1 << 60)


def test_every_log_of_the_demo_has_whole_lines(tmp_path: Path) -> None:
    logs = demo.write_logs(tmp_path)

    assert len({log.name for log in logs}) == demo.NODES + 8
    assert all(log.read_bytes().endswith(b"\n") for log in logs)
    assert sum(log.read_bytes().count(b"\n") for log in logs) == LINES
