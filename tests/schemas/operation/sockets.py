"""Hooks of sockets: the function, its arguments, the operation."""

from typing import Any, Final

from tests.schemas.operation.told import SOCK

PACKET = (
    '{"skb_arg":{"family":"AF_INET","protocol":"IPPROTO_UDP","saddr":"8.8.8.8","daddr":"10.0.0.1","sport":53,"len":90}}'
)

SOCKET = {
    "local": "10.0.0.1",
    "local_port": 50000,
    "remote": "1.2.3.4",
    "remote_port": 443,
    "family": "AF_INET",
    "type": "SOCK_STREAM",
    "protocol": "IPPROTO_TCP",
    "state": "TCP_SYN_SENT",
    "cookie": 18446612682070104064,
}
RECEIVED = {"family": "AF_INET", "protocol": "IPPROTO_UDP"} | {
    "local": "10.0.0.1",
    "remote": "8.8.8.8",
    "remote_port": 53,
}
ACCEPTED = SOCK.replace("TCP_SYN_SENT", "TCP_SYN_RECV")

SOCKETS: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("tcp_connect", SOCK, {"kind": "connect", "socket": SOCKET}),
    ("tcp_close", SOCK, {"kind": "disconnect", "socket": SOCKET}),
    ("tcp_sendmsg", SOCK + ',{"int_arg":17}', {"kind": "send", "size": 17, "socket": SOCKET}),
    ("tcp_set_state", ACCEPTED + ',{"int_arg":1}', {"kind": "accept", "socket": SOCKET | {"state": "TCP_SYN_RECV"}}),
    ("tcp_set_state", SOCK + ',{"int_arg":1,"label":"state"}', {"kind": "connect", "socket": SOCKET}),
    ("tcp_set_state", SOCK + ',{"int_arg":7}', {"kind": "disconnect", "socket": SOCKET}),
    ("tcp_set_state", SOCK + ',{"int_arg":4}', {"kind": "socket", "socket": SOCKET}),
    (
        "security_socket_connect",
        '{"sockaddr_arg":{"family":"AF_INET6","addr":"::ffff:1.2.3.4","port":80}},{"int_arg":28}',
        {"kind": "connect", "socket": {"family": "AF_INET6", "remote": "1.2.3.4", "remote_port": 80}},
    ),
    (
        "security_socket_connect",
        '{"sockaddrun_arg":{"family":"AF_UNIX","path":"/run/docker.sock"}}',
        {"kind": "connect", "socket": {"family": "AF_UNIX", "path": "/run/docker.sock"}},
    ),
    (
        "security_socket_bind",
        '{"sockaddr_arg":{"family":"AF_INET","addr":"0.0.0.0","port":4444}}',
        {"kind": "bind", "socket": {"family": "AF_INET", "local": "0.0.0.0", "local_port": 4444}},
    ),
    (
        "udp_sendmsg",
        '{"sock_arg":{"family":"AF_INET","saddr":"10.0.0.1","daddr":"0.0.0.0","sport":9}}',
        {"kind": "send", "socket": {"family": "AF_INET", "local": "10.0.0.1", "local_port": 9}},
    ),
    (
        "__x64_sys_connect",
        '{"int_arg":3},{"sock_arg":{"family":"26977","saddr":"<nil>","daddr":"<nil>","sport":29806,"state":"110"}}',
        {"kind": "connect", "socket": {"family": "26977", "state": "110"}},
    ),
    (
        "kfree_skb_reason",
        PACKET + ',{"int_arg":5,"label":"reason"}',
        {
            "kind": "drop",
            "socket": {
                "family": "AF_INET",
                "protocol": "IPPROTO_UDP",
                "local": "8.8.8.8",
                "local_port": 53,
                "remote": "10.0.0.1",
            },
        },
    ),
    ("sk_filter_trim_cap", PACKET, {"kind": "receive", "size": 90, "socket": RECEIVED}),
    ("__cgroup_bpf_run_filter_skb", PACKET + ',{"int_arg":0}', {"kind": "receive", "size": 90, "socket": RECEIVED}),
    (
        "__cgroup_bpf_run_filter_skb",
        SOCK + "," + PACKET + ',{"int_arg":1,"label":"send"}',
        {
            "kind": "send",
            "size": 90,
            "socket": {
                "family": "AF_INET",
                "protocol": "IPPROTO_UDP",
                "local": "8.8.8.8",
                "local_port": 53,
                "remote": "10.0.0.1",
                "type": "SOCK_STREAM",
                "state": "TCP_SYN_SENT",
                "cookie": 18446612682070104064,
            },
        },
    ),
]
