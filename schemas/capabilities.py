"""Capabilities of Linux by their numbers."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

# In the kernel's order, spelled as the kernel, ECS and rules spell them.
CAPABILITIES: Final = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)


@lru_cache(maxsize=1024)
def capabilities_of(mask: str) -> Sequence[str]:
    """The names of a mask in hexadecimal digits; a bit without a name has its number. None of what is no mask."""
    try:
        bits = int(mask, 16)
    except ValueError:
        return ()
    return names_of(bits) if bits >= 0 else ()


def names_of(bits: int) -> Sequence[str]:
    return tuple(_name(bit) for bit in range(64) if bits >> bit & 1)


def _name(bit: int) -> str:
    return CAPABILITIES[bit] if bit < len(CAPABILITIES) else str(bit)
