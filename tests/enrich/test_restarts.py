"""Tetragon is restarted, and calls everything by new names."""

from typing import Any

import pytest

from app.enrich.memory import Memory
from schemas.checkpoint import Entry
from schemas.times import SECOND, rfc3339
from tests.enrich.told import BASH, BEFORE, INIT, NODE, SSHD, T0, documents, event, ident, process

FORK = T0 + 0.99  # BASH executed a moment after it was forked, and a scan tells hundredths of a second


def found(of: dict[str, Any], fork: float, **more: Any) -> dict[str, Any]:
    """As Tetragon's scan of /proc shows it."""
    again = process(of["pid"], fork, of["binary"], of["parent_exec_id"], arguments=of.get("arguments", ""))
    return {**again, "flags": "procFS auid rootcwd", **more}


AGAIN = found(BASH, FORK)


def scan(of: dict[str, Any], fork: float = FORK) -> bytes:
    return event("process_exec", fork, of, SSHD)


def test_what_runs_already_is_no_start_and_keeps_its_id() -> None:
    *_, again = documents(*BEFORE, scan(AGAIN))

    assert again["event"]["action"] == "already_running"
    assert again["event"]["type"] == ["info"]
    assert again["process"]["entity_id"] == BASH["exec_id"]
    assert again["tetragon"]["lineage"]["alias"] == AGAIN["exec_id"]


def test_what_was_found_did_not_begin_with_other_rights_just_now() -> None:
    above, of = {**SSHD, "uid": 0}, {**BASH, "uid": 1000}
    *_, begun, again = documents(
        event("process_exec", T0, above, INIT),
        event("process_exec", T0 + 1, of, above),
        event("process_exec", FORK, {**AGAIN, "uid": 1000}, above),
    )

    assert "privilege" in begun["tetragon"]
    assert "privilege" not in again["tetragon"]


def test_later_events_carry_the_new_name_and_get_the_old_one() -> None:
    child = process(102, T0 + 70, "/bin/ls", AGAIN["exec_id"])
    *_, hooked, started, ended = documents(
        *BEFORE,
        scan(AGAIN),
        event("process_kprobe", T0 + 60, AGAIN, SSHD),
        event("process_exec", T0 + 70, child, AGAIN),
        event("process_exit", T0 + 80, AGAIN, SSHD),
    )

    assert hooked["process"]["entity_id"] == ended["process"]["entity_id"] == BASH["exec_id"]
    assert hooked["process"]["start"] == rfc3339(int((T0 + 1) * SECOND))
    assert started["process"]["parent"]["entity_id"] == BASH["exec_id"]
    assert started["tetragon"]["lineage"]["path"] == "init > sshd > bash > ls"
    assert ended["event"]["duration"] == 79 * SECOND


def test_a_child_after_the_exit_of_what_was_found_again_is_an_orphan() -> None:
    child = process(102, T0 + 70, "/bin/ls", AGAIN["exec_id"])
    *_, last = documents(
        *BEFORE,
        scan(AGAIN),
        event("process_exec", T0 + 70, child, AGAIN),
        event("process_exit", T0 + 80, AGAIN, SSHD),
        event("process_exit", T0 + 81, child, AGAIN),
    )

    assert last["tetragon"]["orphan"] is True


@pytest.mark.parametrize("place", ["parent", "ancestors"])
def test_a_name_is_found_in_what_an_event_brings_along_too(place: str) -> None:
    child = process(102, T0 + 70, "/bin/ls", AGAIN["exec_id"])
    grandchild = process(103, T0 + 71, "/bin/cat", child["exec_id"])
    brings: dict[str, Any] = {"parent": AGAIN} if place == "parent" else {"parent": child, "ancestors": [AGAIN]}
    *_, last = documents(*BEFORE, event("process_exec", T0 + 71, child if place == "parent" else grandchild, **brings))

    assert BASH["exec_id"] in last["process"]["Ext"]["ancestry"]
    assert AGAIN["exec_id"] not in last["process"]["Ext"]["ancestry"]


