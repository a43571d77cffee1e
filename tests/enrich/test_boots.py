"""The machine is booted, and everything is new, whatever name it has."""

from base64 import b64encode
from typing import Any

from app.enrich.memory import Memory
from schemas.checkpoint import Entry
from schemas.times import SECOND, rfc3339
from tests.enrich.told import BASH, BEFORE, CURL, NODE, SSHD, T0, documents, event, ident, process

LATER = T0 + 50_000


def after_boot(pid: int, seconds: float, binary: str, parent: str, **more: Any) -> dict[str, Any]:
    """Of a machine that was booted anew at LATER: times since then begin at 0."""
    return {
        **process(pid, T0 - 10_000 + seconds, binary, parent, **more),
        "start_time": rfc3339(int((LATER + seconds) * SECOND)),
    }


SCANNED = {"flags": "procFS"}
OLD_INIT = process(1, T0 - 10_000 + 2, "/sbin/init", ident(T0 - 10_000, 0), **SCANNED)
NEW_INIT = after_boot(1, 2, "/sbin/init", ident(T0 - 10_000, 0), **SCANNED)
NEW_SSHD = after_boot(100, 30, "/usr/sbin/sshd", NEW_INIT["exec_id"], **SCANNED)


def booted(memory: Memory) -> list[dict[str, Any]]:
    return documents(
        event("process_exec", LATER + 2, NEW_INIT),
        event("process_exec", LATER + 30, NEW_SSHD, NEW_INIT),
        memory=memory,
    )


def test_documents_tell_when_the_machine_was_booted() -> None:
    memory = Memory()
    before = documents(event("process_exec", T0, SSHD), event("process_exec", T0 + 1, BASH, SSHD), memory=memory)
    after = booted(memory)

    assert {each["tetragon"]["boot"] for each in before} == {rfc3339((T0 - 10_000) * SECOND)}
    assert {each["tetragon"]["boot"] for each in after} == {rfc3339(LATER * SECOND)}


def test_a_boot_ends_what_ran_and_nothing_of_it_is_a_parent_any_more() -> None:
    memory = Memory()
    documents(event("process_exec", T0, OLD_INIT), *BEFORE, memory=memory)
    booted(memory)
    child = after_boot(102, 60, "/bin/ls", b64encode(f"{NODE}:0:101".encode()).decode())
    [last] = documents(event("process_exec", LATER + 60, child), memory=memory)
    [bash] = [each for each in memory.scope(NODE).tree.executions.values() if each.pid == 101]

    assert bash.end == LATER * SECOND
    assert not bash.exited
    assert last["process"]["parent"] == {"pid": 101}


def test_init_has_the_same_name_in_every_boot_and_is_another() -> None:
    assert OLD_INIT["exec_id"] == NEW_INIT["exec_id"]
    memory = Memory()
    documents(event("process_exec", T0, OLD_INIT), *BEFORE, memory=memory)
    _, last = booted(memory)

    assert last["process"]["parent"]["start"] == rfc3339((LATER + 2) * SECOND)
    assert last["event"]["action"] == "already_running"
    assert "alias" not in last["tetragon"]["lineage"]


def test_a_daemon_that_starts_at_the_same_moment_of_each_boot_is_another() -> None:
    old = process(100, T0 - 10_000 + 30, "/usr/sbin/sshd", OLD_INIT["exec_id"], **SCANNED)
    assert old["exec_id"] == NEW_SSHD["exec_id"]
    memory = Memory()
    documents(event("process_exec", T0, OLD_INIT), event("process_exec", T0, old, OLD_INIT), memory=memory)
    booted(memory)
    [found_now] = [each for each in memory.scope(NODE).tree.executions.values() if each.pid == 100]

    assert found_now.start == (LATER + 30) * SECOND
    assert not found_now.end


