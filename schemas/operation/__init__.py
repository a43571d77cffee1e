"""What an event did: to a file, a socket, credentials, the kernel."""

from schemas.operation.reading import DENYING, hook_name, is_named, operations
from schemas.operation.shape import Bpf, CapabilitySets, Ids, Kind, Module, Operation, Socket

__all__ = [
    "DENYING",
    "Bpf",
    "CapabilitySets",
    "Ids",
    "Kind",
    "Module",
    "Operation",
    "Socket",
    "hook_name",
    "is_named",
    "operations",
]
