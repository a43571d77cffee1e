"""The processes under test: started as a user would, and what they are doing now."""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from app.local.child import spawn

LEAVE_SECONDS: Final = 12.0  # a worker promises ten; the machine is busy
START_SECONDS: Final = 15.0  # likewise
UP: Final = "up"

State = Literal["up", "leaving", "paused", "down"]


class Child:
    """`until` is when its state is to change, in seconds of the monotonic clock. `lives` counts its starts."""

    def __init__(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path, port: int
    ) -> None:
        self.name = name
        self.port = port
        self.log = log
        self.lives = 0
        self.state: State = "down"
        self.until = 0.0
        self.rest = 0.0  # seconds between its end and its next start
        self.complaints: list[str] = []
        self._arguments = arguments
        self._environment = dict(environment) | {"TETRASTASH_LISTEN": f"127.0.0.1:{port}"}
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as log:
            log.write(b"--- life %d\n" % self.lives)
            log.flush()
            self._process = spawn(self._arguments, environment=self._environment, stdout=log, stderr=log)
        self.lives += 1
        self.state = UP
        self._started_at = time.monotonic()

    def kill(self, now: float, rest: float) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.state, self.until = "down", now + rest

    def terminate(self, now: float, rest: float) -> None:
        assert self._process is not None
        self._process.terminate()
        self.state, self.until, self.rest = "leaving", now + LEAVE_SECONDS, rest

    def pause(self, now: float, seconds: float) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        self.state, self.until = "paused", now + seconds

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self.state = UP

    def tick(self, now: float) -> None:
        """Moves on to the next state when its time has come; what should not have happened is a complaint."""
        if self.state == "down":
            if now >= self.until:
                self.start()
            return
        assert self._process is not None
        status = self._process.poll()
        if status is not None:
            if self.state != "leaving":
                self._complain(f"ended by itself with exit status {status}")
            else:
                self._judge(status, now)
            self.state, self.until = "down", now + self.rest
        elif self.state == "paused" and now >= self.until:
            self.resume()
        elif self.state == "leaving" and now >= self.until:
            self._complain(f"was still there {LEAVE_SECONDS:.0f} s after SIGTERM")
            self.kill(now, self.rest)

    def end(self) -> None:
        """For good, whatever its state."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def leave(self) -> None:
        """For good, in order."""
        assert self._process is not None
        try:
            self._judge(self._process.wait(LEAVE_SECONDS), time.monotonic())
        except subprocess.TimeoutExpired:
            self._complain(f"was still there {LEAVE_SECONDS:.0f} s after the last SIGTERM")
            self.end()

    def _judge(self, status: int, now: float) -> None:
        """A process that is still importing its modules does not know SIGTERM yet, and may die of it."""
        is_young = now - self._started_at < START_SECONDS
        if status != 0 and not (is_young and status == -signal.SIGTERM):
            self._complain(f"left after SIGTERM with exit status {status}")

    def _complain(self, what: str) -> None:
        self.complaints.append(f"{self.name}, life {self.lives - 1}, {what}; see {self.log}")
