"""The arguments of a hook: one object each, whose member says its type.

`args` holds what the policy asked for, in the policy's order and not the kernel's: an argument is known by its member
and, where the policy gave one, its label. An argument of another shape than it should have is left out; all of them
stay in the document as they are.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw, field

from schemas.lenient import Other, decode_leniently
from schemas.tetragon import Capabilities, Count, Credentials, Namespace, UInt32, UserNamespace

_SIGN: Final = 1 << 63  # a negative number in an unsigned member lies above it
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # args is only skimmed with its line


class _Part(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    pass


class PathArgument(_Part, frozen=True):
    """`path` is as the process sees it, of a dentry only as its mount has it."""

    mount: str = ""
    path: str = ""
    flags: str = ""  # unresolvedPathComponents: its beginning is cut off
    permission: str = ""  # like -rw-r--r--


class SockArgument(_Part, frozen=True):
    family: str = ""
    type: str = ""
    protocol: str = ""
    saddr: str = ""  # the local end
    daddr: str = ""
    sport: UInt32 = 0
    dport: UInt32 = 0
    cookie: int | None = None
    state: str = ""


class PacketArgument(_Part, frozen=True):
    family: str = ""
    protocol: str = ""
    saddr: str = ""  # of the packet, whichever way it goes
    daddr: str = ""
    sport: UInt32 = 0
    dport: UInt32 = 0
    len: UInt32 | None = None


class AddressArgument(_Part, frozen=True):
    family: str = ""
    addr: str = ""
    port: UInt32 = 0


class UnixAddressArgument(_Part, frozen=True):
    path: str = ""  # an abstract one begins with @


class DeviceArgument(_Part, frozen=True):
    name: str = ""


class TruncatedArgument(_Part, frozen=True):
    """Of bytes that were too many, how many there were."""

    orig_size: Count | None = None


class ErrorArgument(_Part, frozen=True):
    """It has the place of an argument that could not be read."""

    message: str = field(default="", name="Message")


class OldUserNamespace(_Part, frozen=True):
    """Up to Tetragon 0.10."""

    level: UInt32 | None = None
    owner: UInt32 | None = None
    group: UInt32 | None = None
    ns: Namespace | None = None


class CapabilityArgument(_Part, frozen=True):
    value: int | None = None
    name: str = ""


class ModuleArgument(_Part, frozen=True):
    name: str = ""
    signature_ok: bool | None = None
    tainted: Sequence[str] = ()


class ProgramArgument(_Part, frozen=True):
    type: str = field(default="", name="ProgType")
    instructions: UInt32 | None = field(default=None, name="InsnCnt")
    name: str = field(default="", name="ProgName")


class MapArgument(_Part, frozen=True):
    type: str = field(default="", name="MapType")
    key_size: UInt32 | None = field(default=None, name="KeySize")
    value_size: UInt32 | None = field(default=None, name="ValueSize")
    max_entries: UInt32 | None = field(default=None, name="MaxEntries")
    name: str = field(default="", name="MapName")


class PerfArgument(_Part, frozen=True):
    function: str = field(default="", name="KprobeFunc")
    type: str = field(default="", name="Type")


class SyscallArgument(_Part, frozen=True):
    id: int | None = None
    abi: str = ""


class Argument(_Part, frozen=True):
    string_arg: str | None = None
    int_arg: int | None = None
    uint_arg: int | None = None
    size_arg: int | None = None
    long_arg: int | None = None
    # A bare text is nothing that Tetragon writes, but lines in the wild have it.
    file_arg: PathArgument | str | None = None
    path_arg: PathArgument | str | None = None
    linux_binprm_arg: PathArgument | str | None = None
    sock_arg: SockArgument | None = None
    skb_arg: PacketArgument | None = None
    sockaddr_arg: AddressArgument | None = None
    sockaddrun_arg: UnixAddressArgument | None = None
    process_credentials_arg: Credentials | None = None
    cred_arg: Capabilities | None = None  # up to Tetragon 0.10
    user_ns_arg: UserNamespace | None = None
    user_namespace_arg: OldUserNamespace | None = None
    capability_arg: CapabilityArgument | None = None
    kernel_cap_t_arg: str | None = None  # 16 hexadecimal digits, like the three below
    cap_inheritable_arg: str | None = None
    cap_permitted_arg: str | None = None
    cap_effective_arg: str | None = None
    module_arg: ModuleArgument | None = None
    bpf_attr_arg: ProgramArgument | None = None
    bpf_prog_arg: ProgramArgument | None = None
    bpf_map_arg: MapArgument | None = None
    bpf_cmd_arg: str | None = None
    perf_event_arg: PerfArgument | None = None
    syscall_id: SyscallArgument | None = None
    net_dev_arg: DeviceArgument | None = None
    truncated_bytes_arg: TruncatedArgument | None = None
    error_arg: ErrorArgument | None = None
    label: str = ""


_ARGUMENTS: Final = msgspec.json.Decoder(list[Argument], strict=False)
_ARGUMENT: Final = msgspec.json.Decoder(Argument, strict=False)
_ELEMENTS: Final = msgspec.json.Decoder(list[Raw])
_NOTHING: Final = Argument()


def decode_arguments(raw: bytes) -> Sequence[Argument]:
    """Every argument keeps its place; one that cannot be read is empty."""
    if not raw:
        return ()
    try:
        return _ARGUMENTS.decode(raw)
    except _UNREADABLE:
        pass
    other: Other = {}
    try:
        return [decode_leniently(each, Argument, "", other) or _NOTHING for each in _ELEMENTS.decode(raw)]
    except _UNREADABLE:
        return ()


def decode_returned(raw: bytes) -> Argument:
    if not raw:
        return _NOTHING
    try:
        return _ARGUMENT.decode(raw)
    except _UNREADABLE:
        pass
    try:
        return decode_leniently(raw, Argument, "", {}) or _NOTHING
    except _UNREADABLE:
        return _NOTHING


def number_of(argument: Argument) -> int | None:
    """With its sign, which an unsigned 64-bit member does not show; none of what has more than 64 bits."""
    for number in (argument.int_arg, argument.uint_arg, argument.size_arg, argument.long_arg):
        if number is not None:
            signed = number - 2 * _SIGN if _SIGN <= number < 2 * _SIGN else number
            return signed if -_SIGN <= signed < _SIGN else None
    return None
