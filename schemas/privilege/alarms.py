"""What a tag of rights says to people, and which fields of the document show it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from schemas.finding import FOUND, Finding
from schemas.operation import Operation
from schemas.privilege.elevation import TECHNIQUES, Tags

REASONS: Final[Mapping[str, str]] = {
    "account_change": "An account or a group was changed by root",
    "bpf_load": "A program that watches others was loaded into the kernel",
    "capabilities_gained": "Capabilities were gained, and nothing that is known explains it",
    "dirty_pipe": "One byte of a file of the system went into a pipe, as exploits do to write what they may only read",
    "file_capabilities_exec": "A file with powerful capabilities was executed",
    "file_capabilities_set": "A file got capabilities",
    "host_namespace": "A container's process entered a namespace of the host",
    "left_container": "A process left its container",
    "memory_write": "A process wrote into the memory of another one",
    "module_load": "A module was loaded into the kernel",
    "namespace_joined": "A container's process joined other namespaces",
    "overflowing_tunables": "The environment holds tunables of glibc that overflow its loader",
    "pkexec_without_arguments": "pkexec was run without arguments, as exploits do",
    "planted_code": "A set-id program, or a service of the system, loaded code from where anybody may write",
    "preload": "The environment names code that the program loads first",
    "ptrace": "A process took control of another one",
    "root_child_of_user": "Root's process begins below a user's, and nothing that is known explains it",
    "sensitive_capability_use": "A container used a capability that is as good as root on the host, for the first time",
    "service_to_root": "A service became root",
    "set_id_bit": "A file runs with its owner's rights from now on",
    "setuid_exec": "A set-id program was executed that is not known to be one, or that gives a shell or any file",
    "sudo_as_overflowing_user": "sudo was asked for a user whose number overflows to root's",
    "uid_to_root": "A process became root by a call",
    "unshare": "A container's process made namespaces of its own without the right to",
    "user_namespace": "A user namespace was made in which its maker has all capabilities",
}
# What else shows a tag, of the names below `tetragon.privilege` that are there.
_SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "capabilities_gained": ("capabilities.gained",),
    "file_capabilities_exec": ("capabilities.gained",),
    "host_namespace": ("namespaces.to_host",),
    "left_container": ("namespaces.to_host",),
    "namespace_joined": ("namespaces.changed",),
    "root_child_of_user": ("before.euid", "after.euid", "before.uid", "after.uid"),
    "service_to_root": ("before.euid", "after.euid", "before.uid", "after.uid"),
    "setuid_exec": ("before.euid", "after.euid"),
    "uid_to_root": ("before.euid", "after.euid", "before.uid", "after.uid"),
    "unshare": ("namespaces.changed",),
    "user_namespace": ("namespaces.changed", "capabilities.gained"),
}
_OF_EXECUTION: Final = frozenset(
    ("account_change", "file_capabilities_set", "pkexec_without_arguments", "sudo_as_overflowing_user")
)
_OF_ENVIRONMENT: Final = frozenset(("overflowing_tunables", "preload"))


def findings_of(tags: Tags, shown: Sequence[str], operation: Operation | None = None) -> list[Finding]:
    """`shown` are names below `tetragon.privilege` that its fields have; `operation` gave the tags, if one did."""
    named = tuple(shown)
    done = _done(operation) if operation is not None else ""
    return [_finding(tag, severity, named, done) for tag, severity in tags.items() if severity >= FOUND]


@lru_cache(maxsize=1024)
def _finding(tag: str, severity: int, shown: tuple[str, ...], done: str) -> Finding:
    fields = ["tetragon.privilege.tags"]
    fields += [f"tetragon.privilege.{name}" for name in (*_SHOWN.get(tag, ()), "cause") if name in shown]
    if done:
        fields.append(done)
    elif tag in _OF_EXECUTION:
        fields.append("process.args")
    elif tag in _OF_ENVIRONMENT:
        fields.append("process.env_vars")
    technique = TECHNIQUES.get(tag, "")
    return Finding(f"privilege.{tag}", severity, REASONS[tag], fields, (technique,) if technique else ())


def _done(operation: Operation) -> str:
    """The field that tells most of the operation, if it tells anything."""
    if operation.kind in ("chmod", "setattr"):
        return "file.mode" if operation.path.startswith("/") and operation.mode is not None else ""
    if operation.kind == "bpf":
        return "tetragon.operation.bpf.program_type" if operation.bpf is not None and operation.bpf.program_type else ""
    if operation.kind in ("mmap_exec", "splice"):
        return "file.path"
    if operation.kind == "vm_write":
        return "tetragon.operation.pid" if operation.pid is not None else ""
    if operation.kind == "ptrace":
        return "tetragon.operation.request" if operation.request is not None else ""
    return "tetragon.operation.name" if operation.name else ""
