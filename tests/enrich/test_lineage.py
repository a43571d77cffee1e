"""Who descends from whom, as documents tell it."""

from base64 import b64encode
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.enrich.memory import Memory
from schemas.times import SECOND
from tests.enrich.told import BASH, CURL, INIT, NODE, SSHD, T0, documents, event, ident, process


def test_ancestors_come_nearest_first_up_to_init() -> None:
    *_, last = documents(
        event("process_exec", T0, SSHD, INIT),
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 2, CURL, BASH),
    )

    assert last["process"]["Ext"]["ancestry"] == [BASH["exec_id"], SSHD["exec_id"], INIT["exec_id"]]
    assert last["process"]["parent"]["entity_id"] == BASH["exec_id"]
    assert last["tetragon"]["lineage"] == {
        "names": ["bash", "sshd", "init"],
        "path": "init > sshd > bash > curl",
        "depth": 3,
        "complete": True,
        "source": "mixed",  # init was only seen as a parent
    }


def test_exec_without_fork_has_the_forks_parent_and_its_earlier_images() -> None:
    sh = process(102, T0 + 2, "/bin/sh", BASH["exec_id"], arguments='-c "exec env x"')
    env = process(102, T0 + 3, "/usr/bin/env", sh["exec_id"], flags="execve", arguments="x")
    x = process(102, T0 + 4, "/usr/bin/x", env["exec_id"], flags="execve")
    *_, last = documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 2, sh, BASH),
        event("process_exec", T0 + 3, env, sh),
        event("process_exec", T0 + 4, x, env),
    )

    assert last["process"]["parent"]["name"] == "bash"
    assert last["process"]["previous"] == [
        {"executable": "/bin/sh", "args": ["sh", "-c", "exec env x"]},
        {"executable": "/usr/bin/env", "args": ["env", "x"]},
    ]
    assert last["tetragon"]["lineage"]["names"] == ["bash", "sshd"]


def test_images_of_an_ancestor_count_once() -> None:
    runc = process(200, T0, "/usr/bin/runc", INIT["exec_id"])
    nginx = process(200, T0 + 1, "/usr/sbin/nginx", runc["exec_id"], flags="execve")
    child = process(201, T0 + 2, "/bin/sh", nginx["exec_id"])
    *_, last = documents(
        event("process_exec", T0, runc, INIT),
        event("process_exec", T0 + 1, nginx, runc),
        event("process_exec", T0 + 2, child, nginx),
    )

    assert last["tetragon"]["lineage"]["names"] == ["nginx", "init"]


def test_without_anything_above_the_first_image_is_the_parent_and_marked() -> None:
    sh = process(102, T0, "/bin/sh", ident(T0 - 50, 102))
    ls = process(102, T0 + 1, "/bin/ls", sh["exec_id"], flags="execve")
    [last] = documents(event("process_exec", T0 + 1, ls, sh))

    assert last["process"]["parent"]["name"] == "sh"
    assert last["tetragon"]["lineage"]["parent_is_previous_image"] is True
    assert last["tetragon"]["lineage"]["complete"] is False


def test_an_unknown_parent_is_still_named_and_the_lineage_incomplete() -> None:
    [only] = documents(event("process_exec", T0 + 2, CURL))

    assert only["process"]["parent"] == {"entity_id": BASH["exec_id"], "pid": BASH["pid"]}
    assert only["process"]["Ext"]["ancestry"] == [BASH["exec_id"]]
    assert only["tetragon"]["lineage"] == {"depth": 0, "complete": False}


def test_a_parent_without_a_boot_time_is_what_runs_in_its_pid() -> None:
    orphan = process(102, T0 + 2, "/usr/bin/curl", b64encode(f"{NODE}:0:101".encode()).decode())
    _, last = documents(event("process_exec", T0 + 1, BASH, SSHD), event("process_exec", T0 + 2, orphan))

    assert last["process"]["parent"]["entity_id"] == BASH["exec_id"]


