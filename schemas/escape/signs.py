"""What in an operation may be a way out of a container: by what it does and to what, whoever does it."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from schemas.escape.rules import RULES
from schemas.fim.classifier import Classified, Classifier
from schemas.fim.paths import leads_out
from schemas.fim.touches import touches
from schemas.lineage import basename
from schemas.operation import Operation
from schemas.operation.shape import Kind


class Sign(msgspec.Struct, frozen=True, gc=False):
    rule: str
    severity: int
    fields: tuple[str, ...]  # of the document
    # Of proc_root and host_prefix the pid, of recon what is looked at, of mount and chroot_host the folder.
    about: str = ""
    condition: str = ""  # one that only who does it can meet


Signs: TypeAlias = tuple[Sign, ...]
Looking: TypeAlias = Callable[[tuple[Operation, ...], bool], Signs]

NOTHING: Final[Signs] = ()

# Conditions.
STREAM: Final = "stream"  # a standard stream of the first process
MOUNTED: Final = "mounted"  # the folder is where something was mounted
ON_HOST: Final = "on_host"  # too
PUT_IN_PLACE: Final = "put_in_place"  # on the host too, but by no package manager
FOREIGN: Final = "foreign"  # it belongs to another container

ANYWHERE: Final = frozenset((ON_HOST, PUT_IN_PLACE))

_PUTTING: Final = frozenset(("create", "link", "rename", "symlink", "truncate", "write"))
_LOOKING: Final = frozenset(("access", "open", "read"))
_USING: Final = frozenset(("create", "open", "read", "write"))
_TWO_ENDED: Final = frozenset(("link", "rename", "symlink"))
_OF_FILES: Final = _PUTTING | _LOOKING | {
    "chmod", "chown", "execute", "mkdir", "mmap_exec", "removexattr", "rmdir", "setattr", "setxattr", "unlink", "utimes"
}  # fmt: skip

SOCKETS: Final = frozenset(
    ("containerd.sock", "cri-dockerd.sock", "crio.sock", "docker.sock", "dockershim.sock", "podman.sock")
)
_SHIM: Final = "@/containerd-shim/"  # its sockets had no file once, and were anybody's in the host's net namespace
_MEMORY: Final = frozenset(("/dev/kmem", "/dev/kmsg", "/dev/mem", "/dev/port"))

_REACHED: Final = re.compile(r"/proc/(?:[^/]+/task/)?([0-9]+)/(root|ns|cwd|fd)(?:/(.*))?$")
_RUNNING: Final = re.compile(r"/proc/[^/]+/exe$")
_TELLING: Final = re.compile(
    r"/proc/[^/]+/(?:task/[^/]+/)?(status|uid_map|attr/current|mountinfo|cgroup|net/unix)$|/proc/(net/unix)$"
    r"|^/run/(systemd/container)$"
)

DISK: Final = re.compile(
    r"/dev/(?:(?:sd|hd|vd|xvd)[a-z]|nvme\d|mmcblk\d|md\d|dm-|mapper/|disk/|root$)|(?:PART)?(?:UUID|LABEL)="
)
INTERFACES: Final = frozenset(("cgroup", "cgroup2", "proc"))
_MS_REMOUNT: Final = 0x20
_MS_ELSEWHERE: Final = 0x1000 | 0x2000 | 0x1E_0000  # what is mounted already gets another place, or other peers

_METADATA: Final = frozenset(("169.254.169.254", "169.254.170.2", "fd00:ec2::254"))
METADATA_HOSTS: Final = (*sorted(_METADATA), "metadata.google.internal")
_KUBELET_AND_ETCD: Final = frozenset((10250, 10255, 2379))
_API: Final = 6443
_DOCKER_API: Final = 2375  # without TLS
_OF_NO_DISK: Final = frozenset(("1", "7", "43"))  # numbers of devices: memory, a file, a network's

_KINDS: Final = _OF_FILES | {"bpf", "chroot", "connect", "module_load", "mount", "pivot_root", "setns"}
_KINDS_ON_HOST: Final = _PUTTING | {"connect", "open"}
# How names of a runtime's programs begin, and that of a running program in /proc.
RUNTIME_FILES: Final = ("containerd", "crun", "docker", "entrypoint", "exe", "kubelet", "runc")
_CACHED: Final = 4096
_LONG: Final = 512  # characters of a path that is not worth keeping


def looking(classifier: Classifier) -> Looking:
    """With the host's root where `classifier` knows it to be."""

    @lru_cache(maxsize=_CACHED)  # the same program touches the same file again and again
    def shared(found: tuple[Operation, ...]) -> Signs:
        return tuple(sign for operation in found for sign in _signs(operation, classifier))

    def signs(found: tuple[Operation, ...], contained: bool) -> Signs:
        first = found[0]
        kind = first.kind
        if kind not in (_KINDS if contained else _KINDS_ON_HOST):
            return NOTHING
        if kind == "connect":  # hardly one is like another
            return _connected(first, classifier)
        if not contained and not _may_be_runtimes(found):
            return NOTHING
        return shared.__wrapped__(found) if len(first.path) + len(first.target) > _LONG else shared(found)

    return signs


