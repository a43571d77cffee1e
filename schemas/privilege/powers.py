"""What gives power without changing who anybody is: a set-id bit, a module, a program in the kernel, a trace, code."""

from collections.abc import Mapping
from typing import Final

from schemas.actor import Actor
from schemas.lineage import Execution, basename
from schemas.operation.shape import Kind, Operation
from schemas.places import ANYBODYS, in_layer, is_systems
from schemas.privilege.causes import is_planted, is_runtime
from schemas.programs import ABUSABLE, RUNTIMES

Tags = dict[str, int]  # with their severities

# By kind of operation what gains.
POWERS: Final[Mapping[Kind, str]] = {
    "bpf": "kernel",
    "chmod": "file",
    "mmap_exec": "process",
    "module_load": "kernel",
    "ptrace": "process",
    "setattr": "file",
    "setxattr": "file",
    "splice": "file",
    "vm_write": "process",
}

_OF_FILES: Final = frozenset(("chmod", "setattr", "setxattr"))
_SET_ID: Final = 0o6000
_FILE_CAPABILITIES: Final = "security.capability"
# Attach, seize, and whatever writes into another process; not to be traced oneself.
_TAKING: Final = frozenset((4, 5, 6, 13, 16, 0x4206))
_TRACEME: Final = 0
_DEBUGGERS: Final = frozenset(("crash", "delve", "dlv", "drkonqi", "gdb", "gdbserver", "lldb", "lldb-server", "ltrace",
                               "rr", "strace", "systemd-coredump"))  # fmt: skip
_WRITERS: Final = _DEBUGGERS | {"criu", "proot", "wine-preloader", "wine64-preloader", "wineserver"}
_OF_STRANGERS: Final = ("FORCED", "OUT_OF_TREE", "UNSIGNED")
# What sees or changes what others do; packets and cgroups have programs on every node.
_WATCHING: Final = ("KPROBE", "LSM", "PERF_EVENT", "RAW_TRACEPOINT", "TRACEPOINT", "TRACING")
_WATCHERS: Final = (
    "bpf", "cilium", "falco", "osqueryd", "parca", "perf", "pixie", "system-probe", "systemd", "tetragon", "tracee",
)  # fmt: skip


def power_tags(operation: Operation, execution: Execution, actor: Actor) -> Tags:
    """Empty for every other operation."""
    kind = operation.kind
    # A container's file system is unpacked; by a runtime in a container, that may be another one's.
    unpacks = kind in _OF_FILES and not actor.suspicions and in_layer(operation.path)
    if unpacks and is_runtime(execution):
        return {}
    if kind in ("chmod", "setattr"):
        return _set_id(operation, actor, unpacks=unpacks and actor.program.startswith(RUNTIMES))
    if kind == "setxattr":
        return {"file_capabilities_set": 1 if actor.packaging else 3} if operation.name == _FILE_CAPABILITIES else {}
    if kind == "mmap_exec":
        return {"planted_code": 4} if _is_planted_code(operation, execution, actor) else {}
    if kind == "module_load":
        return {"module_load": _severity_of_module(operation, execution)}
    if kind == "splice":
        return {"dirty_pipe": 4} if _is_dirty_pipe(operation, execution) else {}
    if kind == "vm_write":
        return {"memory_write": _severity_of_write(execution, actor)}
    if kind == "bpf":
        return _bpf(operation, execution)
    if kind == "ptrace" and operation.request in _TAKING:
        return {"ptrace": _severity_of_trace(execution)}
    # Who is traced by its parent cannot be traced by anybody else.
    return {"traced_by_parent": 1} if kind == "ptrace" and operation.request == _TRACEME else {}


def _severity_of_trace(execution: Execution) -> int:
    if execution.name not in _DEBUGGERS:
        return 3
    if not is_planted(execution):
        return 1
    # Go's debugger lies in the home of whoever uses it.
    return 2 if execution.binary.startswith("/home/") and execution.uid and execution.auid is not None else 3


def _severity_of_write(execution: Execution, actor: Actor) -> int:
    """Parts of one program do so to each other, as those of MPI; whose memory it is, Tetragon does not tell."""
    if execution.name in _WRITERS and not is_planted(execution):
        return 1
    return 3 if actor.suspicions else 2


def _is_dirty_pipe(operation: Operation, execution: Execution) -> bool:
    """CVE-2022-0847: one byte is enough for a pipe to hold the file's page, into which the exploit then writes."""
    if operation.size != 1 or (execution.uid == 0 and not execution.container):
        return False
    return is_systems(operation.path) or operation.path.startswith("/etc/")


def _set_id(operation: Operation, actor: Actor, *, unpacks: bool) -> Tags:
    if operation.mode is None or not operation.mode & _SET_ID or "s" in operation.permission.lower()[1:]:
        return {}
    if operation.permission.startswith("d"):
        return {}  # of a folder it says to whom new files belong
    if actor.packaging:
        return {"set_id_bit": 1}
    if actor.building or unpacks:
        return {"set_id_bit": 2}
    grave = operation.path.startswith(ANYBODYS) or basename(operation.path) in ABUSABLE
    return {"set_id_bit": 4 if grave else 3}


def _is_planted_code(operation: Operation, execution: Execution, actor: Actor) -> bool:
    """What has more rights than others loads what anybody may have written. Its own file is told as it begins."""
    return (
        (execution.raised or actor.daemon)
        and operation.path.startswith(ANYBODYS)
        and operation.path != execution.binary
    )


def _severity_of_module(operation: Operation, execution: Execution) -> int:
    module = operation.module
    strange = module is not None and (
        module.signature_ok is False or any(word in taint for taint in module.tainted for word in _OF_STRANGERS)
    )
    return min(4, 2 + strange + bool(execution.container) + operation.path.startswith(ANYBODYS))


def _bpf(operation: Operation, execution: Execution) -> Tags:
    about = operation.bpf
    kind = about.program_type.removeprefix("BPF_PROG_TYPE_") if about is not None else ""
    if not kind.startswith(_WATCHING):
        return {}
    known = execution.name.startswith(_WATCHERS) and not is_planted(execution)
    return {} if known or is_runtime(execution) else {"bpf_load": 4 if execution.container else 3}