def test_so_is_one_that_a_scan_before_the_boot_gave_this_name() -> None:
    executed = process(100, T0 - 10_000 + 30.003, "/usr/sbin/sshd", OLD_INIT["exec_id"])
    old = process(100, T0 - 10_000 + 30, "/usr/sbin/sshd", OLD_INIT["exec_id"], **SCANNED)
    memory = Memory()
    *_, again = documents(
        event("process_exec", T0, OLD_INIT),
        event("process_exec", T0, executed, OLD_INIT),
        event("process_exec", T0, old, OLD_INIT),
        memory=memory,
    )
    booted(memory)
    [now] = documents(event("process_kprobe", LATER + 99, NEW_SSHD, NEW_INIT), memory=memory)

    assert again["process"]["entity_id"] == executed["exec_id"]
    assert again["tetragon"]["lineage"]["alias"] == now["process"]["entity_id"] == NEW_SSHD["exec_id"]
    assert now["process"]["start"] == NEW_SSHD["start_time"]


def test_what_comes_late_from_before_a_boot_does_not_undo_it() -> None:
    memory = Memory()
    documents(*BEFORE, memory=memory)
    booted(memory)
    [late] = documents(event("process_exec", T0 + 2, process(500, T0 + 2, "/bin/late", ident(T0, 499))), memory=memory)
    [now] = documents(event("process_kprobe", LATER + 99, NEW_SSHD, NEW_INIT), memory=memory)
    found_late = memory.scope(NODE).tree.latest("", 500)

    assert late["process"]["name"] == "late"
    assert found_late is not None
    assert found_late.end, "it does not run any more"
    assert now["tetragon"]["boot"] == rfc3339(LATER * SECOND)
    assert now["process"]["parent"]["name"] == "init"


def test_a_clock_that_is_set_by_less_than_five_seconds_is_no_boot() -> None:
    memory = Memory()
    documents(*BEFORE, memory=memory)
    shifted = {**process(600, T0 + 40, "/bin/a", ident(T0, 599)), "start_time": rfc3339(int((T0 + 44.5) * SECOND))}
    [last] = documents(event("process_exec", T0 + 45, shifted), memory=memory)
    bash = memory.scope(NODE).tree.latest("", 101)

    assert last["tetragon"]["boot"] == rfc3339((T0 - 10_000) * SECOND)
    assert bash is not None
    assert not bash.end


def test_a_boot_is_remembered_by_a_checkpoint_and_one_without_it_is_read() -> None:
    memory = Memory()
    documents(*BEFORE, memory=memory)
    changes = memory.drain()
    assert Entry(NODE, "@boot", "") in changes
    restored = Memory()
    restored.load(changes.items())
    assert restored.scope(NODE).boots.of("") == (T0 - 10_000) * SECOND

    older = Memory()
    older.load((entry, value) for entry, value in changes.items() if entry.owner != "@boot")
    [last] = documents(event("process_kprobe", T0 + 2, BASH, SSHD), memory=older)
    assert "boot" not in last["tetragon"], "nothing new tells of it yet"
    assert last["process"]["parent"]["name"] == "sshd"


def test_nodes_of_one_scope_are_booted_each_by_itself() -> None:
    memory = Memory()
    documents(*BEFORE, memory=memory)
    elsewhere = event("process_exec", LATER + 30, NEW_SSHD).replace(NODE.encode(), b"node-2")
    documents(elsewhere, memory=memory)
    bash = memory.scope(NODE).tree.latest("", 101)

    assert bash is not None
    assert not bash.end
    assert memory.scope(NODE).boots.of("node-2") == LATER * SECOND


def test_a_new_pid_is_no_alias_across_a_boot() -> None:
    memory = Memory()
    documents(event("process_exec", T0, OLD_INIT), *BEFORE, event("process_exec", T0 + 2, CURL, BASH), memory=memory)
    booted(memory)
    again = after_boot(101, 1, "/bin/bash", NEW_SSHD["exec_id"], **SCANNED)
    [last] = documents(event("process_exec", LATER + 1, again, NEW_SSHD), memory=memory)

    assert last["process"]["entity_id"] == again["exec_id"]
