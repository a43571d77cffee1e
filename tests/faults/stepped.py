"""A clock that is set back and forth under running processes, by libfaketime (Debian's package of that name)."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.faults.scene import UnsettledError

LIBRARIES: Final = ("/usr/lib", "/usr/lib64", "/usr/local/lib")


def stepped(folder: Path) -> dict[str, str]:
    """What makes a process believe the clock of this folder, but not of how time passes. Raises UnsettledError."""
    found = [path for root in LIBRARIES for path in Path(root).glob("**/faketime/libfaketime.so.1")]
    if not found:
        raise UnsettledError("libfaketime is not on this machine. Expected Debian's package libfaketime, or its like.")
    step(folder, 0)
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(_clock(folder)),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def step(folder: Path, seconds: int) -> None:
    """From now on they are so much ahead of the machine's clock."""
    new = folder / "clock.new"
    new.write_text(f"{seconds:+d}\n")
    new.replace(_clock(folder))


def require_stepped(environment: Mapping[str, str], seconds: int) -> None:
    """That a process sees it."""
    command = [sys.executable, "-c", "import time; print(time.time())"]
    told = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    ahead = float(told.stdout) - time.time()
    if abs(ahead - seconds) > 30:
        raise UnsettledError(f"a process is {ahead:.0f} s ahead of the clock. Expected {seconds} s")


def _clock(folder: Path) -> Path:
    return folder / "clock"
