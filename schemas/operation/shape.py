"""What an operation is; `reading` makes them of events."""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from schemas.tetragon import Credentials, UserNamespace

FileKind: TypeAlias = Literal[
    "access", "chdir", "chmod", "chown", "chroot", "close", "create", "execute", "link", "mkdir", "mmap_exec", "open",
    "read", "removexattr", "rename", "rmdir", "setattr", "setxattr", "splice", "symlink", "truncate", "unlink",
    "utimes", "write",
]  # fmt: skip
SocketKind: TypeAlias = Literal[
    "accept", "bind", "connect", "disconnect", "dns", "drop", "listen", "receive", "send", "socket"
]  # fmt: skip
PrivilegeKind: TypeAlias = Literal["capable", "credentials", "setcap", "setgid", "setns", "setuid", "unshare"]
OtherKind: TypeAlias = Literal[
    "bpf", "module", "module_load", "module_request", "module_unload", "mount", "perf_event", "pivot_root", "ptrace",
    "signal", "syscall", "umount", "vm_write",
]  # fmt: skip
Kind: TypeAlias = FileKind | SocketKind | PrivilegeKind | OtherKind

O_WRONLY: Final = 0x1
O_RDWR: Final = 0x2
O_CREAT: Final = 0x40
O_TRUNC: Final = 0x200
O_APPEND: Final = 0x400
O_TMPFILE: Final = 0x41_0000  # of a file without a name in the directory that is opened
_O_WRITES: Final = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND

_EINPROGRESS: Final = 115
_MOST_ERRNO: Final = 4095  # a function that returns a pointer returns something below -4095

CLONE_NEWUSER: Final = 0x1000_0000

_CHANGING: Final = frozenset(
    ("chmod", "chown", "create", "link", "mkdir", "removexattr", "rename", "rmdir", "setattr", "setxattr", "symlink",
     "truncate", "unlink", "utimes", "write")
)  # fmt: skip


class _Part(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    pass


class Socket(_Part, frozen=True):
    """Both ends, as the node sees them. An address is one that `ipaddress` reads, v4 never mapped into v6, or empty."""

    local: str = ""
    local_port: int | None = None
    remote: str = ""
    remote_port: int | None = None
    family: str = ""  # AF_INET, a number where Tetragon knows no name
    type: str = ""  # SOCK_STREAM
    protocol: str = ""  # IPPROTO_TCP
    state: str = ""  # TCP_SYN_SENT
    cookie: int | None = None  # the same from connect to close
    path: str = ""  # of a unix socket; an abstract one begins with @


class Ids(_Part, frozen=True):
    """What a call asked for, of users or of groups. None: not told, or left as it is."""

    real: int | None = None
    effective: int | None = None
    saved: int | None = None
    fs: int | None = None


class CapabilitySets(_Part, frozen=True):
    """CAP_* names; None: not told."""

    permitted: Sequence[str] | None = None
    effective: Sequence[str] | None = None
    inheritable: Sequence[str] | None = None


class Module(_Part, frozen=True):
    name: str = ""
    signature_ok: bool | None = None
    tainted: Sequence[str] = ()


class Bpf(_Part, frozen=True):
    """A program, a map, or a command."""

    program: str = ""
    program_type: str = ""
    instructions: int | None = None
    map: str = ""
    map_type: str = ""
    command: str = ""


class Operation(_Part, frozen=True, eq=False):
    """What an event did, or tried to. A hook mostly comes before the kernel has decided.

    `path` and `target` are in the order of the system call: of rename, link and symlink (which points to `path`)
    `target` is the new name, of mount `path` is what is mounted and `target` where, of pivot_root `path` is the new
    root. Empty: not told.

    It is hashed by identity, so that what is made of it can be cached: the same arguments give the same object.
    """

    kind: Kind
    hook: str  # the kernel's function without its architecture; of LSM's without security_
    path: str = ""
    target: str = ""
    relative: bool = False  # a path was, to the cwd that the process started with (joined) or to a descriptor (not)
    absolute: Literal["", "path", "target"] = ""  # the end that was not, where the other was relative
    truncated: bool = False  # the beginning of a path is missing
    permission: str = ""  # of the file as it was, like -rw-r--r--
    # Of open O_*, of access, read and write MAY_*, of mmap PROT_*, of setns and unshare CLONE_NEW*, of mount MS_*.
    flags: int | None = None
    mode: int | None = None  # permission bits that are asked for
    user: int | None = None  # of chown
    group: int | None = None
    size: int | None = None  # bytes that were asked for
    # xattr, file system type of mount, module that is asked for, capability, network device, name that DNS is asked
    # for; of a device that is made its kind and number, like `block 8:0`
    name: str = ""
    socket: Socket | None = None
    ids: Ids | None = None  # of setuid and setgid
    credentials: Credentials | None = None  # the new ones
    capabilities: CapabilitySets | None = None  # of setcap the new ones
    namespace: UserNamespace | None = None
    namespaces: Sequence[str] = ()  # of setns and unshare, named as in Namespaces
    module: Module | None = None
    bpf: Bpf | None = None
    request: int | None = None  # of ptrace; of a signal its number; of a system call its number
    pid: int | None = None  # of whom ptrace, a signal, a write of memory is about
    returned: int | None = None
    denied: bool = False  # Tetragon killed the process, or made the call fail

    @property
    def under_way(self) -> bool:
        """A connection that does not wait for its peer: whether there is one shows later."""
        return self.kind == "connect" and self.returned == -_EINPROGRESS and not self.denied

    @property
    def failed(self) -> bool:
        returned = self.returned
        if self.denied or returned is None or returned >= 0:
            return self.denied
        return returned >= -_MOST_ERRNO and not self.under_way

    @property
    def changes_file(self) -> bool:
        """It changes a file, its name or what is known of it, or it opens one to do so."""
        if self.kind == "open":
            flags = self.flags or 0
            return bool(flags & _O_WRITES) and flags & O_TMPFILE != O_TMPFILE
        return self.kind in _CHANGING
