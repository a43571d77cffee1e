"""When so much is rejected that the fault is hardly the events': then it is better to wait for a person. Pure."""

from collections import deque
from typing import Final

# Lines or documents. Fewer say little, and each start of a worker may reject as many before it stops.
WINDOW: Final = 10_000


class RejectionLimit:
    """The share of rejections among the last of what a stage took."""

    def __init__(self, share: float, window: int = WINDOW) -> None:
        """More than `share` of `window` is too much; 1 is never exceeded."""
        self._share = share
        self._window = window
        self._recent: deque[tuple[int, int]] = deque()
        self._taken = 0
        self._rejected = 0
        self._latest = ""
        self.exceeded = False

    def count(self, taken: int, rejected: int, reason: str = "") -> None:
        """Of one record or request; `reason` is that of its last rejection. What was exceeded once stays so."""
        if not taken and not rejected:
            return  # all of it was sent again or dropped by a rule; many such would be kept in vain
        self._recent.append((taken, rejected))
        self._taken += taken
        self._rejected += rejected
        self._latest = reason or self._latest
        while self._taken - self._recent[0][0] >= self._window:
            before, of_them = self._recent.popleft()
            self._taken -= before
            self._rejected -= of_them
        if self._taken >= self._window and self._rejected > self._share * self._taken:
            self.exceeded = True

    @property
    def message(self) -> str:
        """What happened, what was expected, and what to do."""
        return (
            f"{self._rejected} of the last {self._taken} were rejected, the latest for {self._latest!r}. Expected "
            f"at most {self._share} of them (TETRASTASH_REJECTED_SHARE). Nothing more is taken, and nothing is lost: "
            "see `tetrastash rejected list`, mend the cause and restart the worker, or set TETRASTASH_REJECTED_SHARE=1 "
            "to let all of it become dead letters."
        )
