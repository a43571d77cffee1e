"""Operations, decoded from an event's hook and arguments."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from msgspec import Raw

from schemas.operation.args import decode_arguments, decode_returned, number_of
from schemas.operation.file_hooks import FILE_HOOKS, where
from schemas.operation.given import Given, Reader
from schemas.operation.privilege_hooks import (
    PRIVILEGE_HOOKS,
    called,
    checked,
    committed,
    loaded,
    looked_at,
    probed,
    used_bpf,
)
from schemas.operation.shape import (
    Operation,
)
from schemas.operation.socket_events import SOCKET_EVENTS, socket_operation
from schemas.operation.socket_hooks import SOCKET_HOOKS, about, sock_of
from schemas.tetragon import (
    ABSENT,
    Event,
    ProcessExec,
    ProcessExit,
    ProcessKprobe,
    ProcessLoader,
    ProcessLsm,
    ProcessTracepoint,
    ProcessUprobe,
    ProcessUsdt,
)

# What Tetragon does so that an operation does not happen, or its process does not go on; other encoders of protobuf may
# write an enum's numbers.
DENYING: Final = frozenset(
    f"KPROBE_ACTION_{name}" for name in ("SIGKILL", "SIGNAL", "OVERRIDE", "NOTIFYENFORCER", "NOTIFYKILLER")
) | {"3", "10", "5", "13"}

_HOOKS: Final[Mapping[str, Reader]] = {**FILE_HOOKS, **SOCKET_HOOKS, **PRIVILEGE_HOOKS}
_ARCHITECTURE: Final = re.compile(r"__(?:x64|ia32|arm64|arm32)_(?=sys_)")
_CACHED: Final = 1024  # bytes of arguments that are worth keeping
_NOTHING: Final[tuple[Operation, ...]] = ()
_OF_PROCESS: Final = frozenset((ProcessExec, ProcessExit))

# The document and several agents ask for the same event one after another.
_latest: Final[list[tuple[Event | None, tuple[Operation, ...]]]] = [(None, _NOTHING)]


def operations(event: Event) -> tuple[Operation, ...]:
    """In the order of importance; none of an event that tells of a process alone. What cannot be read is left out."""
    asked, found = _latest[0]
    if asked is not event:
        found = _decoded(event)
        _latest[0] = (event, found)
    return found


def _decoded(event: Event) -> tuple[Operation, ...]:
    body = event.body
    if type(body) in _OF_PROCESS:
        return _NOTHING
    if isinstance(body, ProcessKprobe):
        denied = body.action in DENYING or body.return_action in DENYING
        return _of(event, hook_name(body.function_name), body.args, body.returned, denied)
    if isinstance(body, ProcessLsm):
        return _of(event, hook_name(body.function_name), body.args, ABSENT, body.action in DENYING)
    if isinstance(body, ProcessTracepoint):
        return _of(event, _tracepoint(body.subsys, body.event), body.args, ABSENT, body.action in DENYING)
    if isinstance(body, ProcessUprobe | ProcessUsdt):
        # Without a name: a function of a program may be called like one of the kernel.
        return _of(event, "", body.args, ABSENT, body.action in DENYING)
    if isinstance(body, ProcessLoader):
        return (Operation("mmap_exec", event.name, path=body.path),) if body.path else _NOTHING
    return (socket_operation(event),) if event.name in SOCKET_EVENTS else _NOTHING


@lru_cache(maxsize=4096)
def hook_name(function: str) -> str:
    """A kernel function without the architecture that a system call's has, and without LSM's `security_`."""
    return _ARCHITECTURE.sub("", function, count=1).removeprefix("security_").removeprefix("bpf_lsm_")


def is_named(event: Event) -> bool:
    """Whether its hook is one that is read for what it is, and not known by the types of its arguments alone."""
    body = event.body
    if isinstance(body, ProcessKprobe | ProcessLsm):
        return hook_name(body.function_name) in _HOOKS
    if isinstance(body, ProcessTracepoint):
        return _tracepoint(body.subsys, body.event) in _HOOKS
    return isinstance(body, ProcessLoader) or event.name in SOCKET_EVENTS


@lru_cache(maxsize=1024)
def _tracepoint(subsystem: str, event: str) -> str:
    if subsystem == "syscalls" and event.startswith("sys_enter_"):
        return f"sys_{event.removeprefix('sys_enter_')}"
    return f"{subsystem}/{event}" if subsystem == "raw_syscalls" else event


def _of(event: Event, hook: str, args: Raw, returned: Raw, denied: bool) -> tuple[Operation, ...]:
    cwd = event.process.cwd if event.process is not None else ""
    if len(args) > _CACHED:
        return _read.__wrapped__(hook, bytes(args), bytes(returned), cwd, denied)
    return _read(hook, bytes(args), bytes(returned), cwd, denied)


# The same is done to the same file again and again.
@lru_cache(maxsize=4096)
def _read(hook: str, args: bytes, returned: bytes, cwd: str, denied: bool) -> tuple[Operation, ...]:
    arguments = decode_arguments(args)
    answer = decode_returned(returned)
    given = Given(hook, arguments, cwd, number_of(answer), denied)
    reader = _HOOKS.get(hook)
    if reader is None:
        return _unknown(given)
    found = reader(given)
    if answer.sock_arg is not None and len(found) == 1:  # a socket that is made of a listening one, or of nothing
        return (given.operation(found[0].kind, socket=sock_of(answer.sock_arg)),)
    return found


def _unknown(given: Given) -> tuple[Operation, ...]:
    """A hook that nobody named here is known by the first of its arguments that has a meaning of its own."""
    for argument in given.arguments:
        for members, reader in _KNOWN_BY:
            if any(getattr(argument, member) is not None for member in members):
                return reader(given)
    return (given.operation("access", **where(given)),) if any(path.path for path in given.paths) else _NOTHING


_KNOWN_BY: Final[Sequence[tuple[Sequence[str], Reader]]] = (
    (("sock_arg", "skb_arg", "sockaddr_arg", "sockaddrun_arg"), about("socket")),
    (("process_credentials_arg", "cred_arg"), committed),
    (("capability_arg", "user_ns_arg", "user_namespace_arg"), checked),
    (("cap_permitted_arg", "cap_effective_arg", "cap_inheritable_arg"), looked_at),
    (("bpf_attr_arg", "bpf_map_arg", "bpf_prog_arg", "bpf_cmd_arg"), used_bpf),
    (("perf_event_arg",), probed),
    (("module_arg",), loaded("module")),  # it may load, unload or look
    (("syscall_id",), called),
)
