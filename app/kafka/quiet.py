"""A broker that is away makes its client write kilobytes of log a second; once a while says the same."""

import logging
import time
from collections.abc import Callable
from typing import Final

AGAIN_SECONDS: Final = 60.0
_KINDS: Final = 1000  # some of the sentences may not be fixed


class Sparing(logging.Handler):
    """Passes on the first of like records, and the next one after a while, with how many there were in between."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._passed: dict[tuple[str, str], tuple[float, int]] = {}  # when, and how many were held back since

    def emit(self, record: logging.LogRecord) -> None:
        now = self._clock()
        kind = (record.name, str(record.msg))
        at, held = self._passed.get(kind, (float("-inf"), 0))
        if now - at < self._seconds:
            self._passed[kind] = (at, held + 1)
            return
        if len(self._passed) >= _KINDS:
            self._passed.clear()
        self._passed[kind] = (now, 0)
        if held:
            record.msg, record.args = f"{record.getMessage()} repeated={held}", ()
        root = logging.getLogger()
        if record.levelno >= root.level:
            root.callHandlers(record)


def quieten(logger: str = "aiokafka", clock: Callable[[], float] = time.monotonic) -> None:
    """For a logger and all below it. To be called once or more."""
    noisy = logging.getLogger(logger)
    if not any(isinstance(handler, Sparing) for handler in noisy.handlers):
        noisy.addHandler(Sparing(AGAIN_SECONDS, clock))
        noisy.propagate = False
