"""ECS's `source.*`, `destination.*` and `network.*` of an operation on a socket."""

import base64
import hashlib
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

from schemas.operation import Operation, Socket

Fields = dict[str, Any]

_DIRECTIONS: Final = {
    "accept": "ingress",
    "bind": "ingress",
    "connect": "egress",
    "listen": "ingress",
    "receive": "ingress",
    "send": "egress",
}
_TRANSPORTS: Final = {"ipv6-icmp": 58, "icmp": 1, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136}
_NAMES: Final = {"icmpv6": "ipv6-icmp"}
_NOBODY: Final = ("", "0.0.0.0", "::")
_FAMILIES: Final = {"AF_INET": "ipv4", "AF_INET6": "ipv6"}


def network_fields(operation: Operation, socket: Socket) -> Fields:
    """By the names of ECS: what comes in has the other end as its source."""
    direction = _DIRECTIONS.get(operation.kind)
    local = _end(socket.local, socket.local_port)
    remote = _end(socket.remote, socket.remote_port)
    if socket.path:
        remote["address"] = socket.path
    source, destination = (remote, local) if direction == "ingress" else (local, remote)
    network: Fields = {}
    version = _version(socket)
    if version:
        network["type"] = version
    transport = _transport(socket, operation.hook)
    if transport:
        network["transport"] = transport
        if transport in _TRANSPORTS:
            network["iana_number"] = str(_TRANSPORTS[transport])
    if direction:
        network["direction"] = direction
    if operation.size is not None and operation.size >= 0:
        network["bytes"] = operation.size
    flow = community_id(socket, transport)
    if flow:
        network["community_id"] = flow
    fields: Fields = {"network": network} if network else {}
    if source:
        fields["source"] = source
    if destination:
        fields["destination"] = destination
    addresses = [each for each in (socket.local, socket.remote) if each not in _NOBODY]
    if addresses:
        fields["related"] = {"ip": addresses}
    return fields


def community_id(socket: Socket, transport: str) -> str:
    """Version 1, seed 0, of TCP, UDP and SCTP; empty without both ends."""
    if not (socket.local and socket.remote and socket.local_port and socket.remote_port):
        return ""
    if transport not in ("tcp", "udp", "sctp"):
        return ""
    here = (_packed(socket.local), socket.local_port.to_bytes(2, "big"))
    there = (_packed(socket.remote), socket.remote_port.to_bytes(2, "big"))
    (low, low_port), (high, high_port) = (here, there) if here < there else (there, here)
    protocol = bytes((_TRANSPORTS[transport], 0))
    digest = hashlib.sha1(b"\0\0" + low + high + protocol + low_port + high_port, usedforsecurity=False).digest()
    return "1:" + base64.b64encode(digest).decode()


# A node talks to few others, again and again.
@lru_cache(maxsize=8192)
def _packed(address: str) -> bytes:
    return ip_address(address).packed


def _end(address: str, port: int | None) -> Fields:
    end: Fields = {}
    if address:
        end["ip"] = end["address"] = address
    if port is not None:
        end["port"] = port
    return end


def _version(socket: Socket) -> str:
    if socket.path:
        return "unix"
    address = socket.remote or socket.local
    if address:
        return "ipv6" if ":" in address else "ipv4"
    return _FAMILIES.get(socket.family, "")


def _transport(socket: Socket, hook: str) -> str:
    name = socket.protocol.removeprefix("IPPROTO_").lower()
    if name and not name.isdigit():
        return _NAMES.get(name, name)
    if hook.startswith("tcp_"):
        return "tcp"
    return "udp" if hook.startswith(("udp_", "udpv6_")) else ""