@lru_cache(maxsize=_CACHED)
def _may_be_runtimes(found: tuple[Operation, ...]) -> bool:
    """Cheaper, at the first time, than to ask of each file of a host what it is."""
    ends = [end for operation in found for end in (operation.path, operation.target)]
    return any(end.rpartition("/")[2].startswith(RUNTIME_FILES) for end in ends)


def _signs(operation: Operation, classifier: Classifier) -> Iterator[Sign]:
    kind = operation.kind
    if kind == "mount":
        yield from _mounted(operation)
    elif kind in ("chroot", "pivot_root"):
        yield from _moved(operation, classifier)
    elif kind == "setns":
        yield from _joined(operation)
    elif kind == "module_load":
        told = "tetragon.operation.name" if operation.name else path_field(operation) if operation.path else ""
        yield sign("module", *_KIND, *([told] if told else ()))
    elif kind == "bpf":
        if operation.bpf is not None and operation.bpf.program_type:
            yield sign("bpf", *_KIND, "tetragon.operation.bpf.program_type")
    elif kind in _OF_FILES:
        for place, (path, changes) in enumerate(touches(operation)):
            of_target = place == 0 and kind in _TWO_ENDED and bool(operation.target)
            field = path_field(operation, of_target=of_target)
            file = classifier.classify(path)
            yield from _touched(operation, field, file, changes)
            # What lies above a link of /proc is not what the text says.
            if "/.." in path and "/proc/" in path and not _REACHED.search(f"{file.via}{file.path}"):
                yield from _reached(kind, field, path)


_KIND: Final = ("tetragon.operation.kind",)


def sign(rule: str, *fields: str, severity: int | None = None, about: str = "", condition: str = "") -> Sign:
    return Sign(rule, severity or RULES[rule].severity, fields, about, condition)


def made_device(major: str, *fields: str) -> Sign:
    """Of a block device; `major` is its kind's number."""
    return sign("device", *fields, severity=2 if major in _OF_NO_DISK else None)


def path_field(operation: Operation, *, of_target: bool = False) -> str:
    """Where the document has the path, or the new name, of an operation on files."""
    names = operation.kind in _TWO_ENDED and bool(operation.target)
    told = operation.target if names else operation.path
    if operation.relative and not told.startswith("/"):
        return f"tetragon.operation.{'target' if of_target else 'path'}"
    if of_target or not names:
        return "file.path"
    return "file.Ext.original.path" if operation.kind == "rename" else "file.target_path"


def _touched(operation: Operation, field: str, file: Classified, changes: bool) -> Iterator[Sign]:
    kind = operation.kind
    path, known = file.path, file.knowledge
    categories = known.categories if known is not None else ()
    outside = leads_out(file.via)
    full = f"{file.via}{path}" if file.via else path
    if changes and (kind in _PUTTING or kind == "open"):
        rule = _interface(path)
        if rule:
            yield sign(rule, field)
        replaced = known is not None and "container.runtime_binary" in categories and (outside or not file.via)
        if replaced or _RUNNING.search(full):
            yield sign("runtime_overwritten", field, condition=PUT_IN_PLACE)
    if "/proc/" in full:
        yield from _reached(kind, field, full)
    name = basename(path)
    if kind in _USING:
        if name in SOCKETS or ("container.runtime_socket" in categories and name.endswith(".sock")):
            yield sign("runtime_socket", field)
        if "devices" in categories or path in _MEMORY or DISK.match(path):
            yield sign("device", field)
    if kind == "create" and operation.name.startswith("block"):
        yield made_device(operation.name.removeprefix("block ").partition(":")[0], "tetragon.operation.name", field)
    if outside and known is not None and (known.write if changes else known.read).severity >= 3:
        of_process = _REACHED.search(file.via)
        yield sign("host_prefix", field, about=_of_own_proc(of_process) if of_process is not None else "")
    if kind in _LOOKING and not changes:
        if "token" in name and "k8s.serviceaccount_token" in categories:
            yield sign("service_account_token", field, condition=FOREIGN if outside else "")
        found = _TELLING.search(path)
        if found is not None:
            yield sign("recon", field, about=found[1] or found[2] or found[3])


