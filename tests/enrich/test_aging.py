"""How memory grows old: by the time of events, never by the clock of a machine."""

import time
import tracemalloc
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.enrich import clock, notes, tree
from app.enrich.changes import Changes
from app.enrich.clock import INSISTENT, NEAR, SWEEP, TICK, Clock
from app.enrich.memory import GONE, IDLE, Memory
from app.enrich.notes import Notes
from app.enrich.tree import TTL, Tree
from schemas.checkpoint import Entry
from schemas.ledger import ACCOUNTS
from schemas.lineage import Execution, Source
from schemas.times import SECOND

T0 = 1_700_000_100 * SECOND


def a_clock(now: int = 0) -> Clock:
    found = Clock("s", Changes())
    if now:
        found.observe(now)
    return found


# The clock


def test_the_clock_follows_events_in_ticks() -> None:
    found = a_clock(T0)
    found.observe(T0 + TICK - 1)
    before = found.now
    found.observe(T0 + 10 * TICK)

    assert before == T0
    assert found.now == T0 + 10 * TICK


def test_late_events_do_not_turn_the_clock_back() -> None:
    found = a_clock(T0)
    found.observe(T0 - NEAR)

    assert found.now == T0


@given(st.integers(0, 2**63 - 1))
def test_one_event_from_afar_does_not_move_the_clock(far: int) -> None:
    found = a_clock(T0)
    found.observe(far)

    assert abs(found.now - T0) <= NEAR


@pytest.mark.parametrize("far", [T0 + 10**9 * SECOND, T0 - 10**6 * SECOND])
def test_events_that_insist_do_move_it(far: int) -> None:
    found = a_clock(T0)
    for number in range(INSISTENT):
        assert found.now == T0
        found.observe(far + number)

    assert found.now == (far + INSISTENT - 1) // TICK * TICK


def test_a_near_event_in_between_takes_the_others_for_errors() -> None:
    found = a_clock(T0)
    for _ in range(INSISTENT):
        found.observe(T0 + 10**9 * SECOND)
        found.observe(T0 + 1)

    assert found.now == T0


def test_a_sweep_is_due_when_time_has_gone_on_by_it() -> None:
    found = a_clock(T0 // SWEEP * SWEEP)

    assert not found.observe(found.now + SWEEP - 1)
    assert found.observe(found.now + SWEEP)


# Notes


def a_memory(ttl: float = 60) -> tuple[Notes, Clock, Changes]:
    changes = Changes()
    ticking = Clock("s", changes)
    ticking.observe(T0)
    changes.take()
    return Notes("s", "fim", ttl, ticking, changes), ticking, changes


def test_notes_are_copied_in_and_out() -> None:
    held, _, changes = a_memory()
    value = [1]
    held["a"] = value
    value.append(2)
    held["a"].append(3)
    changes.take()
    held["a"] = [1]

    assert held["a"] == [1]
    assert changes.take() == []


def test_notes_expire_by_the_scopes_clock_and_count_no_more() -> None:
    held, ticking, _ = a_memory(ttl=60)
    held["a"] = 1
    ticking.observe(T0 + 59 * SECOND)
    held["b"] = 2
    assert "a" in held
    ticking.observe(T0 + 61 * SECOND)

    assert "a" not in held
    assert dict(held) == {"b": 2}
    assert len(held) == 1
    with pytest.raises(KeyError):
        del held["a"]
    assert held.value("a") is not None
    held.sweep()
    assert held.value("a") is None


def test_notes_are_in_the_order_of_their_names() -> None:
    held, _, _ = a_memory()
    for name in "bca":
        held[name] = 1
    held.pop("c")

    assert list(held) == ["a", "b"]


def test_a_flood_of_notes_costs_the_oldest() -> None:
    held, ticking, _ = a_memory(ttl=600)
    held["old"] = 1
    ticking.observe(T0 + 60 * SECOND)
    for number in range(notes.MOST):
        held[f"{number:05}"] = number

    assert len(held) == notes.MOST - notes.MOST // 8
    assert "old" not in held
    assert f"{notes.MOST - 1:05}" in held


def test_a_note_that_is_too_long_or_no_json_is_refused() -> None:
    held, _, _ = a_memory()

    with pytest.raises(ValueError, match="at most"):
        held["a"] = "x" * notes.LONGEST
    with pytest.raises(TypeError):
        held["a"] = {1}
    with pytest.raises(TypeError, match="expected a string"):
        held[5] = 1  # type: ignore[index]  # what an agent without types may do
    assert len(held) == 0


# The tree


def execution(number: int, *, pid: int | None = None, parent: int | None = None, end: int = 0) -> Execution:
    return Execution(
        f"id-{number}",
        pid if pid is not None else number,
        f"id-{parent}" if parent is not None else "",
        f"/bin/{number}",
        start=T0 + number,
        source=Source.EXEC,
        end=end,
    )


def a_tree(*executions: Execution) -> Tree:
    found = Tree("s", Changes())
    for each in executions:
        found.put(each)
    return found


def test_the_dead_are_kept_for_their_time_and_as_ancestors_of_the_living() -> None:
    ended = T0 + 100
    found = a_tree(
        execution(1, end=ended), execution(2, parent=1, end=ended), execution(3, parent=2), execution(4, end=ended)
    )
    found.sweep(ended + TTL - 1)
    assert len(found.executions) == 4
    found.sweep(ended + TTL)

    assert set(found.executions) == {"id-1", "id-2", "id-3"}


def test_a_circle_of_ancestors_ends() -> None:
    found = a_tree(execution(1, parent=2), execution(2, parent=1), execution(3, parent=3))
    found.sweep(T0 + 2 * TTL)

    assert len(found.executions) == 3


def test_a_flood_costs_the_dead_then_leaves_and_never_what_others_descend_from() -> None:
    found = a_tree(execution(0), execution(1, parent=0), execution(2, end=T0 + 5))
    for number in range(3, tree.MOST + 1):
        found.put(execution(number, parent=1))

    assert len(found.executions) == tree.MOST - tree.MOST // 8
    assert {"id-0", "id-1"} <= set(found.executions)
    assert "id-2" not in found.executions
    assert "id-3" not in found.executions
    assert f"id-{tree.MOST}" in found.executions


def test_a_flood_by_one_node_evicts_none_of_another() -> None:
    memory = Memory()
    memory.scope("quiet").tree.put(execution(1, end=T0))
    loud = memory.scope("loud").tree
    for number in range(tree.MOST + 10):
        loud.put(execution(number))

    assert memory.alive(Entry("quiet", tree.OWNER, "id-1"))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3), st.booleans(), st.booleans()), min_size=1, max_size=40))
