"""How many ports and hosts one process connects to within a minute: many are a scan.

Both are counted as bits of a word, so that it does not matter how many there are. Two that share a bit count as one,
and a process that shares its place with another one may begin anew: there are never fewer than are told.
"""

from collections.abc import MutableMapping
from typing import Any, Final, Literal
from zlib import crc32

from schemas.operation.shape import Socket
from schemas.times import SECOND

WINDOW: Final = 60 * SECOND
PLACES: Final = 256  # for processes of one node

_BITS: Final = 1024
_EPHEMERAL: Final = 32_768  # from here on programs that work together choose ports for themselves


def spread(
    socket: Socket,
    exec_id: str,
    time: int,
    most_ports: int,
    most_hosts: int,
    node: str,
    memory: MutableMapping[str, Any],
) -> Literal["", "hosts", "ports"]:
    """What became too many by a new connection, once a window; a limit of 0 is none."""
    place = f"{node}:spread:{crc32(exec_id.encode()) % PLACES}"
    note = memory.get(place)
    if note is None or note[0] != exec_id or not 0 <= time - note[1] < WINDOW:
        note = [exec_id, time, "0", "0", ""]
    ports, hosts, told = int(note[2], 16), int(note[3], 16), note[4]
    new_ports, new_hosts = ports, hosts | 1 << (crc32(socket.remote.encode()) % _BITS)
    if socket.remote_port is not None and socket.remote_port < _EPHEMERAL:
        new_ports |= 1 << (socket.remote_port % _BITS)
    if (new_ports, new_hosts) == (ports, hosts):
        return ""
    found: Literal["", "hosts", "ports"] = ""
    if not told:
        if most_ports and new_ports.bit_count() > most_ports:
            found = "ports"
        elif most_hosts and new_hosts.bit_count() > most_hosts:
            found = "hosts"
    memory[place] = [exec_id, note[1], f"{new_ports:x}", f"{new_hosts:x}", told or found]
    return found
