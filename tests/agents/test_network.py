"""What holds of every flow that the network agent is told of, whatever the order of its events."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import Agent
from app.enrich.memory import Memory
from app.enrich.notes import MOST
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from examples.story import intrusion, ordinary
from schemas.net.flows import IDLE, PLACES
from schemas.record import Record
from schemas.times import SECOND, rfc3339
from tests.agents.cases import AGENTS, HERE, TIMESTAMP, documents, leaves, record_of

START = 1_700_000_000 * SECOND
NETWORK = [agent for agent in AGENTS if agent.name == "network"]
HOOKS = {"connect": "tcp_connect", "accept": "inet_csk_accept", "send": "tcp_sendmsg", "receive": "tcp_cleanup_rbuf",
         "close": "tcp_close"}  # fmt: skip
DATAGRAM_HOOKS = {"connect": "ip4_datagram_connect", "send": "udp_sendmsg", "receive": "udp_recvmsg"}


class End(NamedTuple):
    local: str
    local_port: int
    remote: str
    remote_port: int
    cookie: int | None


class Step(NamedTuple):
    kind: str
    end: End
    size: int
    after: int  # ns since the step before


ENDS = st.builds(
    End,
    st.sampled_from(["10.0.0.1", "::ffff:10.0.0.1"]),
    st.integers(1, 3),
    st.sampled_from(["10.0.0.2", "8.8.8.8"]),
    st.integers(1, 3),
    st.sampled_from([None, 1, 2, 3]),
)
STEPS = st.lists(
    st.builds(Step, st.sampled_from(sorted(HOOKS)), ENDS, st.integers(0, 1000), st.integers(0, 20 * SECOND)),
    max_size=30,
)


def line_of(number: int, time: int, kind: str, end: End, size: int = 0, *, udp: bool = False, **process: Any) -> bytes:
    sock = {
        "family": "AF_INET",
        "type": "SOCK_DGRAM" if udp else "SOCK_STREAM",
        "protocol": "IPPROTO_UDP" if udp else "IPPROTO_TCP",
        "saddr": end.local,
        "sport": end.local_port,
        "daddr": end.remote,
        "dport": end.remote_port,
        **({"cookie": str(2**64 - end.cookie)} if end.cookie is not None else {}),
    }
    function = DATAGRAM_HOOKS[kind] if udp else HOOKS[kind]
    body: dict[str, Any] = {
        "process": {"exec_id": f"process-{number}", "pid": number + 1, "binary": "/usr/bin/program", **process},
        "function_name": function,
        "args": [{"sock_arg": sock}],
    }
    if kind in ("send", "receive"):
        body["args"].append({"int_arg": size})
    if kind == "accept":
        body |= {"args": [], "return": {"sock_arg": sock}}
    return orjson.dumps({"process_kprobe": body, "node_name": "n", "time": rfc3339(time)})


def lines_of(steps: Iterable[Step]) -> list[bytes]:
    lines, time = [], START
    for number, step in enumerate(steps):
        time += step.after
        lines.append(line_of(number, time, step.kind, step.end, step.size))
    return lines


def told(memory: Memory, lines: Sequence[bytes], agents: list[Agent] = NETWORK) -> list[dict[str, Any]]:
    enriched = Pipeline(agents, original=False).enrich(memory, record_of(b"\n".join(lines), "x.log"))
    assert not enriched.rejections
    assert not enriched.failures
    return [json.loads(line) for value, _ in enriched.blocks for line in value.splitlines()[1::2]]


def ends(document: dict[str, Any]) -> Any:
    of_ecs = [{name: document[side][name] for name in ("ip", "port")} for side in ("source", "destination")]
    return [*of_ecs, document["network"].get("direction"), document["network"]["community_id"]]


@given(st.sampled_from(["connect", "accept"]), ENDS, st.lists(st.tuples(st.sampled_from(["send", "receive"]),
       st.integers(0, 1000), st.integers(0, 100 * SECOND))))  # fmt: skip
def test_a_flow_has_one_source_and_one_direction_and_its_end_has_its_sums(
    begin: str, end: End, moved: list[tuple[str, int, int]]
) -> None:
    steps = [Step(begin, end, 0, 0), *(Step(kind, end, size, after) for kind, size, after in moved)]
    made = told(Memory(), lines_of([*steps, Step("close", end, 0, SECOND)]))

    assert [ends(each) for each in made] == [ends(made[0])] * len(made)
    assert made[0]["network"]["direction"] == {"connect": "egress", "accept": "ingress"}[begin]
    here, there = ("source", "destination") if begin == "connect" else ("destination", "source")
    sums = Counter[str]()
    for kind, size, _ in moved:
        sums[kind] += size
    last = made[-1]
    assert last["event"]["duration"] == SECOND + sum(after for _, _, after in moved)
    assert last[here].get("bytes", 0) == sums["send"]
    assert last[there].get("bytes", 0) == sums["receive"]
    assert last["network"].get("bytes", 0) == sums.total()
    assert [each["event"].get("duration") for each in made[:-1]] == [None] * (len(made) - 1)
    assert {each["tetragon"]["network"]["since"] for each in made} == {begin}


def test_sums_are_no_more_than_a_field_holds() -> None:
    end = End("10.0.0.1", 1, "8.8.8.8", 2, 3)
    much = [Step(kind, end, 2**63 - 1, SECOND) for kind in ("send", "receive", "send", "receive")]
    *_, last = told(Memory(), lines_of([Step("connect", end, 0, 0), *much, Step("close", end, 0, SECOND)]))

    assert last["source"]["bytes"] == last["destination"]["bytes"] == last["network"]["bytes"] == 2**63 - 1


@given(STEPS)
def test_whatever_comes_a_source_and_a_destination_are_the_ends_of_the_socket(steps: list[Step]) -> None:
    for step, made in zip(steps, told(Memory(), lines_of(steps)), strict=True):
        here = ("10.0.0.1", step.end.local_port)
        there = (step.end.remote, step.end.remote_port)
        pair = tuple((made[side]["ip"], made[side]["port"]) for side in ("source", "destination"))
        assert pair in ((here, there), (there, here))
        direction = made["network"].get("direction")
        assert direction is not None or step.kind == "close"
        assert pair == ((there, here) if direction == "ingress" else (here, there))
        assert made["event"].get("duration", 0) >= 0


@given(STEPS, st.integers(0, 30))
def test_a_worker_that_restored_a_checkpoint_tells_the_same(steps: list[Step], cut: int) -> None:
    lines = lines_of(steps)
    memory = Memory()
    before = told(memory, lines[:cut])
    restored = Memory()
    restored.load(memory.drain().items())
    after = told(restored, lines[cut:])
    whole = told(Memory(), lines)
    for each in (*before, *after, *whole):
        del each["log"]  # which has the place in the record

    assert [*before, *after] == whole


@given(STEPS)
def test_when_all_is_closed_nothing_of_a_flow_is_remembered(steps: list[Step]) -> None:
    memory = Memory()
    told(memory, lines_of([*steps, *(Step("close", each.end, 0, 0) for each in steps if each.kind != "close")]))
    places = [name for name in memory.scope("cluster/node").notes("network", 0) if ":spread:" not in name]
    # Two flows may have shared a cookie; what is remembered is the one that came last.
    cookies = {each.end.cookie for each in steps}

    assert len(places) <= len(cookies - {None})


def test_a_change_of_state_has_the_source_of_its_flow() -> None:
    end = End("10.0.0.1", 80, "10.0.0.2", 50_000, 7)
    accepted = line_of(1, START, "accept", end)
    changed = line_of(2, START + SECOND, "send", end, 4).replace(b"tcp_sendmsg", b"tcp_set_state")
    made = told(Memory(), [accepted, changed])

    assert [each["event"]["action"] for each in made] == ["connection_accepted", "socket"]
    assert ends(made[1]) == ends(made[0])


def test_a_cookie_is_another_ones_soon() -> None:
    first, second = End("10.0.0.1", 5, "10.0.0.2", 80, 7), End("10.0.0.1", 5, "10.0.0.3", 80, 7)
    made = told(
        Memory(),
        [
            line_of(1, START, "accept", first),
            line_of(2, START + SECOND, "connect", second),
            line_of(3, START + 3 * SECOND, "close", second),
            line_of(4, START + 4 * SECOND, "close", first),
        ],
    )

    assert made[2]["event"]["duration"] == 2 * SECOND
    assert made[2]["network"]["direction"] == "egress"
    assert "duration" not in made[3]["event"]
    assert "direction" not in made[3]["network"]


@pytest.mark.parametrize(("cookie", "known"), [(7, True), (None, False)])
def test_a_connection_that_is_silent_for_long_is_known_by_its_socket_alone(cookie: int | None, known: bool) -> None:
    end = End("10.0.0.1", 5, "10.0.0.2", 80, cookie)
    made = told(Memory(), [line_of(1, START, "accept", end), line_of(2, START + IDLE + SECOND, "close", end)])

    assert ("duration" in made[1]["event"]) is known


def test_who_gets_no_answer_asks_again_and_it_is_the_same_connection() -> None:
    end = End("10.0.0.1", 5, "10.0.0.2", 80, 7)
    asked = [line_of(number, START + number * SECOND, "connect", end) for number in (1, 2, 4)]
    made = told(Memory(), [*asked, line_of(5, START + 9 * SECOND, "close", end)])

    assert made[-1]["event"]["duration"] == 8 * SECOND


def test_what_is_remembered_of_one_node_has_bounds() -> None:
    memory, numbers = Memory(), count()
    for _ in range(6):
        lines = []
        for _ in range(1000):
            number = next(numbers)
            end = End("10.0.0.1", number % 60_000 + 1, f"10.{number // 250 % 250}.{number % 250}.2", 53, number + 1)
            lines.append(line_of(number, START + number, "send", end, udp=True))
            lines.append(line_of(number, START + number, "connect", end))
        told(memory, lines)
    notes = memory.scope("cluster/node").notes("network", 0)
    kinds = Counter(name.split(":")[1] if name.count(":") == 2 else "tcp" for name in notes)

    assert kinds["udp"] <= PLACES
    assert kinds["spread"] <= 256
    assert kinds["tcp"] > 2000
    assert len(notes) <= MOST


def test_a_finding_stands_at_the_first_event_of_a_flow() -> None:
    end = End("10.0.0.1", 5, "185.220.101.7", 443, 7)
    kinds = ["connect", "connect", "send", "receive", "send", "close"]
    lines = [line_of(1, START + place * SECOND, kind, end, 5, binary="/dev/shm/x") for place, kind in enumerate(kinds)]
    found = ["findings" in each["tetragon"] for each in told(Memory(), lines)]

    assert found == [True, False, False, False, False, False]


def test_a_datagram_socket_that_names_its_peer_has_sent_nothing_yet() -> None:
    end = End("10.0.0.1", 5, "185.220.101.7", 443, 7)
    kinds = ["connect", "send", "send"]
    lines = [line_of(1, START + place, kind, end, 5, udp=True, binary="/dev/shm/x") for place, kind in enumerate(kinds)]

    assert ["findings" in each["tetragon"] for each in told(Memory(), lines)] == [False, True, False]


@pytest.mark.parametrize("case", ["intruders", "enterprise", "flows"])
def test_the_fields_that_show_a_finding_are_there(case: str) -> None:
    shown = 0
    for document in documents(HERE / "network" / f"{case}.log", AGENTS, original=False):
        for finding in document["tetragon"].get("findings", ()):
            if finding["rule"].startswith("network."):
                shown += 1
                assert set(finding["fields"]) <= leaves(document)

    assert shown > 0 or case == "flows"


def test_ordinary_work_has_no_finding() -> None:
    made = documents(HERE / "network" / "ordinary-work.log", NETWORK, original=False)

    assert len(made) > 40
    assert [each for each in made if "findings" in each["tetragon"]] == []


def test_an_ordinary_day_has_nearly_none() -> None:
    memory, pipeline = Memory(), Pipeline(NETWORK, original=False)
    number = grave = connections = 0
    for _, node, line in ordinary(seed=2, nodes=20, minutes=5.0, rate=35.0):
        [(value, _)] = pipeline.enrich(memory, Record("t", 0, 0, TIMESTAMP, node.encode(), line, {})).blocks
        made = json.loads(value.splitlines()[1])
        number += 1
        connections += "network" in made["tetragon"]
        grave += made["event"].get("severity", 0) >= 3

    assert number > 8_000
    assert connections > 1_000
    assert grave * 10_000 / number <= 1


def test_an_intruders_program_is_told_whose_master_has_an_address_that_only_documents_have() -> None:
    memory, pipeline = Memory(), Pipeline(NETWORK, original=False)
    found = []
    for _, node, line in intrusion(seed=1, nodes=20, minutes=10.0):
        [(value, _)] = pipeline.enrich(memory, Record("t", 0, 0, TIMESTAMP, node.encode(), line, {})).blocks
        made = json.loads(value.splitlines()[1])
        found += [(each["rule"], made["process"]["executable"]) for each in made["tetragon"].get("findings", ())]

    assert found == [("network.scratch_egress", "/tmp/.x"), ("network.miner", "/tmp/.x")]


def test_a_users_file_says_where_addresses_are(tmp_path: Path) -> None:
    (tmp_path / "network.yaml").write_text(
        "pods: [10.244.0.0/16]\nexternal: [203.0.113.0/24]\nports: {payments: [8444]}\ndisable: [network.miner]\n"
    )
    agents = [agent for agent in load_agents(tmp_path) if agent.name == "network"]
    lines = [
        line_of(1, START, "connect", End("10.0.0.1", 5, "10.244.0.9", 8444, 1)),
        line_of(2, START, "connect", End("10.0.0.1", 5, "203.0.113.7", 3333, 2), binary="/tmp/x"),
    ]
    pod, external = [each["tetragon"] for each in told(Memory(), lines, agents)]

    assert pod["network"] == {"zone": "pod", "service": "payments", "since": "connect"}
    assert external["network"]["zone"] == "external"
    assert [each["rule"] for each in external["findings"]] == ["network.scratch_egress"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["send", "receive"]), ENDS, st.integers(0, 90 * SECOND)), max_size=30))
def test_a_datagram_has_the_direction_of_the_first_of_its_kind(steps: list[tuple[str, End, int]]) -> None:
    time, lines = START, []
    begun: dict[tuple[Any, ...], tuple[str, int]] = {}
    expected = []
    for number, (kind, end, after) in enumerate(steps):
        time += after
        place = (end.local.rpartition(":")[2], *end[1:4])
        first, last = begun.get(place, ("", 0))
        if time - last > IDLE:
            first = kind
        begun[place] = first, time
        expected.append({"send": "egress", "receive": "ingress"}[first])
        lines.append(line_of(number, time, kind, end, udp=True))

    assert [each["network"]["direction"] for each in told(Memory(), lines)] == expected
