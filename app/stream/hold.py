"""A stage that stops taking records when too many become dead letters."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from app.stream.limit import RejectionLimit
from schemas.rejection import Rejection

log = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.25


class Hold:
    """`name` is the stage's; `health` is told (name, ok, reason)."""

    def __init__(self, name: str, share: float, health: Callable[[str, bool, str], None]) -> None:
        self._name = name
        self._health = health
        self._limit = RejectionLimit(share)

    @property
    def on(self) -> bool:
        return self._limit.exceeded

    def count(self, taken: int, rejections: Sequence[Rejection]) -> None:
        """Of one record or request."""
        before = self.on
        self._limit.count(taken, len(rejections), rejections[-1].reason if rejections else "")
        if self.on and not before:
            log.error("too much is rejected; the stage %s takes nothing more: %s", self._name, self._limit.message)
            self._health(f"{self._name} rejections", False, self._limit.message)

    async def wait(self, ours: Callable[[], bool]) -> None:
        """While it is on, until the partition is another's. The process ends by a person's hand only."""
        while self.on and ours():  # noqa: ASYNC110 - who owns a partition changes in places that know nothing of this
            await asyncio.sleep(TICK_SECONDS)
