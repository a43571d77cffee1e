"""A rate that is not exceeded. Pure."""


class Bucket:
    """Bytes that may be read by now; what was taken too much is waited for."""

    def __init__(self, rate: float | None) -> None:
        """`rate` in bytes a second; None for any."""
        self._rate = rate
        self._level = 0.0
        self._at = float("-inf")

    def is_open(self, now: float) -> bool:
        """`now` in seconds."""
        if self._rate is None:
            return True
        self._level = min(self._level + self._rate * (now - self._at), self._rate)
        self._at = now
        return self._level > 0

    def take(self, count: int) -> None:
        self._level -= count
