from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.net.spread import PLACES, WINDOW, spread
from schemas.operation import Socket
from schemas.times import SECOND

START = 1_700_000_000 * SECOND
PORTS, HOSTS = 50, 200


def told(ends: Sequence[tuple[str, int | None]], step: int = SECOND // 100, by: str = "process") -> list[str]:
    memory: dict[str, Any] = {}
    made = [
        spread(Socket(remote=host, remote_port=port), by, START + number * step, PORTS, HOSTS, "", memory)
        for number, (host, port) in enumerate(ends)
    ]
    assert len(memory) <= 1
    return [each for each in made if each]


def test_many_ports_of_one_host_are_told_once_a_minute() -> None:
    assert told([("10.0.0.1", port) for port in range(1, 1001)]) == ["ports"]
    assert told([("10.0.0.1", port) for port in range(1, 3001)], SECOND // 20) == ["ports"] * 3


def test_a_network_of_hosts_is_told() -> None:
    assert told([(f"10.0.7.{host}", 22) for host in range(1, 255)]) == ["hosts"]


def test_few_are_not_however_often() -> None:
    assert told([("10.0.0.1", port) for port in range(1, PORTS + 1)] * 20) == []
    assert told([(f"10.0.{host}.1", 443) for host in range(HOSTS)] * 3, SECOND // 20) == []


def test_many_are_not_if_they_take_their_time() -> None:
    assert told([("10.0.0.1", port) for port in range(1, 1001)], 2 * SECOND) == []


def test_ports_that_programs_choose_for_each_other_do_not_count() -> None:
    assert told([("10.0.0.1", port) for port in range(40_000, 41_000)]) == []
    assert told([("10.0.0.1", None)] * 1000) == []


def test_a_limit_of_nothing_is_none() -> None:
    memory: dict[str, Any] = {}
    found = [
        spread(Socket(remote=f"10.0.{host}.1", remote_port=host + 1), "p", START, 0, 0, "", memory)
        for host in range(256)
    ]
    assert set(found) == {""}


CONNECTIONS = st.tuples(st.sampled_from("abcdef"), st.integers(1, 300), st.integers(1, 300), st.integers(0, SECOND))


@given(st.lists(CONNECTIONS, max_size=300))
def test_nothing_is_told_that_was_not_and_little_is_remembered(made: list[tuple[str, int, int, int]]) -> None:
    memory: dict[str, Any] = {}
    seen: dict[str, list[tuple[int, int, int]]] = {}
    now = START
    for by, host, port, step in made:
        now += step
        seen.setdefault(by, []).append((now, host, port))
        found = spread(Socket(remote=f"10.0.{host % 256}.{host // 256}", remote_port=port), by, now, 10, 10, "", memory)
        late = [(host, port) for time, host, port in seen[by] if time > now - WINDOW]
        if found == "ports":
            assert len({port for _, port in late}) > 10
        if found == "hosts":
            assert len({host for host, _ in late}) > 10

    assert len(memory) <= min(PLACES, len(seen))
