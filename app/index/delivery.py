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
    Repeated,
    Verdict,
    actions,
    body_of,
    document_id,
    is_as_told,
    is_sound,
    read_answer,
)
from app.index.conflicts import Conflict, Looked

SHORTEST_PAUSE: Final = 0.25  # seconds; doubles with every attempt that brought nothing
LONGEST_PAUSE: Final = 10.0
SLOW_PAUSE: Final = 30.0  # while a person is needed
PATIENCE: Final = 300.0  # seconds for which a document may fail alone before it becomes a dead letter
NEIGHBOURS: Final = 10  # documents that must have been stored meanwhile for each that fails
# What is too large often ends as a cut connection, a time-out or a full queue, and not as a 413.
ATTEMPTS_BEFORE_SMALLER: Final = 3

NOT_ON_DISK: Final = "an earlier request has stored it, and it is not on disk yet"
UNASKED: Final = "it cannot be asked whether what is stored already is on disk"
UNSOUND: Final = "not a block of documents: expected two lines for each, every line with its end"


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


class _Told(NamedTuple):
    """Elasticsearch says that it is stored already."""

    conflict: Conflict
    action: Action
    uncertain: bool


class _Failing(NamedTuple):
    since: float
    taken: int  # by Elasticsearch from anyone, when it began


_GO: Final = Step(0.0, None, blocked=False, attempts=0)