def test_a_parent_that_had_ended_before_is_not_guessed_by_its_pid() -> None:
    orphan = process(102, T0 + 9, "/usr/bin/curl", b64encode(f"{NODE}:0:101".encode()).decode())
    *_, last = documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exit", T0 + 5, BASH, SSHD),
        event("process_exec", T0 + 9, orphan),
    )

    assert last["tetragon"]["lineage"]["depth"] == 0


def test_a_pid_that_is_used_again_is_another_process() -> None:
    again = process(101, T0 + 50, "/bin/zsh", SSHD["exec_id"])
    child = process(103, T0 + 51, "/bin/ls", b64encode(f"{NODE}:0:101".encode()).decode())
    *_, last = documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 50, again, SSHD),
        event("process_exec", T0 + 51, child),
    )

    assert last["process"]["parent"]["name"] == "zsh"


def test_a_late_exec_is_learnt_for_those_who_follow() -> None:
    first, _, last = documents(
        event("process_kprobe", T0 + 3, {**CURL, "arguments": ""}),
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exit", T0 + 4, CURL, signal="SIGKILL"),
    )

    assert first["tetragon"]["lineage"]["depth"] == 0
    assert last["tetragon"]["lineage"]["names"] == ["bash", "sshd"]


def test_ancestors_in_the_event_are_learnt_from() -> None:
    [only] = documents(event("process_exec", T0 + 2, CURL, BASH, ancestors=[SSHD, INIT]))

    assert only["tetragon"]["lineage"]["names"] == ["bash", "sshd", "init"]
    assert only["tetragon"]["lineage"]["source"] == "embedded"


def test_an_exec_event_is_believed_more_than_what_others_tell_of_it() -> None:
    stub = {"exec_id": BASH["exec_id"], "pid": 101, "flags": "unknown"}
    worse = {**BASH, "binary": "/bin/wrong"}
    *_, last = documents(
        event("process_kprobe", T0 + 1, stub),
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_kprobe", T0 + 1, worse, SSHD),
        event("process_exec", T0 + 2, CURL, worse),
    )

    assert last["process"]["parent"]["executable"] == "/bin/bash"


def test_what_an_embedded_process_left_open_is_filled_in() -> None:
    hooked = {**BASH, "process_credentials": {"uid": 7, "gid": 8, "euid": 7, "egid": 9}}
    before, _, after = documents(
        event("process_exec", T0 + 2, CURL, BASH),
        event("process_kprobe", T0 + 3, hooked, SSHD),
        event("process_kprobe", T0 + 4, CURL, BASH),
    )

    assert "group" not in before["process"]["parent"]
    assert after["process"]["parent"]["group"] == {"id": "9"}


def test_a_parent_that_started_after_its_child_is_suspect() -> None:
    later = process(101, T0 + 60, "/bin/bash", SSHD["exec_id"])
    [only] = documents(event("process_exec", T0 + 2, CURL, later))

    assert only["tetragon"]["lineage"] == {"depth": 0, "complete": False, "suspect": True}
    assert "parent" not in only["process"]


def test_a_parent_in_a_container_of_a_process_on_the_host_is_suspect_unless_it_is_a_runtime() -> None:
    inside = {**BASH, "docker": "551e161c47d8ff0eb665438a7bcd5b4"}
    runtime = {**inside, "binary": "/usr/bin/runc"}
    [host] = documents(event("process_exec", T0 + 2, CURL, inside))
    [started] = documents(event("process_exec", T0 + 2, CURL, runtime))

    assert host["tetragon"]["lineage"]["suspect"] is True
    assert started["process"]["parent"]["name"] == "runc"


def test_init_and_the_kernel_are_complete_without_ancestors() -> None:
    kernel = {"exec_id": "OjE6MA==", "pid": 0, "binary": "<kernel>", "flags": "procFS", "parent_exec_id": "OjE6MA=="}
    alone, below = documents(event("process_exec", T0, kernel, kernel), event("process_exec", T0, INIT, kernel))

    assert alone["tetragon"]["lineage"] == {"depth": 0, "complete": True}
    assert below["process"]["parent"]["name"] == "<kernel>"
    assert below["tetragon"]["lineage"]["complete"] is True


