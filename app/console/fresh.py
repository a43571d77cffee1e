"""Something that costs, and is asked for by many: found once, and kept for a few seconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Fresh(Generic[T]):
    """Whoever asks while it is being found waits for the same answer: it is never looked for twice at a time."""

    def __init__(self, find: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._find = find
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._found: tuple[float, T] | None = None

    async def get(self) -> T:
        async with self._lock:
            if self._found is None or time.monotonic() - self._found[0] >= self._seconds:
                found = await self._find()
                self._found = time.monotonic(), found
            return self._found[1]