class Delivery:
    """Send `body` and tell what came of it, until `body` is None; then look at `conflicts`, until there are none and
    `body` still is None. Then every document is in exactly one of `stored`, `repeated` and `refused`."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.stored = 0
        self.repeated = 0
        self.refused: list[Refused] = []
        # Blocks are taken apart only when something is wrong with one of them.
        self._whole: Sequence[Block] = [block for block in blocks if block.data]
        self._documents = sum(block.documents for block in self._whole)  # as told
        self._parts: list[_Part] = []
        self._told: list[_Told] = []
        self._uncertain = False  # of the whole
        self._attempts = 0  # in a row that brought nothing
        self._failing: dict[tuple[int, int], _Failing] = {}
        if not all(block.data.endswith(b"\n") for block in self._whole):
            self._take_apart()

    @property
    def left(self) -> int:
        """Documents in the request that is due."""
        if self._whole:
            return self._documents
        return len(self._parts[-1].left) if self._parts else 0

    def body(self) -> list[bytes] | None:
        """The pieces that follow each other in the next request."""
        if self._whole:
            return [block.data for block in self._whole]
        return body_of(self._parts[-1].left) if self._parts else None

    @property
    def conflicts(self) -> set[Conflict]:
        return {told.conflict for told in self._told}

    @property
    def settled(self) -> int:
        """Documents that are not to be sent again, as far as is known."""
        return self.stored + self.repeated + len(self.refused) + len(self._told)

    def answered(self, status: int, answer: bytes, now: float, taken: int) -> Step:
        verdict = read_answer(status, answer, self.left)
        # Without an answer for every document only a 4xx is certain to have stored nothing.
        uncertain = not isinstance(verdict, Items) and not 400 <= status < 500
        return self._conclude(verdict, now, taken, uncertain=uncertain)

    def unanswered(self, reason: str) -> Step:
        """The request broke on its way there or back; what it held may have been stored."""
        return self._conclude(Again(reason), now=0.0, taken=0, uncertain=True)

    def unusable(self, reason: str) -> Step:
        """What answers there, or its certificate, is not what a person must see to it that it is."""
        return self._conclude(Blocked(reason), now=0.0, taken=0, uncertain=True)

    def looked(self, looked: Looked, trouble: str | None) -> Step:
        """`trouble` says why some could not be looked at."""
        told, self._told = self._told, []
        kept, gone = set(looked.kept), set(looked.gone)  # thousands, when a checkpoint is replayed
        again: dict[bool, list[Action]] = {}
        for each in told:
            if each.conflict in kept:
                self._count(uncertain=each.uncertain)
            elif each.conflict in gone:
                again.setdefault(each.uncertain, []).append(each.action)
            else:
                self._told.append(each)
        self._parts += [_Part(left, uncertain) for uncertain, left in again.items()]
        if len(self._told) < len(told):
            self._attempts = 0
        if not self._told:
            return _GO
        self._attempts += 1
        return self._wait(f"{UNASKED}: {trouble}" if trouble else NOT_ON_DISK, blocked=False)

    def _conclude(self, verdict: Verdict, now: float, taken: int, *, uncertain: bool) -> Step:
        if self._whole:
            if isinstance(verdict, Items) and verdict.stored == self._documents:
                self.stored += verdict.stored
                self._whole = ()
                return _GO
            self._uncertain = self._uncertain or uncertain
            if not all(is_as_told(block) for block in self._whole):
                # The places in the answer are not those of the documents that were told of.
                self._take_apart()
                return _GO
        elif uncertain:
            self._parts[-1] = self._parts[-1]._replace(uncertain=True)
        if isinstance(verdict, Items):
            return self._sort(verdict, now, taken)
        if isinstance(verdict, Halve):
            return self._halve(verdict)
        self._attempts += 1
        if isinstance(verdict, Again) and self._smaller():
            self._push_halves(self._pop())
        return self._wait(verdict.reason, blocked=isinstance(verdict, Blocked))

    def _sort(self, items: Items, now: float, taken: int) -> Step:
        left, uncertain = self._pop()
        self.stored += items.stored
        for repeated in items.repeated:
            self._tell(left[repeated.place], repeated, uncertain=uncertain)
        refused = items.refused + items.too_large if len(left) == 1 else items.refused
        self.refused += [Refused(left[place], reason) for place, reason in refused]
        if len(left) > 1:
            self._push_halves(_Part([left[place] for place, _ in items.too_large], uncertain))
        again = items.busy + items.blocked
        for place in items.busy:
            self._failing.pop(_name(left[place]), None)
        for place, reason in items.failing:
            if self._fails_alone(left[place], len(items.failing), now, taken):
                self.refused.append(Refused(left[place], f"{reason} (alone, for {PATIENCE:.0f} s)"))
            else:
                again.append(place)
        if not again:
            self._attempts = 0
            return _GO
        again.sort()
        self._attempts = 1 if len(again) < len(left) else self._attempts + 1
        part = _Part([left[place] for place in again], uncertain or bool(items.failing))
        if self._smaller():
            self._push_halves(part)
        else:
            self._parts.append(part)
        return self._wait(items.reason, blocked=bool(items.blocked))

    def _tell(self, action: Action, repeated: Repeated, *, uncertain: bool) -> None:
        id_ = document_id(action)
        if repeated.name is None or id_ is None:
            # Nobody can look there.
            self._count(uncertain=uncertain)
        else:
            self._told.append(_Told(Conflict(repeated.name, repeated.shard, id_), action, uncertain))

    def _count(self, *, uncertain: bool) -> None:
        # What an attempt without an answer stored says 409 to the next one: it is no repetition of the event.
        if uncertain:
            self.stored += 1
        else:
            self.repeated += 1

    def _smaller(self) -> bool:
        return self._attempts > 0 and self._attempts % ATTEMPTS_BEFORE_SMALLER == 0

    def _fails_alone(self, action: Action, failing: int, now: float, taken: int) -> bool:
        began = self._failing.setdefault(_name(action), _Failing(now, taken))
        return now - began.since >= PATIENCE and taken - began.taken >= NEIGHBOURS * failing

    def _halve(self, verdict: Halve) -> Step:
        part = self._pop()
        if len(part.left) == 1:
            self.refused.append(Refused(part.left[0], verdict.reason))
            self._attempts = 0
        else:
            self._push_halves(part)
        return _GO

    def _push_halves(self, part: _Part) -> None:
        middle = len(part.left) // 2
        for half in (part.left[middle:], part.left[:middle]):
            if half:
                self._parts.append(_Part(half, part.uncertain))

    def _pop(self) -> _Part:
        if self._whole:
            self._take_apart()
        return self._parts.pop()

    def _take_apart(self) -> None:
        left: list[Action] = []
        for block in self._whole:
            if is_sound(block):
                left += actions(block)
            else:
                self.refused.append(Refused(Action(b"", block.data, block, 0), UNSOUND))
        self._whole = ()
        if left:
            self._parts.append(_Part(left, self._uncertain))

    def _wait(self, reason: str | None, *, blocked: bool) -> Step:
        longest = SLOW_PAUSE if blocked else LONGEST_PAUSE
        shortest = SLOW_PAUSE / 8 if blocked else SHORTEST_PAUSE
        pause = min(longest, shortest * 2 ** min(self._attempts, 16))
        return Step(pause, reason, blocked, self._attempts)


def _name(action: Action) -> tuple[int, int]:
    return id(action.block), action.line
