"""What the README shows works as it stands there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from app.settings import PREFIX, SECRET_FILES, Settings

README = Path("README.md").read_text("utf-8")


def test_the_first_command_stands_within_the_first_lines() -> None:
    first = next(number for number, line in enumerate(README.splitlines(), 1) if line.startswith("```sh"))
    assert first < 15


def test_the_agent_of_the_readme_is_loaded_and_adds_its_field(tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    (tmp_path / "scratch.py").write_text(code[1])
    events = [
        {"process_exec": {"process": {"exec_id": name, "pid": 1, "binary": binary}}, "time": "2026-01-02T03:04:05Z"}
        for name, binary in (("a", "/tmp/x"), ("b", "/usr/bin/x"))
    ]
    run = subprocess.run(
        [sys.executable, "-m", "app", "enrich"],
        input="\n".join(map(json.dumps, events)),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"TETRASTASH_AGENTS": str(tmp_path)},
    )
    marked, plain = map(json.loads, run.stdout.splitlines())
    assert marked["labels"] == {"scratch": True}
    assert "labels" not in plain


def test_every_setting_that_the_readme_names_exists() -> None:
    named = set(re.findall(rf"{PREFIX}([A-Z_]+)", README))
    assert named <= {name.upper() for name in Settings.model_fields} | {
        name.removeprefix(PREFIX) for name in SECRET_FILES
    }


def test_every_make_target_that_the_readme_names_exists() -> None:
    makefile = Path("Makefile").read_text("utf-8")
    for target in set(re.findall(r"^make (\w+)", README, re.MULTILINE)):
        assert f"\n{target}:" in makefile
