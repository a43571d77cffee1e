"""Where an address is, by a naive look at every network."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.net.zones import INTERNAL, Network, Zone, zones

# As Elastic's rules have it, from one of them.
ELASTIC = """10.0.0.0/8 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29 192.0.0.8/32 192.0.0.9/32
192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.168.0.0/16 192.88.99.0/24
224.0.0.0/4 100.64.0.0/10 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 ::1/128 FE80::/10
FF00::/8""".lower().split()
DOCUMENTATION = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]

ADDRESSES = st.one_of(
    st.integers(0, 2**32 - 1).map(IPv4Address),
    st.integers(0, 2**128 - 1).map(IPv6Address),
    st.sampled_from([ip_network(text)[0] for text in INTERNAL]),
    st.sampled_from([ip_network(text)[-1] for text in INTERNAL]),
    st.sampled_from([ip_network(text)[-1] + 1 for text in INTERNAL if text not in ("240.0.0.0/4", "ff00::/8")]),
)
NETWORKS = st.builds(
    lambda address, length: ip_network((address, min(length, address.max_prefixlen)), strict=False),
    ADDRESSES,
    st.integers(1, 128),
)
OWN = st.lists(
    st.tuples(NETWORKS, st.sampled_from(["pod", "service", "node", "internal", "external"])),
    unique_by=lambda each: each[0],
)


def test_what_is_internal_is_what_elastic_calls_so_but_for_documentation_and_the_private_addresses_of_ipv6() -> None:
    assert len(ELASTIC) == 26
    assert sorted([*INTERNAL, *DOCUMENTATION]) == sorted([*ELASTIC, "fc00::/7"])


@given(ADDRESSES, OWN)
def test_the_longest_prefix_counts(address: IPv4Address | IPv6Address, own: Sequence[tuple[Network, Zone]]) -> None:
    known: dict[Network, Zone] = {ip_network(text): "internal" for text in INTERNAL}
    known |= {ip_network("127.0.0.0/8"): "loopback", ip_network("::1/128"): "loopback"}
    known |= dict(own)
    around = [network for network in known if address in network]
    expected = known[max(around, key=lambda network: network.prefixlen)] if around else "external"

    assert zones(own)(str(address)) == expected


@pytest.mark.parametrize(
    ("address", "zone"),
    [
        ("8.8.8.8", "external"),
        ("2606:4700::1111", "external"),
        ("10.1.2.3", "internal"),
        ("169.254.169.254", "internal"),
        ("203.0.113.77", "external"),
        ("192.0.2.1", "external"),
        ("198.51.100.255", "external"),
        ("2001:db8::1", "external"),
        ("100.64.0.1", "internal"),
        ("224.0.0.251", "internal"),
        ("255.255.255.255", "internal"),
        ("fd00:ec2::254", "internal"),
        ("127.0.0.53", "loopback"),
        ("::1", "loopback"),
        ("10.244.1.7", "pod"),
        ("10.96.0.1", "service"),
        ("10.0.0.17", "node"),
        ("93.184.216.34", "internal"),
        ("100.65.0.5", "external"),
        ("", None),
    ],
)
def test_an_address_has_one_zone(address: str, zone: str | None) -> None:
    own: list[tuple[Network, Zone]] = [
        (ip_network("10.244.0.0/16"), "pod"),
        (ip_network("10.96.0.0/12"), "service"),
        (ip_network("10.0.0.0/24"), "node"),
        (ip_network("93.184.216.0/24"), "internal"),
        (ip_network("100.65.0.0/28"), "external"),
    ]

    assert zones(own)(address) == zone


def test_an_address_is_one_that_ipaddress_reads() -> None:
    assert zones()(str(ip_address("fe80::1"))) == "internal"
