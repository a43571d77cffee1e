"""Other names of files that matter: what was linked, mounted or renamed. A hook tells the name that was used."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from orjson import dumps

from schemas.actor import Actor
from schemas.fim.classifier import Classifier
from schemas.fim.touches import MS_REMOUNT, pointed_to
from schemas.operation import Operation
from schemas.programs import DAEMONS, RUNTIMES

Names: TypeAlias = Mapping[str, Sequence[str]]  # by the other name: the file's own, and how it came to the other

NAMING: Final = frozenset(("link", "mkdir", "mount", "rename", "rmdir", "symlink", "umount", "unlink"))

_MOST: Final = 64  # other names in one container, or on one host; beyond, the oldest goes
_LONGEST: Final = 1024  # characters of both names together
_TOTAL: Final = 12_000  # bytes of all as JSON, so that they fit into one entry of a memory
_MAKERS: Final = DAEMONS | {"snap-confine", "systemd-executor"}
_MADE: Final = {"link": "linked", "rename": "renamed", "symlink": "symlinked"}
_REMOVING: Final = frozenset(("rmdir", "unlink"))
_OF_LINKS: Final = frozenset(("link", "rename", "rmdir", "symlink", "unlink"))  # they do not follow one to its end
# File systems of the kernel: wherever they are mounted, they are what they are.
_KERNELS: Final[Mapping[str, str]] = {
    "binfmt_misc": "/proc/sys/fs/binfmt_misc",
    "bpf": "/sys/fs/bpf",
    "cgroup": "/sys/fs/cgroup",
    "cgroup2": "/sys/fs/cgroup",
    "devtmpfs": "/dev",
    "proc": "/proc",
    "securityfs": "/sys/kernel/security",
    "selinuxfs": "/sys/fs/selinux",
    "sysfs": "/sys",
}


class Own(NamedTuple):
    """`root` is where a file system is mounted of which nobody knows more than that it has a root."""

    path: str
    how: str  # linked, renamed, symlinked, bound, mounted, disk_mounted
    root: str = ""


def own_name(path: str, kind: str, names: Names) -> Own | None:
    """Of a file that an operation of `kind` reaches by another name; None if there is no other that is known."""
    found = names.get(path)
    if found is not None and not _is_about_the_name(kind, found[1]):
        return _own(found, path, "")
    head = path
    while (slash := head.rfind("/")) > 0:
        head = head[:slash]
        found = names.get(head)
        if found is not None:
            return _own(found, head, path[slash:])
    return None


def learn(operation: Operation, names: Names, classifier: Classifier, actor: Actor, cwd: str) -> Names | None:
    """`names` as they are after the operation; None if they stay as they are.

    What might not have happened has: a name too many is told too often, one that is missing hides a file.
    """
    if not names and not operation.target:
        return None
    changed = dict(names)
    if names and operation.returned == 0:
        for gone in _gone(operation, classifier):
            changed.pop(gone, None)
    if not operation.failed and not makes_containers(actor):
        if names and operation.kind == "rename" and operation.path:
            target = classifier.whole_name(operation.target)
            moved = classifier.whole_name(operation.path)
            for name in [each for each in names if each.startswith(f"{moved}/")]:
                changed[target + name[len(moved) :]] = names[name]
        made = _made(operation, names, classifier, actor, cwd)
        if made is not None and len(target := classifier.whole_name(operation.target)) + len(made.path) <= _LONGEST:
            changed.pop(target, None)  # the newest is last
            changed[target] = [made.path, made.how]
    if changed == names:
        return None
    while len(changed) > _MOST or len(dumps(changed)) > _TOTAL:
        del changed[next(iter(changed))]
    return changed


def _own(found: Sequence[str], name: str, rest: str) -> Own:
    path, how = found
    return Own(f"{path.rstrip('/')}{rest}" or "/", how, name if how == "disk_mounted" else "")


def _is_about_the_name(kind: str, how: str) -> bool:
    """To remove one of several links changes no file, and what is done to a symbolic link is not done to its end."""
    return kind in _REMOVING or (how == "symlinked" and kind in _OF_LINKS)


def _gone(operation: Operation, classifier: Classifier) -> Iterator[str]:
    if operation.kind in ("mkdir", "rename", "rmdir", "umount", "unlink") and operation.path:
        yield classifier.whole_name(operation.path)
    if operation.kind == "rename" and operation.target:
        yield classifier.whole_name(operation.target)


def makes_containers(actor: Actor) -> bool:
    """It mounts and links all day, and nobody else can make it."""
    return not actor.contained and (actor.program.startswith(RUNTIMES) or actor.program in _MAKERS)


def _made(operation: Operation, names: Names, classifier: Classifier, actor: Actor, cwd: str) -> Own | None:
    """What the operation's target is another name of, if that is graver than what it is called."""
    if not operation.target:
        return None
    own: Own | None = None
    if operation.kind in _MADE and operation.path:
        source = pointed_to(operation)
        own = Own(source, _MADE[operation.kind])
    elif operation.kind == "mount" and not (operation.flags or 0) & MS_REMOUNT:
        own = _mounted(operation, actor, cwd)
    if own is None:
        return None
    path, how = own.path, own.how
    earlier = own_name(classifier.whole_name(path), operation.kind, names) if names else None
    if earlier is not None:  # what it is another name of has another name itself
        path, how = earlier.path, earlier.how if how == "renamed" else how
    if classifier.weight(path) <= classifier.weight(operation.target):
        return None
    return Own(classifier.whole_name(path), how)


def _mounted(operation: Operation, actor: Actor, cwd: str) -> Own | None:
    source = operation.path
    if operation.name in _KERNELS:
        return Own(_KERNELS[operation.name], "mounted")
    if source.startswith("/dev/"):
        # From within a container, the host's root is what a disk is mounted for.
        return Own("/", "disk_mounted") if actor.contained else None
    if operation.name and not source.startswith("/"):
        return None  # a file system without a place of its own
    if source == "/" and operation.hook == "move_mount":
        return Own("/", "disk_mounted") if actor.contained else None  # whatever it is: it was mounted nowhere before
    if source in _KERNELS and not operation.name:
        return Own(_KERNELS[source], "mounted")  # of `mount -t proc proc /p` the policy tells two of three
    if not source.startswith("/"):
        source = f"{cwd.rstrip('/')}/{source}" if cwd and source else ""
    return Own(source, "bound") if source else None
