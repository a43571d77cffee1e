"""Whom a process talks to: which end began, how long and how much, where the other end is, and what is odd about that.

A connection is remembered from its beginning to its end, by its socket and its ends; so all its events have the same
source and destination, and its close has `event.duration` and the bytes that were seen. `tetragon.network` has

- `zone` where the other end is: loopback, internal, external, and as a file network.yaml in the folder of your agents
  says, pod, service or node;
- `service` what the server's port is known for, which is a guess;
- `since` the operation from which the connection is known, and `opened_by` the entity_id of who did that, where it was
  another process.
"""

from typing import Any, Final
from zlib import crc32

from agents import FINDINGS, HOUR, Fields, Function, Memory, agent
from schemas.actor import actor_of
from schemas.finding import Finding
from schemas.lineage import Lineage
from schemas.net.amounts import sum_of
from schemas.net.flows import Flow, Step, follow
from schemas.net.knowledge import Knowledge, Site, knowledge, read_site
from schemas.net.sides import DIRECTIONS, sides
from schemas.net.spread import spread
from schemas.net.suspicions import may_hand_over, of_egress, of_handing_over, of_listening, of_spread
from schemas.net.transport import transport_of
from schemas.net.zones import EXTERNAL
from schemas.operation import Operation, Socket, operations
from schemas.operation.socket_events import SOCKET_EVENTS, bytes_told
from schemas.operation.socket_hooks import PACKET_HOOKS
from schemas.programs import SHELLS
from schemas.shells import awaits_commands
from schemas.tetragon import Event, ProcessExec

_TALKING: Final = 64  # interpreters of one node that talk to the world and are remembered
_NOTHING: Final[Fields] = {}
_NO_STEP: Final = Step(None, is_first=False)


def watching(known: Knowledge) -> Function:
    def network(event: Event, lineage: Lineage, memory: Memory) -> Fields:
        if type(event.body) is ProcessExec:
            return _executed(known, lineage, memory) if lineage.process.name in SHELLS else _NOTHING
        found = operations(event)
        if not found or found[0].socket is None:
            return _NOTHING
        operation, socket = found[0], found[0].socket
        transport = transport_of(socket, operation.hook)
        process = lineage.process
        step = _NO_STEP
        if operation.hook not in PACKET_HOOKS:
            step = follow(operation, socket, transport, process.node, process.exec_id, event.time or 0, memory)
        itself = DIRECTIONS.get(operation.kind, "")
        direction = step.flow.direction if step.flow is not None else itself
        fields = _fields(event, operation, socket, step.flow, direction, itself)
        told = _told(known, operation, socket, transport, step.flow, direction, process.exec_id)
        if told:
            fields["tetragon.network"] = told
        findings = _findings(known, event, operation, socket, transport, step, lineage, memory)
        if findings:
            fields[FINDINGS] = findings
        return fields

    return network


def _executed(known: Knowledge, lineage: Lineage, memory: Memory) -> Fields:
    """Of a shell that waits for commands: who started it, or what it was before, may do so for somebody else."""
    process = lineage.process
    maker = lineage.previous[-1] if lineage.previous else lineage.parent
    if maker is None or not awaits_commands(process.binary, process.arguments):
        return _NOTHING
    talk = memory.get(_talk(maker.exec_id))
    if talk is None or talk[0] != maker.exec_id or talk[2] in known.disabled:
        return _NOTHING
    return {FINDINGS: [of_handing_over(process, maker.name, talk[1], talk[2])]}


def _talk(exec_id: str) -> str:
    return f"talk{crc32(exec_id.encode()) % _TALKING}"


def _fields(
    event: Event, operation: Operation, socket: Socket, flow: Flow | None, direction: str, itself: str
) -> dict[str, Any]:
    """What the event alone does not tell of its flow. `itself` is the direction that it tells."""
    is_end = operation.kind == "disconnect"
    sent, received = bytes_told(event) if is_end else (None, None)
    if flow is not None and is_end:
        sent = flow.sent or None if sent is None else sent
        received = flow.received or None if received is None else received
    fields: dict[str, Any] = {}
    counted = sent is not None or received is not None
    if direction != itself or counted:
        source, destination = sides(socket, direction)
        here, there = (destination, source) if direction == "ingress" else (source, destination)
        if sent is not None:
            here["bytes"] = sent
        if received is not None:
            there["bytes"] = received
        if source:
            fields["source"] = source
        if destination:
            fields["destination"] = destination
        if direction:
            fields["network.direction"] = direction
        if counted:
            fields["network.bytes"] = sum_of(sent or 0, received or 0)
    if is_end and flow is not None and flow.is_whole and event.time is not None and 0 < flow.start <= event.time:
        fields["event.duration"] = event.time - flow.start
    return fields


def _told(
    known: Knowledge,
    operation: Operation,
    socket: Socket,
    transport: str,
    flow: Flow | None,
    direction: str,
    exec_id: str,
) -> dict[str, Any]:
    told: dict[str, Any] = {}
    zone = known.zone_of(socket.remote)
    if zone is not None:
        told["zone"] = zone
    ports = (
        (socket.local_port, socket.remote_port) if direction == "ingress" else (socket.remote_port, socket.local_port)
    )
    for port in ports[: 1 if flow is not None or operation.kind == "listen" else 2]:
        service = known.services.get((transport or "tcp", port)) if port is not None else None
        if service is not None:
            told["service"] = service
            break
    if flow is not None:
        told["since"] = flow.since
        if flow.by and flow.by != exec_id:
            told["opened_by"] = flow.by
    return told


def _findings(
    known: Knowledge,
    event: Event,
    operation: Operation,
    socket: Socket,
    transport: str,
    step: Step,
    lineage: Lineage,
    memory: Memory,
) -> list[Finding]:
    found: list[Finding] = []
    process = lineage.process
    if operation.kind == "listen":
        found += of_listening(socket, known.zone_of(socket.local), process)
        if may_hand_over(process):
            memory[_talk(process.exec_id)] = [process.exec_id, "listens", "network.bind_shell"]
    elif step.is_first and operation.kind in ("connect", "send"):
        zone = known.zone_of(socket.remote)
        assert event.process is not None
        installing = actor_of(event.process, lineage).packaging
        found += of_egress(socket, transport, zone, lineage, installing=installing)
        if zone == EXTERNAL and not installing and may_hand_over(process):
            what = f"connects to {socket.remote}"
            memory[_talk(process.exec_id)] = [process.exec_id, what, "network.reverse_shell"]
        if operation.kind == "connect" and zone not in ("loopback", None):
            limits = (known.most_ports, known.most_hosts)
            many = spread(socket, process.exec_id, event.time or 0, *limits, process.node, memory)
            if many:
                found.append(of_spread(many, process))
    return [each for each in found if each.rule not in known.disabled]


def changed(text: bytes, file: str) -> Function:
    """With what a user's file knows of the site. Raises ValueError, naming the lines."""
    return watching(read_site(text, file))


network = agent(
    events={"process_exec", "process_kprobe", "process_lsm", "process_tracepoint", *SOCKET_EVENTS},
    adds={"destination", "event.duration", "network", "source", "tetragon.network", FINDINGS},
    ttl=HOUR,
    configure=changed,
)(watching(knowledge(Site())))
