"""ECS's `source.*`, `destination.*` and `network.*` of an operation on a socket."""

import base64
import hashlib
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

from schemas.net.amounts import bytes_of
from schemas.net.sides import DIRECTIONS, NOBODY, sides
from schemas.net.transport import NUMBERS, transport_of
from schemas.operation import Operation, Socket

Fields = dict[str, Any]

_FAMILIES: Final = {"AF_INET": "ipv4", "AF_INET6": "ipv6"}
_WITH_PORTS: Final = ("tcp", "udp", "sctp")
_WITH_TYPES: Final = ("icmp", "ipv6-icmp")


def network_fields(operation: Operation, socket: Socket) -> Fields:
    """By the names of ECS, as the event alone tells it: what comes in has the other end as its source."""
    direction = DIRECTIONS.get(operation.kind, "")
    source, destination = sides(socket, direction)
    network: Fields = {}
    version = _version(socket)
    if version:
        network["type"] = version
    transport = transport_of(socket, operation.hook)
    if transport.isdecimal():
        network["iana_number"] = transport
    elif transport:
        network["transport"] = transport
        if transport in NUMBERS:
            network["iana_number"] = str(NUMBERS[transport])
    if direction:
        network["direction"] = direction
    size = bytes_of(operation)
    if size is not None:
        network["bytes"] = size
    flow = community_id(socket, transport)
    if flow:
        network["community_id"] = flow
    fields: Fields = {"network": network} if network else {}
    if source:
        fields["source"] = source
    if destination:
        fields["destination"] = destination
    addresses = [each for each in dict.fromkeys((socket.local, socket.remote)) if each not in NOBODY]
    if addresses:
        fields["related"] = {"ip": addresses}
    return fields


def community_id(socket: Socket, transport: str) -> str:
    """Version 1, seed 0; empty without both ends, and for ICMP, of which Tetragon tells neither type nor code."""
    if transport in _WITH_TYPES or socket.local in NOBODY or socket.remote in NOBODY:
        return ""
    number = NUMBERS.get(transport) or (int(transport) if transport.isdecimal() else 0)
    here, there = _packed(socket.local), _packed(socket.remote)
    if not 0 < number < 256 or len(here) != len(there):
        return ""
    if transport in _WITH_PORTS:
        if not (socket.local_port and socket.remote_port):
            return ""
        ports = socket.local_port.to_bytes(2, "big"), socket.remote_port.to_bytes(2, "big")
    else:
        ports = b"", b""
    low, high = sorted(((here, ports[0]), (there, ports[1])))
    whole = b"\0\0" + low[0] + high[0] + bytes((number, 0)) + low[1] + high[1]
    return "1:" + base64.b64encode(hashlib.sha1(whole, usedforsecurity=False).digest()).decode()


# A node talks to few others, again and again.
@lru_cache(maxsize=8192)
def _packed(address: str) -> bytes:
    return ip_address(address).packed


def _version(socket: Socket) -> str:
    if socket.path:
        return "unix"
    address = socket.remote or socket.local
    if address:
        return "ipv6" if ":" in address else "ipv4"
    return _FAMILIES.get(socket.family, "")
