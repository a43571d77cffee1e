"""What the demo says while it works, on stderr, and how long each part took."""

import time
from typing import Final

from rich.console import Console

from app.local.books import Books

_SECONDS_BETWEEN: Final = 2.0


class Clock:
    def __init__(self) -> None:
        self._begun = time.monotonic()
        self.seconds: dict[str, float] = {}

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    def took(self, part: str, since: float = 0.0) -> float:
        self.seconds[part] = round(self.now() - since, 2)
        return self.seconds[part]


class Screen:
    """A line that changes on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._status = self._console.status("")
        self._progressed = float("-inf")

    def say(self, text: str) -> None:
        self._console.print(text)

    def progress(self, books: Books) -> None:
        text = f"{books.documents:,} of {books.lines:,} lines stored, {books.rejected:,} rejected"
        if self._console.is_terminal:
            self._status.update(text)
            self._status.start()
        elif time.monotonic() - self._progressed > _SECONDS_BETWEEN:
            self._progressed = time.monotonic()
            self.say(text)

    def settled(self) -> None:
        self._status.stop()
