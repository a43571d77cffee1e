"""What a process may do: its ids, capabilities and namespaces, in a form that is short, shared and easy to compare.

Thousands of processes have few different rights. So an execution remembers them as one text that it shares with others;
two executions have the same rights if their texts are equal, and what is made of a text is made once.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from schemas.capabilities import CAPABILITIES
from schemas.tetragon import Capabilities, Credentials, Namespaces, Process, decode_part

IDS: Final = ("uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid")  # as Credentials names them
# Not those for children to come, which are no right of the process itself.
NAMESPACES: Final = ("mnt", "pid", "net", "user", "uts", "ipc", "cgroup", "time")

_BITS: Final = {name: 1 << bit for bit, name in enumerate(CAPABILITIES)} | {"DAC_OVERRIDE": 1 << 1}


class Rights(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """This is stored in checkpoints, by position: a new member comes last, and needs a default."""

    ids: tuple[int | None, ...] = ()  # in the order of IDS; empty if unknown
    permitted: int | None = None  # bit n is capability n
    effective: int | None = None
    namespaces: tuple[int, ...] = ()  # inode numbers in the order of NAMESPACES, 0 if unknown; empty if all are
    host: int = 0  # bit n: NAMESPACES[n] is the host's
    level: int | None = None  # of the user namespace that the capabilities count in; 0 is the host's
    securebits: tuple[str, ...] | None = None  # how much root's number counts; None if unknown


UNKNOWN: Final = ""


def rights_of(process: Process) -> str:
    """UNKNOWN without Tetragon's flags --enable-process-cred and --enable-process-ns."""
    cap, ns, credentials = process.raw_cap, process.raw_ns, process.raw_credentials
    if not cap and not ns and not credentials:
        return UNKNOWN
    return _text(bytes(cap), bytes(ns), bytes(credentials))


def raised_by_file(process: Process) -> bool:
    """The binary's set-id bits or capabilities gave the process rights. Told with --enable-process-cred."""
    held = process.binary_properties
    return held is not None and (held.setuid is not None or held.setgid is not None or bool(held.privileges_changed))


def text_of(rights: Rights) -> str:
    return msgspec.json.encode(rights).decode()


@lru_cache(maxsize=4096)
def read(text: str) -> Rights:
    return msgspec.json.decode(text, type=Rights) if text else Rights()


def mask_of(names: Sequence[str]) -> int:
    """A capability that has no name yet has its number, as Tetragon and protobuf write it."""
    mask = 0
    for name in names:
        mask |= _BITS.get(name) or (1 << int(name) if name.isdecimal() and int(name) < 64 else 0)
    return mask


# Each of them is as good as root, on the host too.
LIKE_ROOT: Final = mask_of(
    ["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE", "CAP_SYS_BOOT", "CAP_SYSLOG",
     "CAP_DAC_READ_SEARCH", "CAP_NET_ADMIN", "CAP_BPF"]
)  # fmt: skip


_USER: Final = NAMESPACES.index("user")


def depth(rights: Rights) -> int | None:
    """Of the user namespace that the capabilities count in: 0 is the host's; None if that is not known.

    Credentials of an execution do not tell it; its namespaces tell whether it is the host's.
    """
    if rights.level is not None:
        return rights.level
    if not rights.namespaces or not rights.namespaces[_USER]:
        return None
    return 0 if rights.host & 1 << _USER else 1


def may_as_root(rights: Rights) -> bool:
    """On the host: in a user namespace of its own a container may what it likes."""
    return bool((rights.permitted or 0) & LIKE_ROOT) and not depth(rights)


def with_credentials(rights: Rights, credentials: Credentials) -> Rights:
    ids = tuple(getattr(credentials, name) for name in IDS)
    if any(number is not None for number in ids):
        rights = msgspec.structs.replace(rights, ids=ids, securebits=tuple(credentials.securebits))
    if credentials.caps is not None:
        rights = _with_capabilities(rights, credentials.caps)
    if credentials.user_ns is not None and credentials.user_ns.level is not None:
        rights = msgspec.structs.replace(rights, level=credentials.user_ns.level)
    return rights


@lru_cache(maxsize=4096)
def _text(cap: bytes, ns: bytes, credentials: bytes) -> str:
    rights = Rights()
    held = decode_part(Credentials, credentials)[0] if credentials else None
    if held is not None:
        rights = with_credentials(rights, held)
    own = decode_part(Capabilities, cap)[0] if cap else None
    if own is not None:
        rights = _with_capabilities(rights, own)
    spaces = decode_part(Namespaces, ns)[0] if ns else None
    if spaces is not None:
        rights = _with_namespaces(rights, spaces)
    return text_of(rights) if rights != Rights() else UNKNOWN


def _with_capabilities(rights: Rights, held: Capabilities) -> Rights:
    return msgspec.structs.replace(rights, permitted=mask_of(held.permitted), effective=mask_of(held.effective))


def _with_namespaces(rights: Rights, held: Namespaces) -> Rights:
    spaces = [getattr(held, name) for name in NAMESPACES]
    numbers = tuple(each.inum if each is not None else 0 for each in spaces)
    host = sum(1 << place for place, each in enumerate(spaces) if each is not None and each.is_host)
    return msgspec.structs.replace(rights, namespaces=numbers, host=host) if any(numbers) else rights
