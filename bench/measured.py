"""A child process and what it costs: CPU time as the kernel counts it, user and system, of all its threads."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from app.errors import Stop
from app.local.child import spawn

_TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Of a whole life: seconds of CPU, bytes resident at most."""

    cpu: float
    memory: int


def per_event(cost: Cost, idle: Cost, events: int) -> float:
    """µs of CPU, without what the same command costs when there is nothing to do."""
    return (cost.cpu - idle.cpu) / events * 1e6


class Measured:
    """Started at once; what it says goes to `log`, and what it writes to nowhere."""

    def __init__(
        self, arguments: Sequence[str | Path], environment: Mapping[str, str], log: Path, command: str
    ) -> None:
        """`command` is how a person would write it."""
        self.command = command
        print(f"$ {command}", file=sys.stderr, flush=True)
        self._log = log
        self._memory = 0
        self.began = time.time_ns()
        with log.open("wb") as errors:
            self._process = spawn(arguments, environment=environment, stdout=subprocess.DEVNULL, stderr=errors)

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu(self) -> float:
        """Seconds so far."""
        return cpu_seconds(self.pid)

    def memory(self) -> int:
        """Bytes resident at most, so far."""
        self._look()
        return self._memory

    def require_running(self) -> None:
        """Raises Stop with its last words."""
        self._look()
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            self._process.wait()
            raise Stop(f"`{self.command}` ended early with exit status {self._process.returncode}. {self.last_words()}")

    def finish(self, seconds: float) -> Cost:
        """Waits for its end. Raises Stop when it fails, or takes longer."""
        deadline = time.monotonic() + seconds
        while True:
            self._look()
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                self.kill()
                raise Stop(f"`{self.command}` did not end within {seconds:.0f} s. {self.last_words()}")
            time.sleep(0.02)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode != 0:
            raise Stop(f"`{self.command}` ended with exit status {self._process.returncode}. {self.last_words()}")
        return Cost(used.ru_utime + used.ru_stime, self._memory)

    def stop(self, seconds: float = 20) -> Cost:
        """As an operator would. Raises Stop when it has ended by itself."""
        self.require_running()
        self._process.terminate()
        return self.finish(seconds)

    def kill(self) -> None:
        """Does nothing when it has ended."""
        self._process.kill()
        self._process.wait()

    def _look(self) -> None:
        # Not the kernel's ru_maxrss: that counts what this process held when it made the child.
        self._memory = max(self._memory, peak_memory(self.pid))

    def last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").splitlines()[-12:]
        return "It said last:\n" + ("\n".join(lines) or "(nothing)")


def cpu_seconds(pid: int) -> float:
    """User and system, of a process that lives."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


def peak_memory(pid: int) -> int:
    """Bytes; 0 for a process that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 if found else 0
