import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.enrich.decode import NoEvent, decode
from examples.processes import lines
from schemas.tetragon import Event, ProcessExec, ProcessExit, ProcessKprobe

NODE_AND_TIME = b'"node_name":"n","time":"2024-01-01T00:00:00Z"}'
EXEC = b'{"process_exec":{"process":{"exec_id":"e","pid":7,"binary":"/bin/a"}},' + NODE_AND_TIME


def event(line: bytes) -> Event:
    return decode(line)[0]


def other(line: bytes) -> dict[str, Any]:
    return {path: orjson.loads(bytes(raw)) for path, raw in event(line).other.items()}


@given(st.binary())
def test_arbitrary_bytes_are_an_event_or_no_event(line: bytes) -> None:
    with pytest.raises(NoEvent):
        decode(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
)
LIKELY = st.sampled_from(
    ["process_exec", "process_exit", "process_kprobe", "process", "parent", "pid", "uid", "pod", "container", "time",
     "node_name", "ancestors", "binary", "args", "ns", "message", "log", "process_new", "value", "cap", "user"]
)  # fmt: skip
EVENTLIKE = st.recursive(JSON, lambda inner: st.dictionaries(LIKELY, inner, max_size=5), max_leaves=20)


@given(EVENTLIKE)
@settings(max_examples=500, deadline=None)
def test_arbitrary_json_with_the_right_names_is_an_event_or_no_event(value: Any) -> None:
    line = json.dumps(value).encode()
    with contextlib.suppress(NoEvent):
        found, own = decode(line)
        assert isinstance(found, Event)
        assert b"\n" not in own


@given(st.integers(0, 300), st.integers(0, 5000), st.binary(min_size=1, max_size=3))
def test_a_damaged_line_is_an_event_or_no_event(number: int, place: int, damage: bytes) -> None:
    line = GENERATED[number]
    place %= len(line)
    with contextlib.suppress(NoEvent):
        decode(line[:place] + damage + line[place + 1 :])


GENERATED = [line.rstrip(b"\n") for _, line in lines(seed=1, events=301, nodes=2)]


def test_what_is_not_json_or_no_event_says_so() -> None:
    reasons = {}
    for line in (
        b"x",
        b"{",
        b"[]",
        b"5",
        b'"a"',
        b"{}",
        b'{"a":1}',
        b'{"node_name":"n"}',
        b"\xff",
        b'{"process_exec":5}',
    ):
        with pytest.raises(NoEvent) as caught:
            decode(line)
        reasons[line] = str(caught.value).split(":")[0]

    assert set(reasons.values()) == {"not JSON", "not an event"}
    assert reasons[b"{"] == "not JSON"
    assert reasons[b'{"a":1}'] == "not an event"


@pytest.mark.parametrize("opener", [b"[", b'{"a":'])
@pytest.mark.parametrize(
    "place", [b"%b", b'{"a":%b', b'{"process_exec":{"x":%b', b'{"process_exec":{"process":{"pod":%b']
)
def test_a_hundred_thousand_levels_are_no_event(opener: bytes, place: bytes) -> None:
    with pytest.raises(NoEvent, match=r"nested too deep|not JSON|not an event"):
        decode(place % (opener * 100_000))
    with pytest.raises(NoEvent):
        decode(place % (b"[" * 100_000 + b"]" * 100_000) + b"}" * place.count(b"{"))


def test_a_line_of_five_megabytes_is_an_event() -> None:
    line = EXEC.replace(b"/bin/a", b"/" + b"a" * 5_000_000)
    process = event(line).process

    assert process is not None
    assert len(process.binary) == 5_000_001


def test_numbers_may_be_strings_and_wrapped_and_unknown_members_are_kept() -> None:
    line = (
        b'{"process_exec":{"process":{"pid":"7","uid":{"value":0},"auid":{"value":"x"},"new":[1],"tid":-1,'
        b'"pod":{"name":"p","more":1,"pod_labels":{"a":5}},"user":"root"}},"time":"yesterday","extra":{"b":2}}'
    )
    process = event(line).process

    assert process is not None
    assert (process.pid, process.uid, process.auid, process.tid) == (7, 0, None, None)
    assert process.pod is not None
    assert process.pod.name == "p"
    assert other(line) == {
        "process_exec.process.auid": {"value": "x"},
        "process_exec.process.new": [1],
        "process_exec.process.tid": -1,
        "process_exec.process.user": "root",
        "time": "yesterday",
        "extra": {"b": 2},
    }


def test_one_bad_element_of_a_list_costs_only_itself() -> None:
    line = b'{"process_exec":{"process":{"pid":1},"ancestors":[{"pid":2},5,{"pid":"z","binary":"/b"}]}}'

    assert [(each.pid, each.binary) for each in event(line).ancestors] == [(2, ""), (None, "/b")]
    assert other(line) == {"process_exec.ancestors.1": 5, "process_exec.ancestors.2.pid": "z"}


