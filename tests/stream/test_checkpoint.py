"""Any checkpoint by anyone is true: whoever restores gets the memory that an undisturbed run has at that offset."""

import json
from collections.abc import Iterable, Mapping

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from app.stream.checkpoint import History, Planned, is_checkpoint, record_key
from schemas.checkpoint import Checkpoint, Entry

ENTRIES = 6
State = dict[Entry, bytes]


def entry(number: int) -> Entry:
    return Entry("cluster/node", "agent", str(number))


class Worker:
    """Processes offsets, remembers what changed, and writes checkpoints; knows nothing of the others."""

    def __init__(self, name: str, stream: list[list[tuple[int, bool]]]) -> None:
        self.history = History(name, small_log=4)
        self.stream = stream
        self.memory: State = {}
        self.changed: set[Entry] = set()
        self.due = 0
        self.planned: Planned | None = None

    def process(self) -> None:
        for number, kept in self.stream[self.due]:
            if kept:
                self.memory[entry(number)] = json.dumps([number, self.due]).encode()
            else:
                self.memory.pop(entry(number), None)
            self.changed.add(entry(number))
        self.due += 1

    def plan(self) -> None:
        changes = {each: self.memory.get(each) for each in self.changed}
        self.changed.clear()
        self.planned = self.history.plan(self.due, changes, {"lines": self.due}, "topic", self.encode)

    def encode(self, entries: Iterable[Entry]) -> Mapping[Entry, bytes]:
        return {each: self.memory[each] for each in entries if each in self.memory}


class Workers(RuleBasedStateMachine):
    """Two workers share a partition, each of which may be the zombie; what they send lands when it likes."""

    stream: list[list[tuple[int, bool]]]

    @initialize(stream=st.lists(st.lists(st.tuples(st.integers(0, ENTRIES), st.booleans()), max_size=4), min_size=30))
    def start(self, stream: list[list[tuple[int, bool]]]) -> None:
        self.stream = stream
        self.topic: dict[bytes, bytes] = {}
        self.workers = [Worker(name, stream) for name in ("a", "b")]
        self.tombstones: list[bytes] = []
        self.names = 0

    @rule(who=st.integers(0, 1), records=st.integers(1, 5))
    def process(self, who: int, records: int) -> None:
        worker = self.workers[who]
        for _ in range(records):
            if worker.due < len(self.stream):
                worker.process()

    @rule(who=st.integers(0, 1))
    def plan(self, who: int) -> None:
        worker = self.workers[who]
        if worker.planned is None and worker.due != worker.history.upto:
            worker.plan()

    @rule(who=st.integers(0, 1), answered=st.booleans())
    def land(self, who: int, answered: bool) -> None:
        worker = self.workers[who]
        if worker.planned is None:
            return
        self.topic[worker.planned.key] = msgspec.json.encode(worker.planned.checkpoint)
        if answered:
            worker.history.written(worker.planned)
            self.tombstones += worker.planned.dropped
            worker.planned = None
        else:  # stored, but the answer never came: the generation ends
            self.restore(who)

    @precondition(lambda self: self.tombstones)
    @rule(which=st.integers(0, 10), lost=st.booleans())
    def compact(self, which: int, lost: bool) -> None:
        key = self.tombstones.pop(which % len(self.tombstones))
        if not lost:
            self.topic.pop(key, None)

    @rule(who=st.integers(0, 1))
    def restore(self, who: int) -> None:
        self.names += 1
        fresh = Worker(f"{who}-{self.names}", self.stream)
        restored = fresh.history.restore(
            {key: msgspec.json.decode(value, type=Checkpoint) for key, value in self.topic.items()}
        )
        if restored is not None:
            for change in restored.changes:
                if change.value is None:
                    fresh.memory.pop(change.entry, None)
                else:
                    fresh.memory[change.entry] = change.value
            fresh.due = restored.upto
            assert restored.counters == {"lines": restored.upto}
        undisturbed = Worker("undisturbed", self.stream)
        while undisturbed.due < fresh.due:
            undisturbed.process()
        assert fresh.memory == undisturbed.memory
        self.workers[who] = fresh


TestWorkers = Workers.TestCase
TestWorkers.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)


def test_the_oldest_checkpoints_are_dropped_when_the_log_holds_twice_what_is_alive() -> None:
    history = History("w", small_log=4)
    memory: State = {}
    kept: dict[bytes, Checkpoint] = {}
    for upto in range(1, 40):
        memory[entry(upto % 3)] = b"%d" % upto
        changes = {entry(upto % 3): memory[entry(upto % 3)]}
        planned = history.plan(upto, changes, {}, "t", lambda names: {name: memory[name] for name in names})
        kept[planned.key] = planned.checkpoint
        history.written(planned)
        for key in planned.dropped:
            del kept[key]
    assert sum(len(checkpoint.changes) for checkpoint in kept.values()) <= 2 * 3 + 1
    assert history.cleaned > 20
    restored = History("x").restore(kept)
    assert restored is not None
    assert {change.entry: change.value for change in restored.changes} == memory


def test_only_keys_of_checkpoints_are_taken_for_checkpoints() -> None:
    assert is_checkpoint(record_key(12, "writer", 3))
    assert not is_checkpoint(b"setup")
    assert not is_checkpoint(None)
