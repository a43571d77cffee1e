import json
from base64 import b64decode
from collections import Counter
from hashlib import sha256
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest

from examples.events import encoded
from examples.processes import lines, write

EVENTS = [(node, json.loads(line)) for node, line in lines(seed=7, events=6_000, nodes=3)]


def body(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = event.get("process_exec") or event["process_exit"]
    return found


def test_the_same_seed_gives_the_same_bytes_and_more_events_only_add_to_them() -> None:
    assert list(islice(lines(7, 900, 3), 500)) == list(lines(7, 500, 3))
    assert list(lines(8, 500, 3)) != list(lines(7, 500, 3))


def test_the_bytes_are_those_that_they_always_were() -> None:
    """Figures that were measured on them could not be compared otherwise."""
    log = b"".join(line for _, line in lines(seed=1, events=2_000, nodes=4))

    assert sha256(log).hexdigest() == "94411ca88e4aed1ec768c484aaa4933c73d239e0ffc2c640a1c9f191e96be032"


def test_no_two_lines_are_alike() -> None:
    assert len(set(lines(7, 6_000, 3))) == 6_000


def test_each_line_says_its_node_and_the_lines_of_a_node_are_in_order_of_time() -> None:
    times: dict[str, list[str]] = {}
    for node, event in EVENTS:
        assert event["node_name"] == node
        times.setdefault(node, []).append(event["time"].rstrip("Z").ljust(30, "0"))

    assert len(times) == 3
    assert all(earlier <= later for of_node in times.values() for earlier, later in pairwise(of_node))


def test_an_exec_id_names_node_time_and_pid() -> None:
    for node, event in EVENTS:
        process = body(event)["process"]
        name, ktime, pid = b64decode(process["exec_id"]).decode().split(":")
        assert (name, int(pid)) == (node, process["pid"])
        assert int(ktime) > 0


def test_every_parent_but_the_kernel_was_seen_before_and_every_exit_follows_its_exec() -> None:
    seen: set[str] = set()
    for _, event in EVENTS:
        process, parent = body(event)["process"], body(event)["parent"]
        assert parent["exec_id"] == process["parent_exec_id"]
        assert parent["pid"] == 0 or parent["exec_id"] in seen
        if "process_exec" in event:
            assert process["exec_id"] not in seen
            seen.add(process["exec_id"])
        else:
            assert process["exec_id"] in seen


def test_the_log_holds_what_makes_process_trees_hard() -> None:
    executed = [body(event)["process"] for _, event in EVENTS if "process_exec" in event]
    parents = [body(event)["parent"] for _, event in EVENTS if "process_exec" in event]
    replaced = [both for both in zip(executed, parents, strict=True) if both[0]["pid"] == both[1]["pid"]]
    cloned = [process for process in executed if "clone" in process["flags"]]
    pids = Counter((b64decode(process["exec_id"]).split(b":")[0], process["pid"]) for process in cloned)
    exits = [event["process_exit"] for _, event in EVENTS if "process_exit" in event]

    assert all("clone" not in process["flags"] for process, _ in replaced)
    assert len(replaced) > 100
    assert max(pids.values()) > 1
    assert {"SIGKILL", "SIGTERM"} <= {ended.get("signal") for ended in exits}
    assert {1, 127} <= {ended.get("status") for ended in exits}
    assert {True, False, None} == {process.get("in_init_tree") for process in executed}
    assert any("binary_properties" in process for process in executed)


def test_lines_are_of_the_size_that_real_ones_have_and_nodes_differ_in_white_space() -> None:
    last = dict(lines(7, 6_000, 3))
    sizes = [len(line) for _, line in lines(7, 6_000, 3)]

    assert 1_300 < sum(sizes) / len(sizes) < 2_000
    assert b', "' in last["node-01"]
    assert b', "' not in last["node-02"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), ""),
        (("-c", "echo hi"), '-c "echo hi"'),
        (("a b", "c"), ' "a b" c'),
        (("--host", "", "--port"), "--host  --port"),
        (("", "x"), "x"),
        (('Say "hi" now',), ' "Say "hi" now"'),
    ],
)
def test_arguments_are_joined_as_tetragon_joins_them(arguments: tuple[str, ...], text: str) -> None:
    assert encoded(arguments) == text


def test_each_node_gets_a_log_of_its_own(tmp_path: Path) -> None:
    paths = write(tmp_path / "logs", seed=1, events=300, nodes=2)

    assert [path.name for path in paths] == ["node-01.log", "node-02.log"]
    assert sum(path.read_bytes().count(b"\n") for path in paths) == 300
