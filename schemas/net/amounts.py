"""How many bytes went over a socket, as far as the hook knows it."""

from typing import Final

from schemas.operation.shape import Operation


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What they return is how many bytes went.
_COUNTING: Final = _names(
    "sys_recvfrom sys_recvmsg sys_sendmsg sys_sendto tcp_recvmsg tcp_sendmsg tcp_sendmsg_locked udp_recvmsg "
    "udp_sendmsg udpv6_recvmsg udpv6_sendmsg"
)
# What they are given is how much room there is for bytes.
_WAITING: Final = _names("socket_recvmsg sys_recvfrom sys_recvmsg tcp_recvmsg udp_recvmsg udpv6_recvmsg")
_MOST: Final = 2**63 - 1  # that a field for whole numbers holds


def sum_of(one: int, other: int) -> int:
    return min(one + other, _MOST)


def bytes_of(operation: Operation) -> int | None:
    """Of a packet its length, of a call what went, else what was to go; None where that is not told."""
    if operation.hook in _COUNTING and operation.returned is not None:
        return operation.returned if operation.returned >= 0 else None
    if operation.hook in _WAITING or operation.size is None or operation.size < 0:
        return None
    return operation.size
