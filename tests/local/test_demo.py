import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.errors import Stop
from app.local import demo

SAMPLES = 97


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
    assert books["lines"] > SAMPLES + demo.EVENTS
    assert books["lines"] == books["documents"] + books["duplicates"] + books["rejected"]
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


def test_the_demo_ships_the_samples_the_generated_events_and_a_story_that_ends_now(tmp_path: Path) -> None:
    now = 1_800_000_000 * 10**9

    logs = demo.write_logs(tmp_path, now)

    assert len(set(logs)) == demo.NODES + demo.STORY["nodes"] + 8
    assert all(log.read_bytes().endswith(b"\n") for log in logs)
    told = [log for log in logs if log.name == "tetragon.log"]
    backups = [file for log in told for file in log.parent.glob("tetragon-*.log.gz")]
    assert backups
    in_logs = sum(log.read_bytes().count(b"\n") for log in logs)
    in_backups = sum(gzip.decompress(file.read_bytes()).count(b"\n") for file in backups)
    assert demo.lines_in(tmp_path) == in_logs + in_backups > SAMPLES + demo.EVENTS
    nodes = {json.loads(log.read_bytes().splitlines()[-1])["node_name"] for log in logs[:-8]}
    assert len(nodes) == demo.NODES + demo.STORY["nodes"]
    latest = max(json.loads(log.read_bytes().splitlines()[-1]).get("time", "") for log in told)
    assert "2027-01-15T07:59" < latest <= "2027-01-15T08:01"


def test_the_nodes_that_live_on_during_the_demo_are_others(tmp_path: Path) -> None:
    first = demo.LIVE["first-node"]
    assert first > demo.STORY["first"] + demo.STORY["nodes"] - 1 > demo.NODES
    with demo.living(tmp_path / "live"):
        logs = tmp_path / "live"
        deadline = time.monotonic() + 30
        while len(found := list(logs.glob("*/tetragon.log"))) < demo.LIVE["nodes"] and time.monotonic() < deadline:
            time.sleep(0.1)
    assert {log.parent.name for log in found} == {f"node-{first + each}" for each in range(demo.LIVE["nodes"])}
