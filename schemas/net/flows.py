"""A connection from its first event to its last, as an agent remembers it.

A flow is known by its socket, and by both its ends: the cookie is an address in the kernel, which is another's soon.
What has no connection, like UDP, has one socket for many: there the ends alone count.
"""

from collections.abc import MutableMapping
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec
from msgspec.structs import astuple

from schemas.net.amounts import bytes_of, sum_of
from schemas.net.sides import DIRECTIONS, NOBODY
from schemas.operation.shape import Operation, Socket
from schemas.times import SECOND

IDLE: Final = 120 * SECOND  # after which the same ends, without a cookie, are another flow
PLACES: Final = 512  # for flows that never end, on one node: one that comes takes the place of another

_OPENING: Final = frozenset(("accept", "connect"))
_MOVING: Final = frozenset(("receive", "send"))
_WITHOUT_END: Final = frozenset(("udp", "udplite"))


class Flow(msgspec.Struct, gc=False):
    since: str  # the kind of operation from which it is known
    by: str  # exec_id of who did that
    start: int  # ns since 1970
    last: int
    sent: int  # bytes of this end that were seen
    received: int
    local: str
    local_port: int | None
    remote: str
    remote_port: int | None

    @property
    def direction(self) -> str:
        return DIRECTIONS[self.since]

    @property
    def is_whole(self) -> bool:
        """It was seen to begin."""
        return self.since in _OPENING


class Step(NamedTuple):
    """An event of a flow."""

    flow: Flow | None  # None: it is not known, or its ends are not
    is_first: bool  # nothing of it was seen before


def follow(
    operation: Operation,
    socket: Socket,
    transport: str,
    node: str,
    by: str,
    time: int,
    memory: MutableMapping[str, Any],
) -> Step:
    """`by` does the operation, at `time` in ns. Of what is no flow's nothing is remembered."""
    kind = operation.kind
    place = _place(socket, transport, node)
    known = _known(memory, place, socket, transport, time) if place else None
    if kind == "disconnect":
        if known is not None:
            del memory[place]
        return Step(known, is_first=False)
    if kind in _OPENING and transport in _WITHOUT_END:
        return Step(known, is_first=False)  # a peer is named, and nothing goes there yet
    if kind in _OPENING:
        # Whoever gets no answer asks again.
        if known is not None and known.is_whole and time - known.last <= IDLE:
            if kind != "accept" or by == known.by:
                return Step(known, is_first=False)
            # The kernel makes the socket in whichever process it interrupts; the one that takes it is its owner.
            known.by = by
            memory[place] = astuple(known)
            return Step(known, is_first=False)
        return Step(_begun(operation, socket, by, time, memory, "" if operation.failed else place), is_first=True)
    if kind not in _MOVING:
        return Step(known, is_first=False)
    if known is None:
        flow = _begun(operation, socket, by, time, memory, place)
        return Step(flow, is_first=flow is not None and transport in _WITHOUT_END)
    size = bytes_of(operation) or 0
    known.last = max(known.last, time)
    if kind == "send":
        known.sent = sum_of(known.sent, size)
    else:
        known.received = sum_of(known.received, size)
    memory[place] = astuple(known)
    return Step(known, is_first=False)


def _begun(
    operation: Operation, socket: Socket, by: str, time: int, memory: MutableMapping[str, Any], place: str
) -> Flow | None:
    if not place:
        return None
    size = bytes_of(operation) or 0
    sent, received = (size, 0) if operation.kind == "send" else (0, size)
    ends = (socket.local, socket.local_port, socket.remote, socket.remote_port)
    flow = Flow(operation.kind, by, time, time, sent, received, *ends)
    memory[place] = astuple(flow)
    return flow


def _place(socket: Socket, transport: str, node: str) -> str:
    """Where a flow is remembered; empty where too little is told to know it again."""
    if not socket.remote:
        return ""
    if _is_sure(socket, transport):
        return f"{node}:{socket.cookie:x}"
    if not (socket.local_port and socket.remote_port):
        return ""
    ends = f"{socket.local}|{socket.local_port}|{socket.remote}|{socket.remote_port}"
    return f"{node}:{transport}:{crc32(ends.encode()) % PLACES}" if transport in _WITHOUT_END else f"{node}:{ends}"


def _is_sure(socket: Socket, transport: str) -> bool:
    """The socket is one connection's alone."""
    return bool(socket.cookie) and transport not in _WITHOUT_END


def _known(memory: MutableMapping[str, Any], place: str, socket: Socket, transport: str, time: int) -> Flow | None:
    note = memory.get(place)
    if note is None:
        return None
    flow = Flow(*note)
    if not _alike(flow, socket):
        return None
    return flow if _is_sure(socket, transport) or time - flow.last <= IDLE else None


def _alike(flow: Flow, socket: Socket) -> bool:
    """No end is another one; one that is not told may be any."""
    return (
        flow.remote == socket.remote
        and (flow.remote_port == socket.remote_port or None in (flow.remote_port, socket.remote_port))
        and (flow.local_port == socket.local_port or None in (flow.local_port, socket.local_port))
        and (flow.local == socket.local or flow.local in NOBODY or socket.local in NOBODY)
    )
