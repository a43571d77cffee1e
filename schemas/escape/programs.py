"""What in a command line may be a way out of a container."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeAlias

from schemas.arguments import split_arguments
from schemas.escape.signs import (
    DISK,
    INTERFACES,
    METADATA_HOSTS,
    MOUNTED,
    NOTHING,
    ON_HOST,
    SOCKETS,
    Sign,
    Signs,
    made_device,
    sign,
)
from schemas.fim.classifier import Classifier
from schemas.fim.paths import leads_out
from schemas.lineage import basename
from schemas.programs import SHELLS, is_interpreter

_ARGS: Final = ("process.args",)
_BOXES: Final = frozenset(("busybox", "toybox"))

INTRUDERS: Final = ("amicontained", "botb", "cdk", "deepce", "kube-hunter", "kubeletctl", "peirates", "traitor")
# As they are, and as they are named where one downloads them: cdk_linux_amd64, deepce.sh.
_INTRUDING: Final = re.compile(
    rf"({'|'.join(map(re.escape, INTRUDERS))})(?:[-_.](?:linux|amd64|x86|arm64|386|static|thin|sh|py)(?:[-_.].*)?)?"
)
TWO_EDGED: Final = frozenset(("capsh", "debugfs", "unshare"))
# What AWS calls cdk has these; the one that is for intruders has none of them.
_OF_AWS: Final = frozenset(
    ("bootstrap", "context", "deploy", "destroy", "diff", "doctor", "import", "init", "list", "ls", "metadata", "synth",
     "synthesize", "watch")
)  # fmt: skip

_ASKING: Final = frozenset(("curl", "http", "wget"))
_RUNTIME_CLIENTS: Final = frozenset(
    ("crictl", "ctr", "curl", "docker", "nc", "ncat", "nerdctl", "netcat", "podman", "socat", "wget")
)
_RUNTIMES: Final = frozenset(("docker", "nerdctl", "podman", "runc"))
_SOCKET: Final = re.compile(rf"(?:^|[/=:])(?:{'|'.join(map(re.escape, sorted(SOCKETS)))})(?:,.*)?$")
_DOCKERS: Final = frozenset(("docker", "docker-compose", "podman"))
# Docker's API without TLS, the node's or another machine's.
_OTHERS: Final = r"(?!localhost|127\.|\[::1)(?:\[[^\]/]+\]|[^\[\]:/]+)"
_API: Final = re.compile(
    rf"(?:(?:--(?:host|url)=|-H=?)?tcp://{_OTHERS}(?::2375)?|(?:https?://)?{_OTHERS}:2375)(?:/.*)?"
)
_ROOTS: Final = frozenset(("chroot", "pivot_root", "switch_root"))
_FIRST: Final = "/proc/1/ns/"
_STARTS_AT_FILE: Final = re.compile(r"(?:--cwd=|--workdir=|-w)?/proc/self/fd/")  # its own open one: CVE-2024-21626

# Of all other programs nobody need look at what they are told.
_ON_HOST: Final = _ASKING | _RUNTIMES
_CONTAINED: Final = frozenset(
    (
        *TWO_EDGED,
        *_ASKING,
        *_RUNTIME_CLIENTS,
        *_RUNTIMES,
        *_ROOTS,
        *_BOXES,
        *_DOCKERS,
        *SHELLS,
        "mknod",
        "mount",
        "nsenter",
    )
)
_CACHED: Final = 4096
_LONG: Final = 512  # characters of arguments that are not worth keeping

Reading: TypeAlias = Callable[[str, str, bool], Signs]


def reading(classifier: Classifier) -> Reading:
    """Of a program's name, its arguments, and whether it runs in a container."""

    @lru_cache(maxsize=_CACHED)  # the same is run again and again
    def shared(name: str, arguments: str) -> Signs:
        return tuple(_signs(name, arguments, classifier))

    def signs(name: str, arguments: str, contained: bool) -> Signs:
        if name not in (_CONTAINED if contained else _ON_HOST) and not (contained and _may_be_tool(name)):
            return NOTHING
        return shared.__wrapped__(name, arguments) if len(arguments) > _LONG else shared(name, arguments)

    return signs


@lru_cache(maxsize=4096)
def _may_be_tool(name: str) -> bool:
    return is_interpreter(name) or name.startswith(INTRUDERS)


def enters_first(name: str, arguments: str) -> bool:
    """It is told to enter what process 1 is in: from a container in the host's pid namespace, the host's."""
    return name == "nsenter" and _of_first(split_arguments(arguments))