@pytest.mark.parametrize(
    ("before", "behind"), [(b"\xef\xbb\xbf", b""), (b"\0\0\0", b""), (b"", b"\0"), (b"\0\xef\xbb\xbf", b"\0")]
)
def test_what_editors_and_crashes_put_around_a_line_is_no_part_of_it(before: bytes, behind: bytes) -> None:
    found, own = decode(before + EXEC + behind)

    assert found == event(EXEC)
    assert own == EXEC


@pytest.mark.parametrize("name", ["processExec", "processKprobe", "rateLimitInfo"])
def test_protobufs_own_spelling_is_named(name: str) -> None:
    with pytest.raises(NoEvent, match=rf"^not an event: it has a member {name}; expected [a-z]+_[a-z_]+, as Tetragon"):
        decode(b'{"%b":{"process":{"pid":1}},"nodeName":"n"}' % name.encode())


@pytest.mark.parametrize("line", [b"\0" * 9, b"\xef\xbb\xbf", b"\0\xef\xbb\xbf\0", b"\0x", b'{"a":"\0"}'])
def test_nothing_but_that_is_no_event(line: bytes) -> None:
    with pytest.raises(NoEvent):
        decode(line)


def test_null_is_absent() -> None:
    line = b'{"process_exec":{"process":{"pid":null,"pod":null},"parent":null},' + NODE_AND_TIME
    found = event(line)

    assert found.parent is None
    assert found.process is not None
    assert (found.process.pid, found.process.pod) == (None, None)


def test_the_body_is_typed() -> None:
    kprobe = event(b'{"process_kprobe":{"function_name":"f","args":[{"int_arg":1}],"return":{"int_arg":0}}}').body
    exit_ = event(b'{"process_exit":{"signal":"SIGKILL","status":9}}').body

    assert isinstance(kprobe, ProcessKprobe)
    assert (kprobe.function_name, bytes(kprobe.args), bytes(kprobe.returned)) == (
        "f",
        b'[{"int_arg":1}]',
        b'{"int_arg":0}',
    )
    assert isinstance(exit_, ProcessExit)
    assert (exit_.signal, exit_.status) == ("SIGKILL", 9)
    assert isinstance(event(EXEC).body, ProcessExec)


def test_an_unknown_event_is_carried() -> None:
    line = b'{"process_dns":{"process":{"pid":1},"names":["a.b"]},"node_name":"n","time":"2024-01-01T00:00:00Z"}'
    future = b'{"new_event":{"x":{"y":1}},"node_name":"n","time":"2024-01-01T00:00:00Z"}'

    assert event(line).name == "process_dns"
    assert event(line).process is not None
    assert other(line) == {"process_dns.names": ["a.b"]}
    assert event(future).name == "new_event"
    assert other(future) == {"new_event.x": {"y": 1}}


@pytest.mark.parametrize(
    "wrapped",
    [
        orjson.dumps(
            {"message": EXEC.decode(), "@timestamp": "x", "host": {"name": "h"}, "agent": {"type": "filebeat"}}
        ),
        orjson.dumps({"log": EXEC.decode() + "\n", "stream": "stdout", "time": "2024-01-01T00:00:00Z"}),
        b"2024-01-01T00:00:00.123456789Z stdout F " + EXEC,
        b"2024-01-01T00:00:00.123456789+02:00 stderr F " + EXEC,
        orjson.dumps({"message": "2024-01-01T00:00:00.1Z stdout F " + EXEC.decode()}),
    ],
)
def test_envelopes_are_taken_off_and_the_line_is_tetragons_own(wrapped: bytes) -> None:
    found, own = decode(wrapped)

    assert own == EXEC
    assert found == event(EXEC)


def test_an_event_with_a_message_of_its_own_is_no_envelope() -> None:
    line = b'{"process_exec":{"process":{"pid":1}},"message":"{}"}'

    assert event(line).name == "process_exec"
    assert other(line) == {"message": "{}"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"2024-01-01T00:00:00.1Z stdout P " + EXEC[:50], "a part of a line"),
        (orjson.dumps({"message": EXEC.decode() + "\n" + EXEC.decode()}), "several lines"),
        (orjson.dumps({"message": "hello"}), "not JSON"),
        (orjson.dumps({"message": 5}), "not an event"),
        (orjson.dumps({"log": "a"}), "not JSON"),
    ],
)
def test_what_no_envelope_should_hold_is_no_event(line: bytes, reason: str) -> None:
    with pytest.raises(NoEvent, match=reason):
        decode(line)


def test_envelopes_within_envelopes_end() -> None:
    line = EXEC
    for _ in range(5):
        line = orjson.dumps({"message": line.decode()})
    with pytest.raises(NoEvent, match="envelopes"):
        decode(line)