def test_two_images_and_the_parent_that_only_ancestors_tell() -> None:
    sh = process(102, T0 + 2, "/bin/sh", BASH["exec_id"])
    env = process(102, T0 + 3, "/usr/bin/env", sh["exec_id"], flags="execve", arguments="x")
    x = process(102, T0 + 4, "/usr/bin/x", env["exec_id"], flags="execve")
    [only] = documents(event("process_exec", T0 + 4, x, env, ancestors=[sh, BASH, SSHD, INIT]))

    assert only["process"]["parent"]["entity_id"] == BASH["exec_id"]
    assert [each["executable"] for each in only["process"]["previous"]] == ["/bin/sh", "/usr/bin/env"]
    assert only["process"]["Ext"]["ancestry"] == [BASH["exec_id"], SSHD["exec_id"], INIT["exec_id"]]
    assert only["tetragon"]["lineage"]["complete"] is True


def test_five_earlier_images_are_told_the_oldest_first() -> None:
    images = [process(102, T0 + 2, "/bin/0", BASH["exec_id"])]
    for number in range(1, 8):
        images.append(
            process(102, T0 + 2 + number, f"/bin/{number}", images[-1]["exec_id"], flags="execve", arguments="a b")
        )
    *_, last = documents(*(event("process_exec", T0 + n, of, above) for n, (above, of) in enumerate(pairwise(images))))

    assert last["process"]["previous"] == [
        {"executable": f"/bin/{number}", "args": [str(number), "a", "b"]} for number in range(2, 7)
    ]


def test_an_earlier_image_that_is_not_known_is_nobodys_parent() -> None:
    ls = process(102, T0 + 1, "/bin/ls", ident(T0, 102), flags="execve")
    [only] = documents(event("process_exec", T0 + 1, ls))

    assert "parent" not in only["process"]
    assert "Ext" not in only["process"]
    assert only["tetragon"]["lineage"] == {"depth": 0, "complete": False}


def test_without_tetragons_process_cache_no_event_brings_its_parent() -> None:
    sh = process(102, T0 + 2, "/bin/sh", BASH["exec_id"])
    ls = process(102, T0 + 3, "/bin/ls", sh["exec_id"], flags="execve")
    lines = [event("process_exec", T0, each) for each in (INIT, SSHD, BASH, sh, ls)]
    *_, last = documents(*lines, event("process_kprobe", T0 + 4, ls))

    assert last["process"]["parent"]["name"] == "bash"
    assert last["process"]["previous"] == [{"executable": "/bin/sh", "args": ["sh"]}]
    assert last["tetragon"]["lineage"]["path"] == "init > sshd > bash > ls"
    assert last["tetragon"]["lineage"]["complete"] is True
    assert last["tetragon"]["lineage"]["source"] == "exec"


def test_a_parent_that_tetragon_does_not_know_is_a_pid_and_no_id_that_others_could_share() -> None:
    orphan = process(102, T0 + 2, "/usr/bin/curl", b64encode(f"{NODE}:0:101".encode()).decode())
    [only] = documents(event("process_exec", T0 + 2, orphan))

    assert only["process"]["parent"] == {"pid": 101}
    assert "Ext" not in only["process"]


def test_a_late_event_has_the_parent_that_ran_in_the_pid_then() -> None:
    again = process(101, T0 + 50, "/bin/zsh", SSHD["exec_id"])
    early = process(103, T0 + 20, "/bin/ls", b64encode(f"{NODE}:0:101".encode()).decode())
    *_, last = documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 50, again, SSHD),
        event("process_exec", T0 + 20, early),
    )

    assert last["process"]["parent"]["name"] == "bash"


