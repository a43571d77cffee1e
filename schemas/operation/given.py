"""Arguments of one hook, sorted by what they are."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any, Final, Protocol

from schemas.operation.args import Argument, PathArgument, number_of
from schemas.operation.shape import Kind, Operation, Socket

_FDCWD: Final = (-100, 2**32 - 100)  # AT_FDCWD: the working directory instead of a descriptor
_UNREAD: Final = PathArgument()
# System calls that may be told in numbers alone, and how many they take: the first is a descriptor, and a policy that
# asks for fewer does not say for which.
_ON_DESCRIPTORS: Final = {"sys_fchmod": 2, "sys_fchown": 3, "sys_ftruncate": 2, "sys_read": 2, "sys_write": 2}
_NAMELESS: Final = ("pipe:", "socket:", "anon_inode:", "memfd:", "net:", "mnt:", "inode:")


class Given:
    """`numbers[:before]` come before the first argument that is no number: a descriptor, mostly.

    Tetragon reads numbers out of registers; what it may fail to read lies behind a pointer. So an error has the place
    of a text among the arguments of a system call, and of a path among those of another hook.
    """

    __slots__ = (
        "_labels", "arguments", "before", "between", "cwd", "denied", "hook", "numbers", "paths", "returned", "texts"
    )  # fmt: skip

    def __init__(self, hook: str, arguments: Sequence[Argument], cwd: str, returned: int | None, denied: bool) -> None:
        self.hook = hook
        self.arguments = arguments
        self.cwd = cwd
        self.returned = returned
        self.denied = denied
        self.paths: list[PathArgument] = []
        self.texts: list[str] = []
        self.numbers: list[int] = []
        self.before = 0
        self.between = False  # a number comes between the first text and the second: a descriptor, too
        self._labels: Mapping[str, int] = {}
        labels: dict[str, int] = {}
        leading = True
        for argument in arguments:
            number = number_of(argument)
            if number is not None:
                self.numbers.append(number)
                self.before += leading
                if argument.label:
                    labels[argument.label.lower()] = number
                continue
            leading = False
            path = argument.file_arg or argument.path_arg or argument.linux_binprm_arg
            if path is not None:
                self.paths.append(PathArgument(path=path) if isinstance(path, str) else path)
            elif argument.string_arg is not None or (argument.error_arg is not None and hook.startswith("sys_")):
                self.between |= len(self.texts) == 1 and len(self.numbers) > self.before
                self.texts.append(argument.string_arg or "")
            elif argument.error_arg is not None:
                self.paths.append(_UNREAD)
        if labels:
            self._labels = labels
        if leading and self.before == _ON_DESCRIPTORS.get(hook):
            self.before = 1

    def first(self, member: str) -> Any:
        """Of the first argument that has it."""
        for argument in self.arguments:
            value = getattr(argument, member)
            if value is not None:
                return value
        return None

    def number(self, label: str, place: int) -> int | None:
        """By its label, else by its place."""
        if label in self._labels:
            return self._labels[label]
        return self.numbers[place] if 0 <= place < len(self.numbers) else None

    def after(self, label: str, place: int) -> int | None:
        """As `number`; places count from the first number behind something else."""
        return self.number(label, self.before + place)

    def operation(self, kind: Kind, **more: Any) -> Operation:
        return Operation(kind, self.hook, returned=self.returned, denied=self.denied, **more)


class Reader(Protocol):
    def __call__(self, given: Given) -> tuple[Operation, ...]: ...


def hooks(reader: Reader, names: str) -> dict[str, Reader]:
    """One reader for several hooks, with spaces in between."""
    return dict.fromkeys(names.split(), reader)


def kernel_path(argument: PathArgument) -> str:
    """Old versions wrote a path without its first slash."""
    path = argument.mount + argument.path
    if path and path[0] != "/" and not path.startswith(_NAMELESS):
        return f"/{path}"
    return path


def dentry_path(directory: PathArgument, entry: PathArgument) -> str:
    """The directory's path is the process's own, the entry's only that of its mount."""
    if not directory.path:
        return kernel_path(entry)
    name = entry.path.rstrip("/").rpartition("/")[2]
    return f"{kernel_path(directory).rstrip('/')}/{name}" if name else kernel_path(directory)


def user_path(text: str, descriptor: int | None, cwd: str) -> tuple[str, bool]:
    """The path as far as it can be told, and whether it was relative."""
    if not text or text[0] == "/":
        return text, False
    if cwd and (descriptor is None or descriptor in _FDCWD):
        return f"{cwd.rstrip('/')}/{text.removeprefix('./')}", True
    return text, True


# A node talks to few others, again and again.
@lru_cache(maxsize=8192)
def address_of(text: str) -> str:
    """Empty for what is no address: Tetragon writes `<nil>` where it found none."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(address).partition("%")[0]
    return str(address)


def remote_of(text: str) -> str:
    """Nobody is at 0.0.0.0: a datagram socket without a peer has it."""
    address = address_of(text)
    return "" if address in ("0.0.0.0", "::") else address


def port_of(number: int) -> int | None:
    return number if 0 < number < 65536 else None


NO_SOCKET: Final = Socket()