def _signs(name: str, arguments: str, classifier: Classifier) -> Iterator[Sign]:
    args = split_arguments(arguments)
    if name in _RUNTIMES and any(_STARTS_AT_FILE.match(arg) for arg in args):
        yield sign("runtime_overwritten", *_ARGS, condition=ON_HOST)
    if name in _BOXES and args:
        name, args = basename(args[0]), args[1:]
    tool = _tool(name, args)
    if tool:
        yield sign("tool", "process.name" if tool == name else "process.args")
    if name == "nsenter":
        if _of_first(args):
            yield sign("nsenter", *_ARGS)
    elif name in _ROOTS:
        yield from _new_root(args, classifier)
    elif name == "mount":
        yield from _mounted(args)
    elif name in _RUNTIME_CLIENTS and any(_SOCKET.search(arg) or _is_unix(arg) for arg in args):
        yield sign("runtime_socket", *_ARGS)
    elif name == "mknod":
        yield from _made(args)
    if name in _ASKING | _DOCKERS and any(_API.fullmatch(arg) for arg in args):
        yield sign("runtime_api", *_ARGS)
    if name in _ASKING and any(_asks_metadata(arg) for arg in args):
        yield sign("metadata_service", *_ARGS, condition=ON_HOST)


def _tool(name: str, args: Sequence[str]) -> str:
    """The name of the tool that runs, if it is one; of a script the interpreter runs it."""
    ran, rest = name, args
    if name in SHELLS or is_interpreter(name):
        place = next((place for place, arg in enumerate(args) if not arg.startswith("-")), None)
        if place is None or "-c" in args[:place]:
            return ""
        ran, rest = basename(args[place]), args[place + 1 :]
    intruding = _INTRUDING.fullmatch(ran)
    if intruding is None and ran not in TWO_EDGED:
        return ""
    # Of a script that is executed by its own name, that name comes once more.
    rest = [arg for arg in rest if basename(arg) != ran]
    return "" if ran == "cdk" and rest and rest[0] in _OF_AWS else ran


def _of_first(args: Sequence[str]) -> bool:
    """nsenter's target is process 1."""
    place = 0
    while place < len(args):
        arg = args[place]
        if arg == "--" or not arg.startswith("-"):
            return False
        option, _, value = arg.partition("=")
        if _FIRST in arg:
            return True
        if _is_target(option) or (not arg.startswith("--") and re.fullmatch(r"-[a-zA-Z]*t\d*", arg)):
            if not _is_target(option):
                value = arg[arg.index("t") + 1 :]
            if not value:
                place += 1
                value = args[place] if place < len(args) else ""
            if value == "1":
                return True
        elif arg in ("-S", "-G", "--setuid", "--setgid"):
            place += 1
        place += 1
    return False


def _is_target(option: str) -> bool:
    return len(option) > len("--t") and "--target".startswith(option)  # an option may be cut short


def _new_root(args: Sequence[str], classifier: Classifier) -> Iterator[Sign]:
    root = next((arg for arg in args if not arg.startswith("-")), "")
    if not root.startswith("/"):
        return
    file = classifier.classify(root)
    if leads_out(file.via):
        yield sign("chroot_host", *_ARGS)
    elif file.path != "/":
        yield sign("chroot_host", *_ARGS, about=file.path, condition=MOUNTED)


def _mounted(args: Sequence[str]) -> Iterator[Sign]:
    kinds = {after for arg, after in pairwise(args) if arg in ("-t", "--types")}
    kinds |= {arg.removeprefix("--types=").removeprefix("-t") for arg in args if arg.startswith(("--types=", "-t"))}
    places = [arg for arg in args if not arg.startswith("-")]
    on_disk = any(DISK.match(arg) for arg in args)
    if on_disk:
        yield sign("mount", *_ARGS, about=places[-1] if places[-1].startswith("/") else "")
    elif not INTERFACES.isdisjoint(kinds):
        yield sign("mount", *_ARGS)


def _made(args: Sequence[str]) -> Iterator[Sign]:
    """A block device: its type stands before its number."""
    for arg, major in pairwise(args):
        if arg == "b" and major.isdecimal():
            yield made_device(major, *_ARGS)


def _is_unix(arg: str) -> bool:
    return arg.removeprefix("--host=").startswith("unix://")


def _asks_metadata(arg: str) -> bool:
    host = arg.partition("://")[2] if "://" in arg else arg
    host = host.partition("/")[0].rpartition("@")[2]
    address = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return address.lower() in METADATA_HOSTS