@settings(deadline=None)
def test_the_latest_in_a_pid_does_not_depend_on_the_order_of_a_restore(
    puts: list[tuple[int, int, bool, bool]],
) -> None:
    found = a_tree()
    for number, pid, dead, drop in puts:
        if drop:
            found.put(execution(number, pid=pid, end=1))
            found.sweep(1 + TTL)
        else:
            found.put(execution(number, pid=pid, end=T0 if dead else 0))
    restored = Tree("s", Changes())
    for name in reversed(found.executions):
        restored.restore(name, found.value(name))

    assert [restored.latest("", pid) for pid in range(1, 4)] == [found.latest("", pid) for pid in range(1, 4)]


def test_a_hundred_thousand_live_processes_fit_into_a_hundred_megabytes() -> None:
    tracemalloc.start()
    trees = [Tree(f"node-{node}", Changes()) for node in range(10)]
    for node, each in enumerate(trees):
        for number in range(10_000):
            exec_id = b64encode(f"node-{node}:{123456789012345 + number}:{number}".encode()).decode()
            each.put(
                Execution(
                    exec_id, number, exec_id[:-1] + "A", "/usr/bin/python3", f"-m app --number {number}", "/srv",
                    T0 + number, 1000, 1000, "", "", Source.EXEC,
                )
            )  # fmt: skip
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert used < 100 * 2**20, f"{used / 100_000:.0f} bytes each"


def test_a_sweep_of_a_full_scope_is_short() -> None:
    found = a_tree(*(execution(number, parent=number // 3, end=T0 if number % 2 else 0) for number in range(16_000)))
    began = time.process_time()
    found.sweep(T0 + 2 * TTL)

    assert time.process_time() - began < 1


# Scopes


def heard_of_later(memory: Memory, later: int) -> None:
    for name in ("a", "b"):
        scope = memory.scope(name)
        scope.ledger.take("shipper", 1, at=1_001 + later)
        memory.sweep(scope)


def test_a_node_of_which_nothing_comes_while_of_two_others_it_does_is_forgotten_but_for_its_ledger() -> None:
    memory = Memory()
    for name in ("silent", "a", "b"):
        memory.scope(name).ledger.take("shipper", 1, at=1_000)
        memory.scope(name).clock.observe(T0)
    memory.scope("silent").tree.put(execution(1))
    memory.drain()
    clock_of, account = Entry("silent", clock.OWNER, ""), Entry("silent", ACCOUNTS, "shipper")
    scope = memory.scope("a")
    scope.ledger.take("shipper", 1, at=1_001 + IDLE)
    memory.sweep(scope)
    assert memory.alive(clock_of), "one node's clock may be ahead"
    heard_of_later(memory, IDLE)
    assert not memory.alive(clock_of)
    assert not memory.alive(Entry("silent", tree.OWNER, "id-1"))
    assert memory.alive(account)
    changes = memory.drain()
    assert changes[clock_of] is changes[Entry("silent", tree.OWNER, "id-1")] is None
    assert account not in changes

    heard_of_later(memory, 2 * IDLE)
    assert all(entry.scope != "silent" for entry in memory.drain()), "once is enough"
    memory.scope("silent").ledger.take("shipper", 4, at=1_002 + 2 * IDLE)
    assert memory.scope("silent").ledger.accounts["shipper"].taken == 5


def test_the_ledger_of_a_node_goes_after_a_year() -> None:
    memory = Memory()
    for name in ("gone", "a", "b"):
        memory.scope(name).ledger.take("shipper", 1, at=1_000)
    memory.drain()
    heard_of_later(memory, GONE)
    assert memory.drain()[Entry("gone", ACCOUNTS, "shipper")] is None


def test_a_node_whose_events_are_old_is_not_gone() -> None:
    memory = Memory()
    memory.scope("old").clock.observe(T0)
    for name in ("old", "a", "b"):
        memory.scope(name).ledger.take("shipper", 1, at=1_000)
    for name in ("a", "b"):
        memory.scope(name).clock.observe(T0 + IDLE * 1_000_000 + NEAR)
        memory.sweep(memory.scope(name))
    assert memory.alive(Entry("old", clock.OWNER, ""))


def test_draining_tells_each_change_once() -> None:
    memory = Memory()
    memory.scope("n").tree.put(execution(1))
    about = memory.changed_bytes
    [(entry, value)] = memory.drain().items()

    assert entry == Entry("n", tree.OWNER, "id-1")
    assert value is not None
    assert len(value) <= about <= len(value) + 400
    assert memory.drain() == {}
    assert memory.changed_bytes == 0
    assert memory.encode([entry, Entry("n", tree.OWNER, "id-2"), Entry("m", "fim", "x")]) == {entry: value}
