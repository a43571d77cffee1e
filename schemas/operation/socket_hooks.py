"""Hooks about sockets and packets."""

from typing import Any, Final

from schemas.operation.args import AddressArgument, DeviceArgument, PacketArgument, SockArgument
from schemas.operation.given import NO_SOCKET, Given, Reader, address_of, hooks, port_of, remote_of
from schemas.operation.shape import Operation, Socket, SocketKind

_ESTABLISHED: Final = 1
_CLOSE: Final = 7
_LISTEN: Final = 10


def sock_of(sock: SockArgument) -> Socket:
    # A number for a family is one that Tetragon does not know, or no socket at all: a policy may call anything one.
    is_known = not sock.family.isdecimal()
    return Socket(
        local=address_of(sock.saddr),
        local_port=port_of(sock.sport) if is_known else None,
        remote=remote_of(sock.daddr),
        remote_port=port_of(sock.dport) if is_known else None,
        family=sock.family,
        type=sock.type,
        protocol=sock.protocol,
        state=sock.state,
        cookie=sock.cookie,
    )


def _packet_of(packet: PacketArgument, outward: bool) -> Socket:
    source, destination = (packet.saddr, packet.sport), (packet.daddr, packet.dport)
    local, remote = (source, destination) if outward else (destination, source)
    return Socket(
        local=address_of(local[0]),
        local_port=port_of(local[1]),
        remote=remote_of(remote[0]),
        remote_port=port_of(remote[1]),
        family=packet.family,
        protocol=packet.protocol,
    )


def socket_of(given: Given, *, to: bool = False, outward: bool = True) -> Socket | None:
    """`to`: an address that is passed beside the socket is the other end's, else it is this end's."""
    sock: SockArgument | None = given.first("sock_arg")
    packet: PacketArgument | None = given.first("skb_arg")
    address: AddressArgument | None = given.first("sockaddr_arg")
    unix = given.first("sockaddrun_arg")
    found = sock_of(sock) if sock is not None else None
    if packet is not None:
        carried = _packet_of(packet, outward)
        return _joined(carried, found) if found is not None else carried
    if address is not None:
        found = _with_address(found or NO_SOCKET, address, to)
    if unix is not None:
        found = _replaced(found or NO_SOCKET, family="AF_UNIX", path=unix.path)
    return found


def _joined(packet: Socket, sock: Socket) -> Socket:
    """A packet knows its addresses better than the socket that it belongs to."""
    return _replaced(packet, type=sock.type, state=sock.state, cookie=sock.cookie)


def _with_address(socket: Socket, address: AddressArgument, to: bool) -> Socket:
    family = address.family or socket.family
    if to:
        return _replaced(socket, family=family, remote=remote_of(address.addr), remote_port=port_of(address.port))
    return _replaced(socket, family=family, local=address_of(address.addr), local_port=port_of(address.port))


def _replaced(socket: Socket, **changes: Any) -> Socket:
    return Socket(**{name: getattr(socket, name) for name in socket.__struct_fields__} | changes)


def about(kind: SocketKind, *, to: bool = False, outward: bool = True) -> Reader:
    def read(given: Given) -> tuple[Operation, ...]:
        return (given.operation(kind, socket=socket_of(given, to=to, outward=outward)),)

    return read


def moved(kind: SocketKind, *, outward: bool) -> Reader:
    """Of packets the length that they have, of calls the number of bytes that was asked for."""

    def read(given: Given) -> tuple[Operation, ...]:
        socket = socket_of(given, to=outward, outward=outward)
        return (given.operation(kind, name=_device(given), size=_size(given), socket=socket),)

    return read


def filtered(given: Given) -> tuple[Operation, ...]:
    """A cgroup's filter sees packets of both directions, and says which if it is asked."""
    told = given.number("send", 0)
    outward = told != 0
    kind: SocketKind = "socket" if told is None else "send" if outward else "receive"
    packet: PacketArgument | None = given.first("skb_arg")
    size = packet.len if packet is not None else None
    return (given.operation(kind, size=size, socket=socket_of(given, outward=outward)),)


def changed_state(given: Given) -> tuple[Operation, ...]:
    socket = socket_of(given)
    state = given.number("state", 0)
    kind: SocketKind = "socket"
    if state == _ESTABLISHED:
        kind = "accept" if socket is not None and socket.state == "TCP_SYN_RECV" else "connect"
    elif state == _CLOSE:
        kind = "disconnect"
    elif state == _LISTEN:
        kind = "listen"
    return (given.operation(kind, socket=socket),)


def _device(given: Given) -> str:
    """That a packet leaves by; written as a text, too."""
    device: DeviceArgument | None = given.first("net_dev_arg")
    return device.name if device is not None else given.texts[0] if given.texts else ""


def _size(given: Given) -> int | None:
    packet: PacketArgument | None = given.first("skb_arg")
    if packet is not None:
        return packet.len
    return given.number("size", len(given.numbers) - 1)


# Of one packet: its addresses are in its own order, and its length is its own.
PACKET_HOOKS: Final = frozenset(
    (
        "__cgroup_bpf_run_filter_skb", "__dev_queue_xmit", "dev_hard_start_xmit", "dev_queue_xmit", "ip6_output",
        "ip_mc_output", "ip_output", "ip_send_skb", "kfree_skb", "kfree_skb_reason", "sk_filter_trim_cap",
    )
)  # fmt: skip

SOCKET_HOOKS: Final[dict[str, Reader]] = {
    **hooks(about("connect", to=True), "tcp_connect tcp_v4_connect tcp_v6_connect socket_connect sys_connect"),
    **hooks(about("connect", to=True), "ip4_datagram_connect ip6_datagram_connect unix_stream_connect"),
    **hooks(about("accept"), "inet_csk_accept tcp_create_openreq_child socket_accept sys_accept sys_accept4"),
    **hooks(about("listen"), "inet_csk_listen_start inet_listen socket_listen sys_listen"),
    **hooks(about("bind"), "socket_bind inet_bind inet6_bind sys_bind"),
    **hooks(about("disconnect"), "tcp_close inet_csk_destroy_sock sk_free __sk_free tcp_disconnect"),
    **hooks(about("socket"), "sk_alloc socket_create socket_post_create sys_socket"),
    **hooks(moved("send", outward=True), "tcp_sendmsg tcp_sendmsg_locked udp_sendmsg udpv6_sendmsg socket_sendmsg"),
    **hooks(moved("send", outward=True), "ip_output ip6_output ip_mc_output dev_queue_xmit __dev_queue_xmit"),
    **hooks(moved("send", outward=True), "dev_hard_start_xmit ip_send_skb sys_sendto sys_sendmsg"),
    **hooks(moved("receive", outward=False), "tcp_recvmsg udp_recvmsg udpv6_recvmsg socket_recvmsg"),
    **hooks(moved("receive", outward=False), "tcp_cleanup_rbuf"),  # with what the program has got
    **hooks(moved("receive", outward=False), "sk_filter_trim_cap sys_recvfrom sys_recvmsg"),
    **hooks(filtered, "__cgroup_bpf_run_filter_skb"),
    **hooks(changed_state, "tcp_set_state"),
    **hooks(about("drop"), "kfree_skb_reason kfree_skb"),  # which way it went is not told
}