SCRIPT = process(101, T0 + 1, "/srv/job.py", SSHD["exec_id"], arguments="-u /srv/job.py now")
RELATIVE = process(101, T0 + 1, "/srv/job.py", SSHD["exec_id"], arguments="./job.py", cwd="/srv")


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        (SCRIPT, {"binary": "/usr/bin/python3.11"}),
        (RELATIVE, {"binary": "/usr/bin/perl", "arguments": "./job.py"}),
        ({**BASH, "binary": "/bin/sh"}, {"binary": "/usr/bin/dash"}),
        ({**BASH, "binary": "/bin/sh"}, {"binary": "/bin/busybox"}),
        ({**BASH, "binary": "/usr/bin/top"}, {"binary": "/bin/busybox"}),
        ({**BASH, "binary": "/usr/bin/python3"}, {"binary": "/usr/bin/python3.11"}),
        ({**BASH, "binary": "/usr/bin/awk", "arguments": "-f x"}, {"binary": "/usr/bin/mawk", "arguments": "-f x"}),
        ({**BASH, "binary": "/usr/sbin/nginx"}, {"binary": "/usr/sbin/nginx", "arguments": "nginx: master"}),
        ({"exec_id": BASH["exec_id"], "pid": 101, "flags": "unknown"}, {}),
    ],
)
def test_a_scan_shows_what_scripts_and_links_lead_to_and_titles_that_were_set(
    known: dict[str, Any], shown: dict[str, Any]
) -> None:
    again = {**AGAIN, **shown}
    *_, last = documents(
        event("process_exec", T0 + 1, known, SSHD), scan(again), event("process_kprobe", T0 + 9, again)
    )

    assert last["process"]["entity_id"] == BASH["exec_id"]
    if known.get("binary"):
        assert last["process"]["executable"] == known["binary"]
        assert last["process"]["args_count"] == len(known.get("arguments", "").split()) + 1


@pytest.mark.parametrize(
    ("case", "again", "more"),
    [
        ("another image", {**AGAIN, "binary": "/usr/bin/zsh"}, ()),
        ("an image whose name begins alike", {**AGAIN, "binary": "/usr/bin/bashful"}, ()),
        ("forked after the one known had executed", found(BASH, T0 + 2), ()),
        ("an exit was seen", AGAIN, (event("process_exit", T0 + 5, BASH, SSHD),)),
        ("in another pid", {**AGAIN, "pid": 999, "exec_id": ident(FORK, 999)}, ()),
    ],
)
def test_what_is_not_surely_the_same_is_another(case: str, again: dict[str, Any], more: tuple[bytes, ...]) -> None:
    *_, last = documents(*BEFORE, *more, scan(again))

    assert last["process"]["entity_id"] == again["exec_id"], case
    assert "alias" not in last["tetragon"]["lineage"]


def test_another_image_than_the_one_known_has_replaced_it() -> None:
    memory = Memory()
    documents(*BEFORE, scan({**AGAIN, "binary": "/usr/bin/zsh"}), memory=memory)

    living = memory.scope(NODE).tree.living("", 101)
    assert living is not None
    assert living.binary == "/usr/bin/zsh"


def test_a_second_restart_after_another_exec_names_the_image_that_runs_now() -> None:
    env = process(101, T0 + 30, "/usr/bin/env", AGAIN["exec_id"], flags="execve")
    shown = found(env, FORK)
    assert shown["exec_id"] == AGAIN["exec_id"]
    *_, last = documents(
        *BEFORE,
        scan(AGAIN),
        event("process_exec", T0 + 30, env, AGAIN),
        scan(shown),
        event("process_kprobe", T0 + 60, shown, SSHD),
    )

    assert last["process"]["entity_id"] == env["exec_id"]
    assert last["process"]["parent"]["name"] == "sshd"
    assert [each["executable"] for each in last["process"]["previous"]] == ["/bin/bash"]


def test_a_name_is_one_executions_at_a_time() -> None:
    env = process(101, T0 + 30, "/usr/bin/env", AGAIN["exec_id"], flags="execve")
    memory = Memory()
    documents(*BEFORE, scan(AGAIN), event("process_exec", T0 + 30, env, AGAIN), scan(found(env, FORK)), memory=memory)
    named = [each for each in memory.scope(NODE).tree.executions.values() if each.alias]

    assert [(each.exec_id, each.alias) for each in named] == [(env["exec_id"], AGAIN["exec_id"])]


def test_a_second_restart_after_an_exec_that_was_missed_takes_the_name_away() -> None:
    shown = {**AGAIN, "binary": "/usr/bin/zsh"}
    *_, again, last = documents(*BEFORE, scan(AGAIN), scan(shown), event("process_kprobe", T0 + 60, shown, SSHD))

    assert again["process"]["entity_id"] == last["process"]["entity_id"] == AGAIN["exec_id"]
    assert last["process"]["name"] == "zsh"


