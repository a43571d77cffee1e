"""How often something is done whose cost grows with the number of files. Pure; all times are in seconds."""

from dataclasses import dataclass
from typing import Final

SCAN_SECONDS: Final = 1.0  # between two readings of a folder or glob when nothing tells of a change
AT_EASE: Final = 1000  # times what the last reading took: a tenth of a percent of a core
IN_HASTE: Final = 20  # likewise, once told of a change: 5 % of a core, for as long as changes come


@dataclass(slots=True)
class Pace:
    """Of one thing that is done again and again: `took` is what it cost last, in seconds of CPU."""

    at: float = float("-inf")
    took: float = 0.0
    told: bool = False  # that doing it again will show something new

    def due(self, now: float) -> bool:
        return now >= self.at + (IN_HASTE * self.took if self.told else max(SCAN_SECONDS, AT_EASE * self.took))

    def done(self, now: float, took: float) -> None:
        self.at, self.took, self.told = now, took, False
