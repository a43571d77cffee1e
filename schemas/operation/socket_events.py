"""Events about sockets that Tetragon's enterprise edition wrote in early versions, beside what every event has."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec import Raw

from schemas.lenient import decode_leniently
from schemas.operation.given import address_of, port_of, remote_of
from schemas.operation.shape import Operation, Socket, SocketKind
from schemas.tetragon import BODIES, Count, Event

T = TypeVar("T")

SOCKET_EVENTS: Final[Mapping[str, SocketKind]] = {
    "process_accept": "accept",
    "process_close": "disconnect",
    "process_connect": "connect",
    "process_dns": "dns",
    "process_listen": "listen",
}
EVENTS: Final = (*BODIES, *SOCKET_EVENTS)  # those that an agent can ask for by name


class _Dns(msgspec.Struct, frozen=True, gc=False):
    names: Sequence[str] = ()


def socket_operation(event: Event) -> Operation:
    """Their source is the local end."""
    held = event.other
    name = event.name
    asked = _member(held, f"{name}.dns", _Dns, _Dns()).names
    return Operation(
        SOCKET_EVENTS[name],
        name,
        name=asked[0].removesuffix(".") if asked else "",
        socket=Socket(
            local=address_of(_member(held, f"{name}.source_ip", str, "") or _member(held, f"{name}.ip", str, "")),
            local_port=port_of(_member(held, f"{name}.source_port", int, 0) or _member(held, f"{name}.port", int, 0)),
            remote=remote_of(_member(held, f"{name}.destination_ip", str, "")),
            remote_port=port_of(_member(held, f"{name}.destination_port", int, 0)),
            protocol=_member(held, f"{name}.protocol", str, ""),
        ),
    )


class _Stats(msgspec.Struct, frozen=True, gc=False):
    bytes_sent: Count | None = None
    bytes_received: Count | None = None


def bytes_told(event: Event) -> tuple[int | None, int | None]:
    """Sent and received over a connection that ends, as the event itself counts them; a zero is not told."""
    if event.name not in SOCKET_EVENTS:
        return None, None
    told = event.other.get(f"{event.name}.stats")
    stats = (decode_leniently(told, _Stats, "", {}) if told is not None else None) or _Stats()
    return stats.bytes_sent, stats.bytes_received


def _member(held: Mapping[str, Raw], path: str, wanted: type[T], missing: T) -> T:
    raw = held.get(path)
    if raw is None:
        return missing
    try:
        return msgspec.json.decode(raw, type=wanted, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return missing
