"""Ports on loopback for servers that tests kill and start again."""

import random
import socket
from itertools import islice
from pathlib import Path
from typing import Final

from app.errors import Stop

HOST: Final = "127.0.0.1"
_LOWEST: Final = 10_240


def free_ports(count: int) -> list[int]:
    """Below the range that outgoing connections use; nobody else is given them while this process lives.

    A client that tries to reach a dead server on a port *within* that range may be given this very port as its own, and
    so connect to itself; the server could then not come back.
    """
    ports = random.sample(range(_LOWEST, _first_ephemeral()), 200)
    free = list(islice((port for port in ports if _claim(port)), count))
    if len(free) < count:
        raise Stop(f"No {count} free ports were found on {HOST} between {_LOWEST} and {_first_ephemeral()}; free some.")
    return free


def require_free(port: int, purpose: str) -> None:
    if not _is_free(port):
        raise Stop(
            f"Port {port} on {HOST} is taken. Expected it to be free for {purpose}; end what listens there "
            f"(`ss -ltnp 'sport = :{port}'` names it)."
        )


def _claim(port: int) -> bool:
    """A port is free until its server runs, and again while that is dead: another run on this machine might take it."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0tetrastash port {port}")  # an abstract address: no file, and gone with the process
    except OSError:
        claim.close()
        return False
    if not _is_free(port):
        claim.close()
        return False
    claim.detach()  # stays open
    return True


def _first_ephemeral() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        first = 32_768
    return first if first >= _LOWEST + 1_000 else 65_536


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
