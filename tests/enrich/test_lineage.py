"""Who descends from whom, as documents tell it."""

from base64 import b64encode
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from schemas.record import Record
from schemas.times import SECOND, rfc3339

NODE = "node-1"
T0 = 1_700_000_000

PIPELINE = Pipeline(load_agents(None), original=False)


def ident(seconds: float, pid: int) -> str:
    return b64encode(f"{NODE}:{int((seconds - T0 + 10_000) * SECOND)}:{pid}".encode()).decode()


def process(pid: int, at: float, binary: str, parent: str = "", **more: Any) -> dict[str, Any]:
    return {
        "exec_id": ident(at, pid),
        "pid": pid,
        "binary": binary,
        "flags": "execve clone",
        "start_time": rfc3339(int(at * SECOND)),
        "parent_exec_id": parent,
        **more,
    }


def event(name: str, time: float, of: dict[str, Any], parent: dict[str, Any] | None = None, **more: Any) -> bytes:
    body = {"process": of, **({"parent": parent} if parent is not None else {}), **more}
    return orjson.dumps({name: body, "node_name": NODE, "time": rfc3339(int(time * SECOND))})


def documents(*lines: bytes, memory: Memory | None = None) -> list[dict[str, Any]]:
    record = Record("t", 0, 0, 0, NODE.encode(), b"\n".join(lines), {})
    enriched = PIPELINE.enrich(memory or Memory(), record)
    assert not enriched.rejections
    assert not enriched.failures
    return [orjson.loads(line) for value, _ in enriched.blocks for line in value.splitlines()[1::2]]


INIT = process(1, T0 - 1000, "/sbin/init")
SSHD = process(100, T0, "/usr/sbin/sshd", INIT["exec_id"])
BASH = process(101, T0 + 1, "/bin/bash", SSHD["exec_id"])
CURL = process(102, T0 + 2, "/usr/bin/curl", BASH["exec_id"], arguments="-s x")


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

    assert only["process"]["parent"] == {"entity_id": BASH["exec_id"]}
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


def test_a_process_that_tetragon_finds_again_after_its_restart_takes_over_from_the_one_known() -> None:
    found = process(101, T0 + 0.5, "/bin/bash", SSHD["exec_id"], flags="procFS")
    child = process(102, T0 + 70, "/bin/ls", b64encode(f"{NODE}:0:101".encode()).decode())
    *_, again, last = documents(
        event("process_exec", T0 + 1, BASH, SSHD),
        event("process_exec", T0 + 0.5, found, SSHD),
        event("process_exec", T0 + 70, child),
    )

    assert again["event"]["action"] == "already_running"
    assert again["event"]["type"] == ["info"]
    assert last["process"]["parent"]["entity_id"] == found["exec_id"]


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
