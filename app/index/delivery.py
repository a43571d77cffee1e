"""A request's worth of blocks on its way into Elasticsearch: what is left, what to send next, what became of the rest.

A pure state machine. Time, in seconds, and the count of documents that Elasticsearch took from anyone come in as
arguments; how long to wait at most comes out.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from app.index.bulk import (
    Action,
    Again,
    Block,
    Blocked,
    Halve,
    Items,
    Verdict,
    actions,
    body_of,
    read_answer,
)

SHORTEST_PAUSE: Final = 0.25  # seconds; doubles with every attempt that brought nothing
LONGEST_PAUSE: Final = 10.0
SLOW_PAUSE: Final = 30.0  # while a person is needed
PATIENCE: Final = 300.0  # seconds for which a document may fail alone before it becomes a dead letter
NEIGHBOURS: Final = 10  # documents that must have been stored meanwhile for each that fails
# A body that is too large for a proxy often ends as a cut connection or a time-out, not as a 413.
ATTEMPTS_BEFORE_SMALLER: Final = 3


class Refused(NamedTuple):
    action: Action
    reason: str


class Step(NamedTuple):
    """What to do before the next attempt: wait a random part of `pause` seconds. `trouble` says why, None if none.

    `attempts`: how many in a row brought nothing.
    """

    pause: float
    trouble: str | None
    blocked: bool
    attempts: int


class _Part(NamedTuple):
    """Sent as one request. `uncertain`: an earlier attempt may have stored it, though no answer said so."""

    left: list[Action]
    uncertain: bool


class _Failing(NamedTuple):
    since: float
    taken: int  # by Elasticsearch from anyone, when it began


_GO: Final = Step(0.0, None, blocked=False, attempts=0)


class Delivery:
    """Send `body` and tell what came of it, until `body` is None; then every document is in exactly one of `stored`,
    `repeated` and `refused`."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.stored = 0
        self.repeated = 0
        self.refused: list[Refused] = []
        self.documents = sum(block.documents for block in blocks)
        # Blocks are taken apart only when something is wrong with one of them.
        self._whole: Sequence[Block] = blocks if self.documents else ()
        self._parts: list[_Part] = []
        self._uncertain = False  # of the whole
        self._attempts = 0  # in a row that brought nothing
        self._failing: dict[tuple[int, int], _Failing] = {}

    @property
    def left(self) -> int:
        """Documents in the request that is due."""
        if self._whole:
            return self.documents
        return len(self._parts[-1].left) if self._parts else 0

    def body(self) -> bytes | None:
        if self._whole:
            return self._whole[0].data if len(self._whole) == 1 else b"".join([block.data for block in self._whole])
        return body_of(self._parts[-1].left) if self._parts else None

    def answered(self, status: int, answer: bytes, now: float, taken: int) -> Step:
        # Only a 4xx is certain to have stored nothing.
        uncertain = not 400 <= status < 500
        return self._conclude(read_answer(status, answer, self.left), now, taken, uncertain=uncertain)

    def unanswered(self, reason: str) -> Step:
        """The request broke on its way there or back; what it held may have been stored."""
        return self._conclude(Again(reason), now=0.0, taken=0, uncertain=True)

    def unusable(self, reason: str) -> Step:
        """What answers there, or its certificate, is not what a person must see to it that it is."""
        return self._conclude(Blocked(reason), now=0.0, taken=0, uncertain=True)

    def _conclude(self, verdict: Verdict, now: float, taken: int, *, uncertain: bool) -> Step:
        if isinstance(verdict, Items):
            if verdict.stored == self.left and self._whole:
                self.stored, self._whole = self.stored + verdict.stored, ()
                return _GO
            return self._sort(verdict, now, taken)
        if isinstance(verdict, Halve):
            return self._halve(verdict)
        self._attempts += 1
        smaller = isinstance(verdict, Again) and self._attempts % ATTEMPTS_BEFORE_SMALLER == 0 and self.left > 1
        if smaller:
            part = self._pop()
            self._push_halves(part.left, uncertain=part.uncertain or uncertain)
        elif self._whole:
            self._uncertain = self._uncertain or uncertain
        elif uncertain:
            self._parts[-1] = self._parts[-1]._replace(uncertain=True)
        return self._wait(verdict.reason, blocked=isinstance(verdict, Blocked))

    def _sort(self, items: Items, now: float, taken: int) -> Step:
        part = self._pop()
        self.stored += items.stored
        # What an attempt without an answer stored says 409 to the next one: it is no repetition of the event.
        if part.uncertain:
            self.stored += len(items.repeated)
        else:
            self.repeated += len(items.repeated)
        self.refused += [Refused(part.left[place], reason) for place, reason in items.refused]
        again = items.busy + items.blocked
        for place in items.busy:
            self._failing.pop(_name(part.left[place]), None)
        for place, reason in items.failing:
            if self._fails_alone(part.left[place], len(items.failing), now, taken):
                self.refused.append(Refused(part.left[place], f"{reason} (alone, for {PATIENCE:.0f} s)"))
            else:
                again.append(place)
        if not again:
            self._attempts = 0
            return _GO
        again.sort()
        progress = len(again) < len(part.left)
        self._attempts = 1 if progress else self._attempts + 1
        self._parts.append(_Part([part.left[place] for place in again], part.uncertain or bool(items.failing)))
        return self._wait(items.reason, blocked=bool(items.blocked))

    def _fails_alone(self, action: Action, failing: int, now: float, taken: int) -> bool:
        began = self._failing.setdefault(_name(action), _Failing(now, taken))
        return now - began.since >= PATIENCE and taken - began.taken >= NEIGHBOURS * failing

    def _halve(self, verdict: Halve) -> Step:
        part = self._pop()
        if len(part.left) == 1:
            self.refused.append(Refused(part.left[0], verdict.reason))
            self._attempts = 0
        else:
            self._push_halves(part.left, uncertain=part.uncertain)
        return _GO

    def _push_halves(self, left: list[Action], *, uncertain: bool) -> None:
        middle = len(left) // 2
        self._parts.append(_Part(left[middle:], uncertain))
        self._parts.append(_Part(left[:middle], uncertain))

    def _pop(self) -> _Part:
        if not self._whole:
            return self._parts.pop()
        whole, self._whole = self._whole, ()
        return _Part([action for block in whole for action in actions(block)], self._uncertain)

    def _wait(self, reason: str | None, *, blocked: bool) -> Step:
        longest = SLOW_PAUSE if blocked else LONGEST_PAUSE
        shortest = SLOW_PAUSE / 8 if blocked else SHORTEST_PAUSE
        pause = min(longest, shortest * 2 ** min(self._attempts, 16))
        return Step(pause, reason, blocked, self._attempts)


def _name(action: Action) -> tuple[int, int]:
    return id(action.block), action.line
