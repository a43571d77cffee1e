"""A child process that never outlives this one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from app.errors import Stop

_TETHER = str(Path(__file__).with_name("tether.py"))

# The kernel ends a tethered child when the *thread* that made it ends, so they are all made by one that stays.
_maker = ThreadPoolExecutor(1, thread_name_prefix="children")


def spawn(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C reaches this process alone, which then ends its children in order."""
    return _maker.submit(
        subprocess.Popen,
        [sys.executable, "-I", "-S", _TETHER, str(os.getpid()), *map(str, arguments)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    ).result()


class Child:
    """A program that can be started, stopped, killed and started again; all that it says goes to `log`."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._log_begins = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise Stop(f"{self.name} has no process. Expected it to be started; call start().")
        return self._process.pid

    def launch(
        self,
        arguments: Sequence[str | Path],
        is_ready: Callable[[], bool],
        *,
        environment: Mapping[str, str] | None = None,
        seconds: float = 90,
    ) -> None:
        """Returns once `is_ready`. Raises Stop with the log's last lines when the program ends or takes too long."""
        if self.is_running:
            raise Stop(
                f"{self.name} runs already as process {self.pid}. Expected it to be stopped; call stop() or kill()."
            )
        self._log_begins = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = spawn(arguments, environment=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + seconds
        try:
            while not is_ready():
                if self._process.poll() is not None:
                    raise Stop(
                        f"{self.name} ended with exit status {self.status} before it was ready. {self.last_words}"
                    )
                if time.monotonic() > deadline:
                    raise Stop(f"{self.name} was not ready after {seconds:.0f} s. {self.last_words}")
                time.sleep(0.05)
        except BaseException:  # an interrupt too: whoever did not see it start would not stop it
            self.kill()
            raise

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.poll() if self._process is not None else None

    @property
    def last_words(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_begins)
            lines = log.read().decode("utf-8", "replace").splitlines()[-12:]
        return f"Its log {self.log} ends with:\n" + ("\n".join(lines) or "(nothing)")

    def stop(self, seconds: float = 30) -> None:
        """As an operator would; kills it when it does not end in time. Does nothing when it is not running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
