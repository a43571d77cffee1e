"""Why a rule does not fire, or fires for what misses it, by the name of its file."""

from collections.abc import Mapping
from typing import Final

_AUDITDS_OWN: Final = "a name that auditd's own rules give"
_NO_PLACE: Final = "documents do not tell which argument a word is"
_NO_NAME: Final = "no event of Tetragon's tells the name of the host that a process connects to"

REASONS: Final[Mapping[str, str]] = {
    "lnx_auditd_clean_disable_dmesg_logs_via_syslog": "an argument of a system call by its number",
    "lnx_auditd_disable_system_firewall": "a record of systemd's, for which Tetragon has no event",
    "lnx_auditd_load_module_insmod": "insmod is a link to kmod: Tetragon tells the path by which a program is run",
    "lnx_auditd_network_service_scanning": _AUDITDS_OWN,
    "lnx_auditd_screencaputre_xwd": _NO_PLACE,
    "lnx_auditd_screencapture_import": _NO_PLACE,
    "lnx_auditd_steghide_embed_steganography": _NO_PLACE,
    "lnx_auditd_susp_c2_commands": _AUDITDS_OWN,
    "net_connection_lnx_back_connect_shell_dev": "a connection to 0.0.0.0: documents leave this address out, as the "
    "kernel tells it of sockets that have no other end",
    "net_connection_lnx_crypto_mining_indicators": _NO_NAME,
    "net_connection_lnx_domain_localtonet_tunnel": _NO_NAME,
    "net_connection_lnx_ngrok_tunnel": _NO_NAME,
    "proc_creation_lnx_remote_access_tools_teamviewer_incoming_connection": "the command line has to tell the path of "
    "the program, which is the first argument: Tetragon does not tell it",
}