def test_what_lost_its_parent_is_shown_as_inits_and_keeps_the_one_known() -> None:
    shown = {**AGAIN, "parent_exec_id": INIT["exec_id"]}
    *_, last = documents(
        *BEFORE, event("process_exec", FORK, shown, INIT), event("process_kprobe", T0 + 9, shown, INIT)
    )

    assert last["tetragon"]["lineage"]["path"] == "init > sshd > bash"


def test_a_scan_tells_starts_of_long_ago_and_does_not_turn_the_clock_back() -> None:
    memory = Memory()
    documents(*BEFORE, memory=memory)
    now = memory.scope(NODE).clock.now
    old = [process(300 + each, T0 - 9_000 + each, "/bin/a", INIT["exec_id"], flags="procFS") for each in range(20)]
    documents(*(event("process_exec", T0 - 9_000 + place, of, INIT) for place, of in enumerate(old)), memory=memory)

    assert memory.scope(NODE).clock.now == now


def test_what_was_found_first_and_executes_later_is_found_again_as_what_it_became() -> None:
    env = process(101, T0 + 30, "/usr/bin/env", AGAIN["exec_id"], flags="execve")
    *_, last = documents(
        event("process_exec", T0, SSHD, INIT),
        scan(AGAIN),
        event("process_exec", T0 + 30, env, AGAIN),
        scan(found(env, FORK)),
        event("process_kprobe", T0 + 60, found(env, FORK), SSHD),
    )

    assert last["process"]["entity_id"] == env["exec_id"]
    assert last["process"]["parent"]["name"] == "sshd"


def test_an_alias_survives_a_restart_of_the_worker_and_goes_with_its_process() -> None:
    memory = Memory()
    documents(*BEFORE, scan(AGAIN), memory=memory)
    restored = Memory()
    restored.load(memory.drain().items())
    [last] = documents(event("process_kprobe", T0 + 60, AGAIN, SSHD), memory=restored)
    assert last["process"]["entity_id"] == BASH["exec_id"]

    tree = restored.scope(NODE).tree
    documents(event("process_exit", T0 + 80, AGAIN, SSHD), memory=restored)
    tree.sweep(int((T0 + 10_000) * SECOND))
    assert BASH["exec_id"] not in tree.executions
    assert not tree.aliases


def test_what_comes_late_after_its_end_still_has_the_old_name() -> None:
    memory = Memory()
    *_, late, again = documents(
        *BEFORE,
        scan(AGAIN),
        event("process_exit", T0 + 80, AGAIN, SSHD),
        event("process_kprobe", T0 + 79, AGAIN, SSHD),
        scan(AGAIN),  # sent twice
        memory=memory,
    )

    assert late["process"]["entity_id"] == again["process"]["entity_id"] == BASH["exec_id"]
    assert memory.scope(NODE).tree.living("", 101) is None


def test_long_arguments_are_not_cut_where_they_were_remembered_cut() -> None:
    long = {**BASH, "arguments": "x" * 2000}
    again = found(long, FORK)
    *_, last = documents(event("process_exec", T0 + 1, long, SSHD), scan(again))

    assert last["process"]["entity_id"] == BASH["exec_id"]
    assert last["process"]["args"] == ["bash", "x" * 2000]


def test_aliases_and_late_parents_are_counted() -> None:
    memory = Memory()
    documents(*BEFORE, scan(AGAIN), scan(AGAIN), memory=memory)
    documents(event("process_exec", T0 + 2, process(300, T0 + 2, "/bin/a", ident(T0, 299)), None), memory=memory)
    documents(event("process_exec", T0, process(299, T0, "/bin/b", SSHD["exec_id"]), None), memory=memory)
    tree = memory.scope(NODE).tree

    assert (tree.aliased, tree.late) == (1, 1)


def test_what_an_older_version_stored_is_read_and_can_be_found_again() -> None:
    stored = {
        SSHD["exec_id"]: b'{"id":"%b","pid":100,"binary":"/usr/sbin/sshd","start":1700000000000000000,"source":3}',
        BASH["exec_id"]: b'{"id":"%b","pid":101,"parent":"bm9kZS0xOjEwMDAwMDAwMDAwMDAwOjEwMA==",'
        b'"binary":"/bin/bash","start":1700000001000000000,"source":3}',
    }
    memory = Memory()
    memory.load((Entry(NODE, "@process", name), value % name.encode()) for name, value in stored.items())
    [again] = documents(scan(AGAIN), memory=memory)

    assert again["process"]["entity_id"] == BASH["exec_id"]
    assert again["process"]["parent"]["name"] == "sshd"