def test_an_exec_that_comes_late_falls_between_those_before_and_after_it() -> None:
    images = [process(101, T0 + at, f"/bin/{at}", SSHD["exec_id"]) for at in (0, 10, 20)]
    child = process(103, T0 + 15, "/bin/ls", b64encode(f"{NODE}:0:101".encode()).decode())
    earliest = process(104, T0 + 5, "/bin/ls", b64encode(f"{NODE}:0:101".encode()).decode())
    memory = Memory()
    *_, one, other = documents(
        *(event("process_exec", T0 + 20, images[place], SSHD) for place in (0, 2, 1)),
        event("process_exec", T0 + 15, child),
        event("process_exec", T0 + 5, earliest),
        memory=memory,
    )
    in_pid = [each for each in memory.scope(NODE).tree.executions.values() if each.pid == 101]

    assert {each.name: each.end // SECOND for each in in_pid} == {"0": T0 + 10, "10": T0 + 20, "20": 0}
    assert one["process"]["parent"]["name"] == "10"
    assert other["process"]["parent"]["name"] == "0"


def test_a_child_of_an_image_that_its_parent_was_before_has_that_parent() -> None:
    sh = process(200, T0, "/bin/sh", INIT["exec_id"])
    nginx = process(200, T0 + 50, "/usr/sbin/nginx", sh["exec_id"], flags="execve")
    child = process(201, T0 + 10, "/bin/sleep", nginx["exec_id"], flags="procFS")
    *_, last = documents(
        event("process_exec", T0, sh, INIT),
        event("process_exec", T0 + 50, nginx, sh),
        event("process_exec", T0 + 10, child, nginx),
    )

    assert last["process"]["parent"]["name"] == "sh"
    assert "suspect" not in last["tetragon"]["lineage"]


def test_of_a_process_without_a_name_a_container_is_not_missed() -> None:
    inside = {**BASH, "docker": "551e161c47d8ff0eb665438a7bcd5b4"}
    stub = {"exec_id": CURL["exec_id"], "pid": 102, "flags": "unknown", "parent_exec_id": BASH["exec_id"]}
    [only] = documents(event("process_kprobe", T0 + 2, stub, inside))

    assert only["process"]["parent"]["name"] == "bash"
    assert "suspect" not in only["tetragon"]["lineage"]


def test_how_long_after_its_parent_a_process_started() -> None:
    child = process(102, T0 + 1.2345, "/bin/ls", BASH["exec_id"])
    earlier = process(103, T0 + 0.5, "/bin/ls", BASH["exec_id"])
    _, told, untold = documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 2, child, BASH),
        event("process_exec", T0 + 2, earlier, BASH),
    )

    assert told["tetragon"]["since_parent_start_ms"] == 234
    assert "since_parent_start_ms" not in untold["tetragon"]


def test_a_process_below_the_kernel_alone_is_complete() -> None:
    [only] = documents(event("process_exec", T0, process(50, T0, "/bin/x", b64encode(b":1:0").decode())))
    [lost] = documents(event("process_exec", T0, process(50, T0, "/bin/x", b64encode(b":0:0").decode())))

    assert only["tetragon"]["lineage"] == {"depth": 0, "complete": True}
    assert lost["tetragon"]["lineage"] == {"depth": 0, "complete": False}


def test_ids_and_names_are_capped() -> None:
    chain = [INIT]
    for number in range(40):
        chain.append(process(300 + number, T0 + number, f"/bin/p{number}", chain[-1]["exec_id"]))
    *_, last = documents(*(event("process_exec", T0 + n, of, above) for n, (above, of) in enumerate(pairwise(chain))))

    assert len(last["process"]["Ext"]["ancestry"]) == 20
    assert last["tetragon"]["lineage"]["names"] == [f"p{number}" for number in range(38, 28, -1)]
    assert last["tetragon"]["lineage"]["depth"] == 40


def test_an_event_after_the_worker_started_late_is_right_two_levels_up() -> None:
    [only] = documents(event("process_kprobe", T0 + 3, CURL, BASH))

    assert only["process"]["parent"]["name"] == "bash"
    assert only["process"]["Ext"]["ancestry"] == [BASH["exec_id"], SSHD["exec_id"]]


def test_what_changed_far_above_shows_in_the_next_document() -> None:
    memory = Memory()
    [before] = documents(event("process_exec", T0 + 2, CURL, BASH), memory=memory)
    [_, after] = documents(
        event("process_exec", T0, SSHD, INIT), event("process_exit", T0 + 3, CURL, BASH), memory=memory
    )

    assert before["tetragon"]["lineage"]["names"] == ["bash"]
    assert after["tetragon"]["lineage"]["names"] == ["bash", "sshd", "init"]


