"""Every hook of sockets is known for what it does."""

from typing import Final

import pytest

from schemas.operation.socket_hooks import SOCKET_HOOKS
from tests.schemas.operation.told import SOCK, kprobe

HOOKS: Final = {
    "accept": "inet_csk_accept socket_accept sys_accept sys_accept4 tcp_create_openreq_child",
    "bind": "inet6_bind inet_bind socket_bind sys_bind",
    "connect": "ip4_datagram_connect ip6_datagram_connect socket_connect sys_connect tcp_connect tcp_v4_connect "
    "tcp_v6_connect unix_stream_connect",
    "disconnect": "__sk_free inet_csk_destroy_sock sk_free tcp_close tcp_disconnect",
    "drop": "kfree_skb kfree_skb_reason",
    "listen": "inet_csk_listen_start inet_listen socket_listen sys_listen",
    "receive": "sk_filter_trim_cap socket_recvmsg sys_recvfrom sys_recvmsg tcp_cleanup_rbuf tcp_recvmsg udp_recvmsg "
    "udpv6_recvmsg",
    "send": "__dev_queue_xmit dev_hard_start_xmit dev_queue_xmit ip6_output ip_mc_output ip_output ip_send_skb "
    "socket_sendmsg sys_sendmsg sys_sendto tcp_sendmsg tcp_sendmsg_locked udp_sendmsg udpv6_sendmsg",
    "socket": "__cgroup_bpf_run_filter_skb sk_alloc socket_create socket_post_create sys_socket tcp_set_state",
}
EACH: Final = [(hook, kind) for kind, hooks in HOOKS.items() for hook in hooks.split()]


def test_none_is_missing_here() -> None:
    assert {hook for hook, _ in EACH} == set(SOCKET_HOOKS)


@pytest.mark.parametrize(("hook", "kind"), EACH)
def test_a_hook_is_known_for_what_it_does(hook: str, kind: str) -> None:
    [found] = kprobe(hook, SOCK)

    assert (found["kind"], found["socket"]["local"], found["socket"]["remote"]) == (kind, "10.0.0.1", "1.2.3.4")


@pytest.mark.parametrize(
    ("hook", "ends"), [("security_socket_connect", ("10.0.0.1", "9.9.9.9")), ("security_socket_bind", ("9.9.9.9", ""))]
)
def test_an_address_beside_a_socket_is_the_end_that_the_hook_is_about(hook: str, ends: tuple[str, str]) -> None:
    sock = '{"sock_arg":{"family":"AF_INET","saddr":"10.0.0.1","sport":7,"cookie":"5"}}'
    [found] = kprobe(hook, sock + ',{"sockaddr_arg":{"family":"AF_INET","addr":"9.9.9.9","port":53}}')

    assert (found["socket"]["local"], found["socket"].get("remote", "")) == ends
    assert found["socket"]["cookie"] == 5


@pytest.mark.parametrize(("hook", "kind"), [each for each in EACH if each[1] in ("send", "receive")])
def test_a_packet_is_this_ends_by_the_way_it_goes(hook: str, kind: str) -> None:
    [found] = kprobe(hook, '{"skb_arg":{"saddr":"10.0.0.1","daddr":"1.2.3.4","sport":5,"dport":53,"len":70}}')
    ends = (found["socket"]["local"], found["socket"]["local_port"], found["socket"]["remote"])

    assert ends == (("10.0.0.1", 5, "1.2.3.4") if kind == "send" else ("1.2.3.4", 53, "10.0.0.1"))
    assert found["size"] == 70
