"""Why a rule does not fire, or fires for what misses it, by the name of its file."""

from collections.abc import Mapping
from typing import Final

_NO_NAME: Final = "no event of Tetragon's tells the name of the host that a process connects to"

REASONS: Final[Mapping[str, str]] = {
    "net_connection_lnx_back_connect_shell_dev": "a connection to 0.0.0.0: documents leave this address out, as the "
    "kernel tells it of sockets that have no other end",
    "net_connection_lnx_crypto_mining_indicators": _NO_NAME,
    "net_connection_lnx_domain_localtonet_tunnel": _NO_NAME,
    "net_connection_lnx_ngrok_tunnel": _NO_NAME,
    "proc_creation_lnx_remote_access_tools_teamviewer_incoming_connection": "the command line has to tell the path of "
    "the program, which is the first argument: Tetragon does not tell it",
}
