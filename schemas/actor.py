"""What counts of the process that did something, when one asks how grave that is: who it is and where it comes from."""

from functools import lru_cache
from itertools import pairwise
from posixpath import normpath
from typing import Final

import msgspec

from schemas.lineage import Above, Lineage, basename
from schemas.programs import SCRATCH, SHELLS, is_installer, is_server
from schemas.tetragon import Process

_SYSTEM: Final = ("/usr/", "/bin/", "/sbin/", "/lib/", "/opt/", "/snap/")
_GENERATIONS: Final = 4  # between a server and what a shell of it did


class Actor(msgspec.Struct, frozen=True, gc=False, eq=False):
    """It is cached, and hashed by identity."""

    program: str  # the name of a program of the system; empty for another, which can have any name
    contained: bool
    suspicions: tuple[str, ...]  # of shell_under_server, exec_from_scratch, container_exec_session
    packaging: bool  # a package manager or a configuration manager, or below one


def actor_of(process: Process, lineage: Lineage) -> Actor:
    """`process` is the event's, `lineage` that process's."""
    return _actor(lineage.above, lineage.process.binary or process.binary, bool(process.docker), _entered(process))


@lru_cache(maxsize=8192)
def _actor(above: Above, binary: str, contained: bool, entered: bool) -> Actor:
    packaged, served, serving = _origin(above)
    suspicions = {
        "shell_under_server": served or (serving and basename(binary) in SHELLS),
        "exec_from_scratch": from_scratch(binary),
        "container_exec_session": entered,
    }
    return Actor(
        program=basename(binary) if binary.startswith(_SYSTEM) else "",
        contained=contained,
        suspicions=tuple(name for name, holds in suspicions.items() if holds),
        packaging=packaged or _packages(binary),
    )


def _entered(process: Process) -> bool:
    """From outside, into a container that runs: by `kubectl exec`, `nsenter`; not by a probe."""
    if not process.docker or process.in_init_tree is not False:
        return False
    pod = process.pod
    return pod is None or pod.container is None or not pod.container.maybe_exec_probe


@lru_cache(maxsize=8192)
def from_scratch(binary: str) -> bool:
    """It lies where anyone may write, or hidden."""
    if "/." not in binary and "//" not in binary:
        return binary.startswith(SCRATCH)
    path = normpath(binary).replace("//", "/")
    return path.startswith(SCRATCH) or "/." in path


@lru_cache(maxsize=4096)
def _origin(above: Above) -> tuple[bool, bool, bool]:
    """Below a package manager; below a shell of a server; a server's own child."""
    known = above.ancestors
    served = any(
        basename(shell.binary) in SHELLS and is_server(basename(server.binary))
        for shell, server in pairwise(known[: _GENERATIONS + 1])
    )
    return any(_packages(each.binary) for each in known), served, bool(known) and is_server(basename(known[0].binary))


def _packages(binary: str) -> bool:
    # A name alone is easily taken: what lies elsewhere is no package manager.
    return binary.startswith(_SYSTEM) and is_installer(basename(binary))