def test_a_wrong_parent_further_up_ends_the_way_too() -> None:
    inside = {**BASH, "docker": "551e161c47d8ff0eb665438a7bcd5b4"}
    host = process(300, T0 + 5, "/usr/bin/host", inside["exec_id"])
    child = process(301, T0 + 6, "/usr/bin/child", host["exec_id"])
    *_, above, last = documents(
        event("process_exec", T0 + 1, inside, SSHD),
        event("process_exec", T0 + 5, host, inside),
        event("process_exec", T0 + 6, child, host),
    )

    assert above["tetragon"]["lineage"]["suspect"] is True
    assert last["tetragon"]["lineage"] == {
        "depth": 1,
        "complete": False,
        "names": ["host"],
        "source": "exec",
        "path": "host > child",
    }
    assert "entry_leader" not in last["process"]


@pytest.mark.parametrize("above", [None, process(400, T0 - 10, "/bin/above", ident(T0 - 50, 101))])
def test_what_runs_by_now_in_the_pid_of_an_unknown_parent_is_not_taken_for_it(above: dict[str, Any] | None) -> None:
    old = process(500, T0, "/usr/bin/worker", above["exec_id"] if above is not None else ident(T0 - 50, 101))
    again = process(101, T0 + 900, "/bin/zsh", INIT["exec_id"])
    _, last = documents(
        event("process_exec", T0 + 900, again, INIT),
        event("process_kprobe", T0 + 1000, old, above),
    )

    assert "zsh" not in last["tetragon"]["lineage"].get("names", ())
    assert last["tetragon"]["lineage"]["complete"] is False
    assert "suspect" not in last["tetragon"]["lineage"]


def test_the_parent_that_a_pid_tells_may_have_ended_since() -> None:
    orphan = process(102, T0 + 2, "/usr/bin/curl", b64encode(f"{NODE}:0:101".encode()).decode())
    *_, last = documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 2, orphan),
        event("process_exit", T0 + 5, BASH, SSHD),
        event("process_kprobe", T0 + 9, orphan),
    )

    assert last["process"]["parent"]["name"] == "bash"
    assert last["tetragon"]["orphan"] is True


def test_a_parent_that_comes_along_needs_no_other_mention() -> None:
    """Tetragon can be told to leave fields out."""
    bash, curl = ({name: of[name] for name in of if name != "parent_exec_id"} for of in (BASH, CURL))
    *_, last = documents(
        event("process_exec", T0, SSHD, INIT),
        event("process_kprobe", T0 + 2, bash, SSHD),
        event("process_exec", T0 + 2, curl, bash),
    )

    assert last["tetragon"]["lineage"]["path"] == "init > sshd > bash > curl"


def test_the_path_to_what_has_no_name_ends_at_its_parent() -> None:
    stub = {"exec_id": CURL["exec_id"], "pid": 102, "flags": "unknown", "parent_exec_id": BASH["exec_id"]}
    [only] = documents(event("process_kprobe", T0 + 2, stub, BASH))

    assert only["tetragon"]["lineage"]["path"] == "bash"


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=30))
@settings(deadline=None, max_examples=200)
def test_the_way_up_ends_whatever_points_at_whatever(edges: list[tuple[int, int, int]]) -> None:
    """Ids and pids collide, parents are their own children, and nothing is in order."""
    memory = Memory()
    for time, (child, parent, pid) in enumerate(edges):
        of = process(10 + pid, T0 + child, "/bin/a", ident(T0 + parent, 10 + pid))
        above = process(10 + pid % 2, T0 + parent, "/bin/b", ident(T0 + child, 10))
        lines = event("process_exec", T0 + time, of, above), event("process_kprobe", T0 + time, above, of)
        found = documents(*lines, memory=memory)
        assert all(each["tetragon"]["lineage"]["depth"] <= 64 for each in found)
