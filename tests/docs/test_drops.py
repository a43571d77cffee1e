"""What docs/drops.md shows works as it stands there."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from app.enrich.drops.conditions import OPERATORS
from tests.docs.tables import DOCS

PAGE = (DOCS / "drops.md").read_text("utf-8")
TIME = "2026-01-02T03:04:05Z"


def a_line(binary: str, namespace: str, **pod: Any) -> str:
    process = {"binary": binary, "pid": 1, "pod": {"namespace": namespace, **pod}}
    return json.dumps({"process_exec": {"process": process}, "node_name": "node-1", "time": TIME})


LINES = [
    a_line("/bin/grpc_health_probe", "shop"),
    a_line("/bin/grpc_health_probe", "vault"),
    a_line("/bin/bash", "ci-7", pod_labels={"app.kubernetes.io/name": "runner"}),
    a_line("/bin/sleep", "shop"),
]


def test_the_rules_of_the_page_do_what_it_shows(tmp_path: Path) -> None:
    rules = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    told = re.search(r"<!-- told -->\n```\n(.*?)```", PAGE, re.DOTALL)
    command = re.search(r"tetrastash (enrich --drops .*) > /dev/null", PAGE)
    assert rules is not None
    assert told is not None
    assert command is not None
    (tmp_path / "drops.yaml").write_text(rules[1])
    (tmp_path / "tetragon.log").write_text("\n".join(LINES))
    arguments = (
        command[1].replace("drops.yaml", f"{tmp_path}/drops.yaml").replace("tetragon.log", f"{tmp_path}/tetragon.log")
    )
    done = subprocess.run(
        [sys.executable, "-m", "app", *arguments.split()], capture_output=True, text=True, timeout=60, check=True
    )

    assert re.sub(r'"id":"[^"]{27}"', '"id":"…"', done.stderr) == told[1]
    assert [json.loads(line)["event"]["original"] for line in done.stdout.splitlines()] == LINES[1:]


def test_the_page_has_every_operator() -> None:
    assert [name for name in OPERATORS if f"`{{{name}: …}}`" not in PAGE] == []
