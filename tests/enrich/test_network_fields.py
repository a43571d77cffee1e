"""What the pipeline tells of a socket by the event alone."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import communityid
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.enrich.network_fields import community_id
from schemas.net.transport import NUMBERS
from schemas.operation import Socket
from tests.enrich.test_documents import document

FOURS = st.integers(1, 2**32 - 1).map(lambda number: str(IPv4Address(number)))
SIXES = st.integers(1, 2**128 - 1).map(lambda number: str(IPv6Address(number)))
PORTS = st.integers(1, 65535)
COMMUNITY = communityid.CommunityID()


def sock(**members: Any) -> str:
    given = {"family": "AF_INET", "type": "SOCK_STREAM", "protocol": "IPPROTO_TCP", **members}
    inner = ",".join(
        f'"{name}":{value if isinstance(value, int) else chr(34) + value + chr(34)}' for name, value in given.items()
    )
    return f'{{"sock_arg":{{{inner}}}}}'


def told(function: str, args: str, more: str = "") -> dict[str, Any]:
    body = f'"process":{{"pid":1}},"function_name":"{function}","args":[{args}]{more}'
    made = document(f'{{"process_kprobe":{{{body}}},"node_name":"n","time":"2024-01-01T00:00:10.5Z"}}')
    return {name: made[name] for name in ("source", "destination", "network", "related") if name in made}


@given(st.sampled_from(["tcp", "udp", "sctp"]), FOURS | SIXES, FOURS | SIXES, PORTS, PORTS)
def test_a_flow_has_the_id_that_others_give_it_from_either_end(
    transport: str, here: str, there: str, local_port: int, remote_port: int
) -> None:
    found = community_id(Socket(here, local_port, there, remote_port), transport)

    assert found == community_id(Socket(there, remote_port, here, local_port), transport)
    if (":" in here) == (":" in there):
        peer = communityid.FlowTuple(NUMBERS[transport], here, there, local_port, remote_port)
        assert found == COMMUNITY.calc(peer)
    else:
        assert found == ""


@given(
    st.sampled_from([name for name in NUMBERS if name not in ("tcp", "udp", "sctp", "icmp", "ipv6-icmp")]), FOURS, FOURS
)
def test_so_has_what_knows_no_ports(transport: str, here: str, there: str) -> None:
    peer = communityid.FlowTuple.make_ip(here, there, NUMBERS[transport])

    assert community_id(Socket(here, None, there, None), transport) == COMMUNITY.calc(peer)


@pytest.mark.parametrize(
    ("socket", "transport"),
    [
        (Socket("10.0.0.1", None, "10.0.0.2", None), "icmp"),
        (Socket("fe80::1", 128, "fe80::2", 129), "ipv6-icmp"),
        (Socket("10.0.0.1", None, "10.0.0.2", 80), "tcp"),
        (Socket("0.0.0.0", 1, "10.0.0.2", 80), "tcp"),
        (Socket("", 1, "10.0.0.2", 80), "tcp"),
        (Socket("10.0.0.1", 1, "10.0.0.2", 80), ""),
        (Socket("10.0.0.1", 1, "10.0.0.2", 80), "700"),
    ],
)
def test_it_has_none_if_something_is_lacking(socket: Socket, transport: str) -> None:
    assert community_id(socket, transport) == ""


def test_an_end_that_is_not_chosen_yet_is_not_told() -> None:
    made = told("tcp_connect", sock(saddr="0.0.0.0", daddr="8.8.8.8", dport=443))

    assert "source" not in made
    assert made["destination"] == {"ip": "8.8.8.8", "address": "8.8.8.8", "port": 443}
    assert made["related"] == {"ip": ["8.8.8.8"]}


def test_who_listens_does_so_on_all_addresses() -> None:
    made = told("inet_csk_listen_start", sock(family="AF_INET6", saddr="::", daddr="::", sport=443))

    assert made["destination"] == {"ip": "::", "address": "::", "port": 443}
    assert "source" not in made


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("security_socket_bind", ""),
        ("security_socket_listen", ""),
        ("security_socket_connect", ""),
        ("unix_stream_connect", ""),
        ("security_socket_sendmsg", ',{"int_arg":5}'),
    ],
)
def test_a_path_is_where_the_server_is_whoever_tells_of_it(function: str, args: str) -> None:
    made = told(function, '{"sockaddrun_arg":{"family":"AF_UNIX","path":"/run/x.sock"}}' + args)

    assert made["destination"] == {"address": "/run/x.sock"}
    assert "source" not in made


def test_ipv4_in_ipv6_is_ipv4() -> None:
    made = told(
        "tcp_connect", sock(family="AF_INET6", saddr="::ffff:10.0.0.1", daddr="::ffff:8.8.8.8", sport=5, dport=443)
    )

    assert (made["source"]["ip"], made["destination"]["ip"]) == ("10.0.0.1", "8.8.8.8")
    assert made["network"]["type"] == "ipv4"
    assert made["network"]["community_id"] == COMMUNITY.calc(communityid.FlowTuple(6, "10.0.0.1", "8.8.8.8", 5, 443))


def test_an_address_at_both_ends_is_told_once() -> None:
    assert told("tcp_connect", sock(saddr="127.0.0.1", daddr="127.0.0.1"))["related"] == {"ip": ["127.0.0.1"]}


SOCK = sock(saddr="10.0.0.1", daddr="8.8.8.8", sport=5, dport=443)


@pytest.mark.parametrize(
    ("function", "args", "more", "expected"),
    [
        ("tcp_sendmsg", '{"int_arg":900}', "", 900),
        ("tcp_sendmsg", '{"int_arg":900}', ',"return":{"int_arg":512}', 512),
        ("tcp_sendmsg", '{"int_arg":900}', ',"return":{"int_arg":-11}', None),
        ("security_socket_sendmsg", '{"int_arg":900}', ',"return":{"int_arg":0}', 900),
        ("tcp_recvmsg", '{"size_arg":"65536"}', "", None),
        ("tcp_recvmsg", '{"size_arg":"65536"}', ',"return":{"int_arg":17}', 17),
        ("security_socket_recvmsg", '{"int_arg":65536},{"int_arg":0}', ',"return":{"int_arg":0}', None),
        ("tcp_cleanup_rbuf", '{"int_arg":17}', "", 17),
        ("tcp_connect", '{"int_arg":17}', "", None),
    ],
)
def test_bytes_are_those_that_went_as_far_as_the_hook_knows(
    function: str, args: str, more: str, expected: int | None
) -> None:
    assert told(function, f"{SOCK},{args}", more)["network"].get("bytes") == expected


@pytest.mark.parametrize(
    ("function", "protocol", "expected"),
    [
        ("tcp_connect", "IPPROTO_TCP", {"transport": "tcp", "iana_number": "6"}),
        ("tcp_connect", "IPPROTO_MPTCP", {"transport": "tcp", "iana_number": "6"}),
        ("tcp_connect", "262", {"transport": "tcp", "iana_number": "6"}),
        ("tcp_connect", "0", {"transport": "tcp", "iana_number": "6"}),
        ("inet_csk_accept", "", {"transport": "tcp", "iana_number": "6"}),
        ("udpv6_sendmsg", "IPPROTO_IP", {"transport": "udp", "iana_number": "17"}),
        ("security_socket_connect", "17", {"transport": "udp", "iana_number": "17"}),
        ("security_socket_connect", "IPPROTO_ICMPV6", {"transport": "ipv6-icmp", "iana_number": "58"}),
        ("security_socket_connect", "254", {"iana_number": "254"}),
        ("security_socket_connect", "IPPROTO_RAW", {}),
        ("security_socket_connect", "9" * 5000, {}),
    ],
)
def test_a_transport_has_its_name_and_its_number(function: str, protocol: str, expected: dict[str, str]) -> None:
    network = told(function, sock(saddr="10.0.0.1", protocol=protocol))["network"]

    assert {name: network[name] for name in ("transport", "iana_number") if name in network} == expected
