"""Which faults there are, and who suffers one when. The seed decides; what it hits is the machine's."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, NamedTuple

from tests.faults.children import UP, Child
from tests.faults.refusal import Topic
from tests.faults.scene import TICK_SECONDS, Scene

log = logging.getLogger(__name__)

BETWEEN_SECONDS: Final = (4.0, 9.0)
PAUSE_SECONDS: Final = 10.0  # longer than the session time-out: others take over, and then a zombie wakes up
REFUSAL_SECONDS: Final = 1.0
REST_SECONDS: Final = (0.2, 2.0)  # until a child that ended is started again
ROLL_SECONDS: Final = (0.3, 3.0)  # after a fault: what is sent again then finds another backing index


class Fault(NamedTuple):
    """`act` is given a victim, the present time and a time of rest, both in seconds."""

    name: str
    weight: int
    victims: str  # the beginning of their names
    act: Callable[[Any, float, float], None]


FAULTS: Final = (
    Fault("SIGKILL to a worker", 6, "worker", lambda child, now, rest: child.kill(now, rest)),
    Fault("SIGTERM to a worker", 4, "worker", lambda child, now, rest: child.terminate(now, rest)),
    Fault("SIGSTOP to a worker", 4, "worker", lambda child, now, _: child.pause(now, PAUSE_SECONDS)),
    Fault("sends refused by a topic", 3, "topic", lambda topic, now, _: topic.refuse(now, REFUSAL_SECONDS)),
    Fault("SIGKILL to the shipper", 1, "shipper", lambda child, now, rest: child.kill(now, rest)),
    Fault("SIGTERM to the shipper", 1, "shipper", lambda child, now, rest: child.terminate(now, rest)),
)


class Driver:
    def __init__(
        self,
        scene: Scene,
        topics: Sequence[Topic],
        faults: Sequence[Fault] = FAULTS,
    ) -> None:
        self.suffered: Counter[str] = Counter()
        self._scene = scene
        self._roll_at = float("inf")
        self._topics = topics
        self._victims: list[Child | Topic] = [*scene.children, *topics]
        self._random = Random(f"{scene.seed}/faults")
        self._rolls = Random(f"{scene.seed}/rolls")
        self._faults = faults

    def harm(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        at = time.monotonic() + self._random.uniform(*BETWEEN_SECONDS)
        while (now := time.monotonic()) < end:
            self.tick(now)
            if now >= at:
                self._strike(now)
                at = now + self._random.uniform(*BETWEEN_SECONDS)
                self._roll_at = now + self._rolls.uniform(*ROLL_SECONDS)
            if now >= self._roll_at:
                self._scene.roll()
                self._roll_at = float("inf")
            time.sleep(TICK_SECONDS)

    def mend(self) -> None:
        """All are up again; what was to happen to one is called off."""
        mend(self._victims, lambda: self.tick(time.monotonic()))

    def tick(self, now: float) -> None:
        for topic in self._topics:
            topic.tick(now)
        self._scene.tick()

    def _strike(self, now: float) -> None:
        fault = self._random.choices(self._faults, [each.weight for each in self._faults])[0]
        candidates = [victim for victim in self._victims if victim.name.startswith(fault.victims)]
        first = self._random.randrange(len(candidates))
        rest = self._random.uniform(*REST_SECONDS)
        # The seed's choice, else the next one that is up: whoever suffers already is left alone.
        for victim in candidates[first:] + candidates[:first]:
            if victim.state == UP:
                self._scene.occurrences.look(self._scene.children, now, at_once=True)
                log.info("fault what=%r victim=%r", fault.name, victim.name)
                fault.act(victim, now, rest)
                self.suffered[fault.name] += 1
                return


def mend(victims: Sequence[Child | Topic], tick: Callable[[], None]) -> None:
    """Until all are up; `tick` lets time pass for them."""
    while not all(victim.state == UP for victim in victims):
        for victim in victims:
            if victim.state == "paused":
                victim.resume()
            elif victim.state == "down":
                victim.until = 0.0
        tick()
        time.sleep(TICK_SECONDS)
