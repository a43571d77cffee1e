"""The id of a flow is the one that others give it: the specification's examples, and a library that is not ours."""

import json
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from communityid import CommunityID, FlowTuple
from hypothesis import assume, given
from hypothesis import strategies as st

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from schemas.record import Record

PIPELINE = Pipeline([], original=False)
NUMBERS = {"TCP": 6, "UDP": 17, "SCTP": 132}

Address = IPv4Address | IPv6Address

ports = st.integers(1, 65_535)
pairs = st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)) | st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6))


def told(protocol: str, local: tuple[str, int], remote: tuple[str, int], *, accepted: bool = False) -> dict[str, Any]:
    """The document's `network`, of a socket as Tetragon tells it."""
    sock = {
        "family": "AF_INET6" if ":" in local[0] else "AF_INET",
        "type": "SOCK_STREAM" if protocol == "TCP" else "SOCK_DGRAM",
        "protocol": f"IPPROTO_{protocol}",
        "saddr": local[0],
        "daddr": remote[0],
        "sport": local[1],
        "dport": remote[1],
        "cookie": "18446613284001000000",
        "state": "TCP_SYN_RECV" if accepted else "TCP_SYN_SENT",
    }
    function = "inet_csk_accept" if accepted else "security_socket_connect"
    body: dict[str, Any] = {"process": {"pid": 7}, "function_name": function, "policy_name": "x"}
    body |= {"args": [], "return": {"sock_arg": sock}} if accepted else {"args": [{"sock_arg": sock}]}
    line = json.dumps({"process_kprobe": body, "node_name": "n", "time": "2026-01-05T08:00:00Z"}).encode()
    [(block, _)] = PIPELINE.enrich(Memory(), Record("tetragon.events", 0, 0, 0, b"n", line, {})).blocks
    network: dict[str, Any] = json.loads(block.splitlines()[1])["network"]
    return network


@pytest.mark.parametrize(
    ("protocol", "local", "remote", "flow"),
    [
        ("TCP", ("128.232.110.120", 34855), ("66.35.250.204", 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        ("UDP", ("192.168.1.52", 54585), ("8.8.8.8", 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        ("SCTP", ("192.168.170.8", 7), ("192.168.170.56", 80), "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="),
    ],
)
def test_the_examples_of_the_specification(
    protocol: str, local: tuple[str, int], remote: tuple[str, int], flow: str
) -> None:
    assert told(protocol, local, remote)["community_id"] == flow
    assert told(protocol, remote, local)["community_id"] == flow


@given(protocol=st.sampled_from(sorted(NUMBERS)), pair=pairs, local_port=ports, remote_port=ports)
def test_any_flow_has_the_id_that_the_library_gives_it(
    protocol: str, pair: tuple[Address, Address], local_port: int, remote_port: int
) -> None:
    local, remote = pair
    mapped = {each.ipv4_mapped for each in pair if isinstance(each, IPv6Address)}
    assume(not (local.is_unspecified or remote.is_unspecified or mapped - {None}))
    flow = FlowTuple(NUMBERS[protocol], str(local), str(remote), local_port, remote_port)

    found = told(protocol, (str(local), local_port), (str(remote), remote_port))

    assert found["community_id"] == CommunityID().calc(flow)


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), ports, ports)
def test_an_address_of_version_4_in_one_of_version_6_is_the_same_flow(
    local: IPv4Address, remote: IPv4Address, local_port: int, remote_port: int
) -> None:
    assume(not (local.is_unspecified or remote.is_unspecified))
    plain = told("TCP", (str(local), local_port), (str(remote), remote_port))
    mapped = told("TCP", (f"::ffff:{local}", local_port), (f"::ffff:{remote}", remote_port))

    assert mapped["community_id"] == plain["community_id"]


def test_both_ends_give_a_connection_the_same_id() -> None:
    client, server = ("10.0.0.1", 40_000), ("10.0.0.2", 443)

    assert told("TCP", client, server)["community_id"] == told("TCP", server, client, accepted=True)["community_id"]


@pytest.mark.parametrize(("local", "remote"), [(("10.0.0.1", 0), ("10.0.0.2", 443)), (("", 5), ("10.0.0.2", 443))])
def test_a_flow_of_which_an_end_is_not_told_has_none(local: tuple[str, int], remote: tuple[str, int]) -> None:
    assert "community_id" not in told("UDP", local, remote)
