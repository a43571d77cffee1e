"""Both ends of a socket, as ECS has them: who began is the source."""

from collections.abc import Mapping
from typing import Any, Final

from schemas.operation.shape import Socket

Fields = dict[str, Any]

# What a kind of operation tells by itself. A close does not; what is sent goes out, whoever began the connection.
DIRECTIONS: Final[Mapping[str, str]] = {
    "accept": "ingress",
    "bind": "ingress",
    "connect": "egress",
    "listen": "ingress",
    "receive": "ingress",
    "send": "egress",
}
NOBODY: Final = ("", "0.0.0.0", "::")


def sides(socket: Socket, direction: str) -> tuple[Fields, Fields]:
    """Source and destination. Without a direction, this end is the source. A path is a server's, whoever tells it."""
    # Who listens does so on all addresses. Who talks to somebody has one, which the kernel has not chosen yet.
    unchosen = socket.local in NOBODY and bool(socket.remote)
    local = _end("" if unchosen else socket.local, socket.local_port)
    remote = _end(socket.remote, socket.remote_port)
    source, destination = (remote, local) if direction == "ingress" else (local, remote)
    if socket.path:
        destination["address"] = socket.path
    return source, destination


def _end(address: str, port: int | None) -> Fields:
    end: Fields = {}
    if address:
        end["ip"] = end["address"] = address
    if port is not None:
        end["port"] = port
    return end
