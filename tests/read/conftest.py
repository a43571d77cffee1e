"""`tetrastash` as a child process whose stdout a test reads."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from app.settings import Settings
from app.setup import setup
from tests.stream.conftest import TETRASTASH


class Running:
    """`say` reads all that it told on stderr."""

    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        self.process = process
        self._errors = errors

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def say(self) -> str:
        return self._errors.read_text("utf-8")

    def status(self) -> int:
        return self.process.wait(30)


Run = Callable[..., Running]


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Iterator[Run]:
    """Starts `tetrastash` with these arguments; ended with the test."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str) -> Running:
            errors = tmp_path / f"{len(list(tmp_path.iterdir()))}.stderr"
            with errors.open("wb") as stderr:
                process = subprocess.Popen(
                    [TETRASTASH, *arguments], stdout=subprocess.PIPE, stderr=stderr, env=environment
                )
            stack.enter_context(process)
            stack.callback(process.kill)
            stack.callback(lambda: print(errors.read_text("utf-8")))  # noqa: T201 - pytest shows it on failure
            return Running(process, errors)

        yield start


@pytest.fixture
async def ready(settings: Settings) -> Settings:
    """Topics and template are made."""
    assert await setup(settings) == 0
    return settings
