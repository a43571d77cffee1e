"""Who has ended by when, and whose children are orphans then."""

from base64 import b64encode
from itertools import permutations

import pytest

from app.enrich.memory import Memory
from schemas.lineage import Source
from schemas.times import SECOND
from tests.enrich.told import BASH, CURL, NODE, SSHD, T0, documents, event, process


def test_an_exit_before_its_exec_ends_it_and_what_comes_late_is_whole() -> None:
    memory = Memory()
    _, _, late = documents(
        event("process_kprobe", T0 + 3, CURL, BASH),
        event("process_exit", T0 + 4, CURL, BASH),
        event("process_exec", T0 + 2, CURL, BASH),
        memory=memory,
    )
    [found] = [each for each in memory.scope(NODE).tree.executions.values() if each.pid == CURL["pid"]]

    assert late["event"]["type"] == ["start"]
    assert late["process"]["parent"]["name"] == "bash"
    assert found.exited
    assert found.source is Source.EXEC


def test_a_process_outlives_its_parent() -> None:
    _, before, _, after, own = documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 2, CURL, BASH),
        event("process_exit", T0 + 5, BASH, SSHD),
        event("process_kprobe", T0 + 6, CURL, BASH),
        event("process_kprobe", T0 + 4, CURL, BASH),
    )

    assert "orphan" not in before["tetragon"]
    assert after["tetragon"]["orphan"] is True
    assert "orphan" not in own["tetragon"], "the exit was known, but later than this"


def test_an_orphan_of_an_image_is_one_when_the_last_image_exits() -> None:
    zsh = process(101, T0 + 3, "/bin/zsh", BASH["exec_id"], flags="execve")
    other = process(101, T0 + 20, "/bin/cat", SSHD["exec_id"])
    *_, running, _, ended, _, _, long_after = documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 2, CURL, BASH),
        event("process_exec", T0 + 3, zsh, BASH),
        event("process_kprobe", T0 + 4, CURL, BASH),
        event("process_exit", T0 + 5, zsh, BASH),
        event("process_kprobe", T0 + 6, CURL, BASH),
        event("process_exec", T0 + 20, other, SSHD),
        event("process_exit", T0 + 21, other, SSHD),
        event("process_kprobe", T0 + 22, CURL, BASH),
    )

    assert "orphan" not in running["tetragon"]
    assert ended["tetragon"]["orphan"] is True
    assert long_after["tetragon"]["orphan"] is True, "the pid is another's by now"


def test_a_subshell_that_executes_something_is_the_parent_of_what_it_started_before() -> None:
    """( sleep 9 & exec cat )"""
    copy = process(102, T0 + 2, "/bin/bash", BASH["exec_id"], flags="clone")
    sleep = process(103, T0 + 3, "/bin/sleep", copy["exec_id"])
    cat = process(102, T0 + 4, "/bin/cat", BASH["exec_id"])
    *_, running, _, ended = documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 3, sleep, copy),
        event("process_exec", T0 + 4, cat, BASH),
        event("process_kprobe", T0 + 5, sleep, copy),
        event("process_exit", T0 + 6, cat, BASH),
        event("process_kprobe", T0 + 7, sleep, copy),
    )

    assert "orphan" not in running["tetragon"]
    assert ended["tetragon"]["orphan"] is True


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_an_exit_of_an_earlier_image_is_that_of_the_process(order: tuple[int, ...]) -> None:
    zsh = process(101, T0 + 3, "/bin/zsh", BASH["exec_id"], flags="execve")
    lines = (
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 3, zsh, BASH),
        event("process_exit", T0 + 5, BASH, SSHD),
    )
    memory = Memory()
    documents(*(lines[place] for place in order), memory=memory)
    in_pid = [each for each in memory.scope(NODE).tree.executions.values() if each.pid == 101]

    assert [each.end // SECOND for each in in_pid] == [T0 + 5, T0 + 5]


def test_an_exit_that_comes_late_does_not_end_who_has_the_pid_by_then() -> None:
    other = process(101, T0 + 6, "/bin/cat", SSHD["exec_id"])
    memory = Memory()
    documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 6, other, SSHD),
        event("process_exit", T0 + 5, BASH, SSHD),
        memory=memory,
    )

    assert memory.scope(NODE).tree.executions[other["exec_id"]].end == 0


def test_what_exits_unknown_to_tetragon_has_ended_whatever_it_was() -> None:
    unnamed = {"pid": CURL["pid"], "start_time": "2023-11-14T22:13:22Z", "flags": "unknown"}
    asks = process(103, T0 + 9, "/bin/cat", b64encode(f"{NODE}:0:{CURL['pid']}".encode()).decode())
    _, _, before = documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 2, CURL, BASH),
        event("process_exec", T0 + 9, asks),
    )
    *_, after = documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 2, CURL, BASH),
        event("process_exit", T0 + 5, unnamed),
        event("process_exec", T0 + 9, asks),
    )

    assert before["process"]["parent"]["name"] == "curl"
    assert after["process"]["parent"] == {"pid": CURL["pid"]}
