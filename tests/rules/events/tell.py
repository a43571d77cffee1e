"""A deed as Tetragon writes it: the lines of a node's log."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from examples import activities, hooks
from examples.events import Process
from examples.node import Node
from tests.rules.events.deed import Category, Deed

PIDS: Final = range(2_000, 30_000)


class Told(NamedTuple):
    """`about` are the places in `lines` of what the rule is to fire for, be it that it meets it."""

    lines: list[bytes]
    about: frozenset[int]


class Teller:
    """A machine on which one deed is done after another."""

    def __init__(self, seed: int = 1) -> None:
        self._node = Node(seed, 1, pids=PIDS)
        activities.boot(self._node)
        session = self._node.clone(self._node.services["/usr/sbin/sshd"], "/usr/sbin/sshd", "-D", "-R")
        self._shell = self._node.clone(session, "/bin/bash", "--login", uid=0, auid=1000, cwd="/root")
        self.before = [line for _, line in self._node.taken()]  # what runs already

    @property
    def name(self) -> str:
        return self._node.name

    def tell(self, category: Category, deed: Deed) -> Told:
        lines: list[bytes] = []
        about: set[int] = set()
        for is_about in self._steps(category, deed):
            taken = [line for _, line in self._node.taken()]
            if is_about:
                about |= set(range(len(lines), len(lines) + len(taken)))
            lines += taken
        return Told(lines, frozenset(about))

    def _steps(self, category: Category, deed: Deed) -> Iterator[bool]:
        """After each, whether what was just written is what a rule of the category is about."""
        node = self._node
        parent = self._parent(deed)
        started = parent
        yield False
        if deed.in_place:
            started = node.clone(parent, "/usr/local/bin/launch")
            yield False
        run = node.exec if deed.in_place else node.clone
        command = deed.command
        process = run(
            started,
            command.binary,
            *command.arguments,
            uid=deed.uid,
            cwd=deed.cwd,
            is_setuid=deed.uid != deed.real_uid,
        )
        yield category == "process_creation" or (category == "auditd" and not deed.path and not deed.syscall)
        if category == "auditd" and deed.path:
            hooks.create(node, process, deed.path)
            yield True
        elif category == "auditd" and deed.syscall:
            body = {"function_name": f"__x64_sys_{deed.syscall}", "args": [{"int_arg": 0}], "action": hooks.POST}
            node.report("process_kprobe", process, {**body, "policy_name": "syscalls"})
            yield True
        elif category == "file_event":
            hooks.read(node, process, deed.path)
            yield False
            hooks.create(node, process, deed.path)
            hooks.write(node, process, deed.path)
            yield True
            hooks.chmod(node, process, deed.path, 0o600)
            hooks.unlink(node, process, deed.path)
        elif category == "network_connection":
            if deed.inward:
                hooks.accept(node, process, deed.port, deed.address)
            else:
                self._connect(process, deed)
            yield True
        node.exit(process)
        if parent is not self._shell:
            node.exit(parent)
        yield False

    def _parent(self, deed: Deed) -> Process:
        parent = deed.parent
        if parent.binary == self._shell.binary and parent.line == "bash --login" and deed.real_uid == 0:
            return self._shell
        return self._node.clone(self._shell, parent.binary, *parent.arguments, uid=deed.real_uid)

    def _connect(self, process: Process, deed: Deed) -> None:
        address = deed.address
        family = "AF_INET6" if ":" in address else "AF_INET"
        if ip_address(address).is_unspecified:
            # The kernel has made this host's own address of it when it comes to tcp_connect.
            function = "security_socket_connect"
            argument: dict[str, Any] = {"sockaddr_arg": {"family": family, "addr": address, "port": deed.port}}
        else:
            function = "tcp_connect"
            sock = {
                "family": family,
                "type": "SOCK_STREAM",
                "protocol": "IPPROTO_TCP",
                "saddr": "2001:db8::7" if family == "AF_INET6" else hooks.address(self._node, process),
                "daddr": address,
                "sport": 40_404,
                "dport": deed.port,
                "cookie": 0xFFFF_8880_1234_5600,
                "state": "TCP_SYN_SENT",
            }
            argument = {"sock_arg": sock}
        body = {"function_name": function, "args": [argument], "action": hooks.POST, "policy_name": "connect"}
        self._node.report("process_kprobe", process, body)
