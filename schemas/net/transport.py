"""What carries the bytes of a socket, by IANA's names and numbers."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from schemas.operation.shape import Socket

NUMBERS: Final[Mapping[str, int]] = {
    "ah": 51,
    "dccp": 33,
    "egp": 8,
    "esp": 50,
    "gre": 47,
    "icmp": 1,
    "igmp": 2,
    "ipip": 4,
    "ipv6": 41,
    "ipv6-icmp": 58,
    "pim": 103,
    "rsvp": 46,
    "sctp": 132,
    "tcp": 6,
    "udp": 17,
    "udplite": 136,
}
_NAMES: Final = {number: name for name, number in NUMBERS.items()}
# 262 is Linux's own: on the wire it is TCP.
_SPELLED: Final[Mapping[str, str]] = {"icmpv6": "ipv6-icmp", "mptcp": "tcp", "262": "tcp"}
_NONE: Final = ("", "0", "255", "ip", "raw")  # whatever the socket's type has by default; whatever its owner writes
_DIGITS: Final = 3


def transport_of(socket: Socket, hook: str) -> str:
    """IANA's keyword, a number where there is none here, empty if unknown."""
    return _transport(socket.protocol, hook)


@lru_cache(maxsize=1024)
def _transport(protocol: str, hook: str) -> str:
    name = protocol.removeprefix("IPPROTO_").lower()
    name = _SPELLED.get(name, name)
    if name.isdecimal():
        name = _NAMES.get(int(name), name) if len(name) <= _DIGITS else ""
    if name not in _NONE:
        return name
    if hook.startswith(("tcp_", "inet_csk_")):
        return "tcp"
    return "udp" if hook.startswith(("udp_", "udpv6_")) else ""
