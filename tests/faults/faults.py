"""Which faults there are, and who suffers one when. The seed decides; what it hits is the machine's."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Final, NamedTuple

from tests.faults.children import UP, Child
from tests.faults.occurrences import Occurrences

log = logging.getLogger(__name__)

BETWEEN_SECONDS: Final = (4.0, 9.0)
PAUSE_SECONDS: Final = 10.0  # longer than the session time-out: others take over, and then a zombie wakes up
REST_SECONDS: Final = (0.2, 2.0)  # until a child that ended is started again
TICK_SECONDS: Final = 0.05


class Fault(NamedTuple):
    """`act` is given the child, the present time and a time of rest, both in seconds."""

    name: str
    weight: int
    victims: str  # the beginning of their names
    act: Callable[[Child, float, float], None]


FAULTS: Final = (
    Fault("SIGKILL to a worker", 6, "worker", lambda child, now, rest: child.kill(now, rest)),
    Fault("SIGTERM to a worker", 4, "worker", lambda child, now, rest: child.terminate(now, rest)),
    Fault("SIGSTOP to a worker", 4, "worker", lambda child, now, _: child.pause(now, PAUSE_SECONDS)),
    Fault("SIGKILL to the shipper", 1, "shipper", lambda child, now, rest: child.kill(now, rest)),
    Fault("SIGTERM to the shipper", 1, "shipper", lambda child, now, rest: child.terminate(now, rest)),
)


class Driver:
    def __init__(
        self, children: Sequence[Child], seed: int, occurrences: Occurrences, faults: Sequence[Fault] = FAULTS
    ) -> None:
        self.suffered: Counter[str] = Counter()
        self._children = children
        self._random = Random(f"{seed}/faults")
        self._occurrences = occurrences
        self._faults = faults

    def harm(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        at = time.monotonic() + self._random.uniform(*BETWEEN_SECONDS)
        while (now := time.monotonic()) < end:
            self.tick(now)
            if now >= at:
                self._strike(now)
                at = now + self._random.uniform(*BETWEEN_SECONDS)
            time.sleep(TICK_SECONDS)

    def mend(self) -> None:
        """All children are up again; what was to happen to one is called off."""
        while not all(child.state == UP for child in self._children):
            for child in self._children:
                if child.state == "paused":
                    child.resume()
                elif child.state == "down":
                    child.until = 0.0
            self.tick(time.monotonic())
            time.sleep(TICK_SECONDS)

    def tick(self, now: float) -> None:
        for child in self._children:
            child.tick(now)
        self._occurrences.look(self._children, now)

    def _strike(self, now: float) -> None:
        fault = self._random.choices(self._faults, [each.weight for each in self._faults])[0]
        candidates = [child for child in self._children if child.name.startswith(fault.victims)]
        first = self._random.randrange(len(candidates))
        rest = self._random.uniform(*REST_SECONDS)
        # The seed's choice, else the next one that is up: whoever suffers already is left alone.
        for child in candidates[first:] + candidates[:first]:
            if child.state == UP:
                self._occurrences.look([child], now, at_once=True)
                log.info("fault what=%r child=%s pid=%s", fault.name, child.name, child.pid)
                fault.act(child, now, rest)
                self.suffered[fault.name] += 1
                return