def _interface(path: str) -> str:
    """A rule's name, if the host's kernel acts on what is written there; by the end, for proc may be anywhere."""
    if path.endswith(("/release_agent", "/notify_on_release")):
        return "release_agent"
    if path.endswith("/sys/kernel/core_pattern"):
        return "core_pattern"
    if path.endswith("/sys/kernel/modprobe"):
        return "modprobe_path"
    if "/binfmt_misc/" in path:
        return "binfmt"
    return "uevent_helper" if path.endswith("/kernel/uevent_helper") else ""


def _reached(kind: Kind, field: str, full: str) -> Iterator[Sign]:
    found = _REACHED.search(full)
    if found is None:
        return
    pid, what, below = found[1], found[2], found[3]
    about = _of_own_proc(found)
    if what == "root":
        if below or kind == "open":  # that it is there many ask
            yield sign("proc_root", field, about=about)
    elif pid == "1":
        stream = what == "fd" and below in ("0", "1", "2")
        yield sign("proc_root", field, about=about, condition=STREAM if stream else "")


def _of_own_proc(found: re.Match[str]) -> str:
    """The pid as the container counts; empty in a /proc that is mounted elsewhere, as /host/proc, and may be any."""
    return found[1] if found.start() == 0 else ""


def _mounted(operation: Operation) -> Iterator[Sign]:
    flags = operation.flags or 0
    if "/proc/" in operation.path:
        yield from _reached("open", "tetragon.operation.path", operation.path)
    if flags & _MS_ELSEWHERE:
        return
    source, target = "tetragon.operation.path", "tetragon.operation.target"
    told = [target] if operation.target else []
    if DISK.match(operation.path):
        yield sign("mount", source, *told, about=operation.target)
    elif not flags & _MS_REMOUNT:
        if operation.name in INTERFACES:
            yield sign("mount", "tetragon.operation.name", *told)
        elif not operation.name and operation.path in INTERFACES:  # a hook that does not tell the type
            yield sign("mount", source, *told)


def _moved(operation: Operation, classifier: Classifier) -> Iterator[Sign]:
    field = path_field(operation) if operation.kind == "chroot" else "tetragon.operation.path"
    if not operation.path:
        return
    file = classifier.classify(operation.path)
    if leads_out(file.via):
        yield sign("chroot_host", *_KIND, field)
    elif file.path != "/":
        yield sign("chroot_host", *_KIND, field, about=file.path, condition=MOUNTED)


def _joined(operation: Operation) -> Iterator[Sign]:
    joined = operation.namespaces
    fields = (*_KIND, "tetragon.operation.namespaces") if joined else _KIND
    grave = not joined or not {"mnt", "pid", "user"}.isdisjoint(joined)
    yield sign("nsenter", *fields, severity=None if grave else 3)


def _connected(operation: Operation, classifier: Classifier) -> Signs:
    socket = operation.socket
    if socket is None:
        return NOTHING
    path = socket.path
    if path:
        is_runtimes = path.startswith(_SHIM) or _is_runtimes(path, classifier)
        return (sign("runtime_socket", "destination.address"),) if is_runtimes else NOTHING
    if socket.remote in _METADATA:
        return (sign("metadata_service", "destination.ip", condition=ON_HOST),)
    port = socket.remote_port
    if port == _DOCKER_API:
        return (sign("runtime_api", "destination.port"),)
    if port in _KUBELET_AND_ETCD:
        return (sign("kubernetes_api", "destination.port"),)
    return (sign("kubernetes_api", "destination.port", severity=2),) if port == _API else NOTHING


def _is_runtimes(path: str, classifier: Classifier) -> bool:
    if path.rpartition("/")[2] in SOCKETS:
        return True
    known = classifier.classify(path).knowledge if path.startswith("/") else None
    return known is not None and "container.runtime_socket" in known.categories
