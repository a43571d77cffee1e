"""Where an address is: on the node itself, within the site, or out in the world."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, Literal, TypeAlias

Zone: TypeAlias = Literal["external", "internal", "loopback", "node", "pod", "service"]
Network: TypeAlias = IPv4Network | IPv6Network
ZoneOf: TypeAlias = Callable[[str], Zone | None]

EXTERNAL: Final[Zone] = "external"
_LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
# What Elastic's rules leave out of the world, one by one; and the private addresses of IPv6, which these forget. Not
# the networks for documentation: nobody has them within, and where one is seen it stands for an attacker's.
INTERNAL: Final = (
    "10.0.0.0/8",
    *_LOOPBACK,
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/32",
    "192.0.0.171/32",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.168.0.0/16",
    "192.88.99.0/24",
    "224.0.0.0/4",
    "100.64.0.0/10",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "240.0.0.0/4",
    "fe80::/10",
    "ff00::/8",
    "fc00::/7",
)
_CACHED: Final = 8192  # a node talks to few others, again and again


def zones(own: Iterable[tuple[Network, Zone]] = ()) -> ZoneOf:
    """Tells the zone of an address that `ipaddress` can read; None of what is no address.

    The longest prefix counts, and of two that are alike one's own.
    """
    known: dict[tuple[int, int, int], Zone] = {}
    for text in INTERNAL:
        known[_key(ip_network(text))] = "loopback" if text in _LOOPBACK else "internal"
    known |= {_key(network): zone for network, zone in own}
    spans = {version: _spans(version, bits, known) for version, bits in ((4, 32), (6, 128))}

    @lru_cache(maxsize=_CACHED)
    def zone_of(address: str) -> Zone | None:
        if not address:
            return None
        read = ip_address(address)
        starts, zones_there = spans[read.version]
        return zones_there[bisect_right(starts, int(read)) - 1]

    return zone_of


def _spans(version: int, bits: int, known: Mapping[tuple[int, int, int], Zone]) -> tuple[list[int], list[Zone]]:
    """From where on which zone is, from the first address to the last."""
    lengths = sorted({length for each, length, _ in known if each == version}, reverse=True)
    starts = {0}
    for each, length, prefix in known:
        if each == version:
            starts |= {prefix << (bits - length), (prefix + 1) << (bits - length)}

    def at(whole: int) -> Zone:
        found = (known.get((version, length, whole >> (bits - length))) for length in lengths)
        return next((zone for zone in found if zone is not None), EXTERNAL)

    ordered = sorted(starts)
    return ordered, [at(start) for start in ordered]


def _key(network: Network) -> tuple[int, int, int]:
    length = network.prefixlen
    return network.version, length, int(network.network_address) >> (network.max_prefixlen - length)
