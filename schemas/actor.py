"""What counts of the process that did something, when one asks how grave that is: who it is and where it comes from."""

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

import msgspec

from schemas.lineage import Above, Lineage, basename
from schemas.places import from_scratch, is_systems
from schemas.programs import (
    ARCHIVERS,
    BACKUP_JOB,
    DAEMONS,
    RUNTIMES,
    SHELLS,
    SWITCHERS,
    is_editor,
    is_installer,
    is_interpreter,
    is_server,
)
from schemas.shells import makes_picture
from schemas.tetragon import Process

_SETTER: Final = "sysctl"
_VISUDO: Final = "visudo"
_TOLD: Final = tuple(f"/{name}" for name in sorted({*ARCHIVERS, _SETTER}))  # what they do is in their arguments
_GENERATIONS: Final = 4  # between a server and what a shell of it did
_KANIKO: Final = "/kaniko/executor"
_ITSELF: Final = "/proc/self/exe"
_MODULE: Final = re.compile(r"(?:^| )/(?:root|home/[^/ ]+)/\.ansible/tmp/ansible-tmp-[\d.-]+/AnsiballZ_\w+\.py(?: |$)")
_CLOSE: Final = 3  # ancestors between a job's script and what it runs
_TIMERS: Final = frozenset(("anacron", "cron", "crond"))


class Actor(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Hashed by identity, so that what is made of one can be cached: those who are alike are one and the same."""

    program: str  # the name of a program of the system; empty for another, which can have any name
    contained: bool
    suspicions: tuple[str, ...]  # of shell_under_server, exec_from_scratch, container_exec_session
    packaging: bool  # a package manager or a configuration manager, or below one
    # The rest, but `building`, is of the host alone: in a container, a file of any name may be put anywhere.
    daemon: bool = False  # a service that init started, with nobody between who could have told it what to do
    person: bool = False  # somebody has logged in, and it came of that
    archiving: str = ""  # the arguments of a program that packs or copies whole folders
    backing_up: bool = False  # the distribution's own daily job
    building: bool = False  # in a container, into whose own root it unpacks the image that it builds
    ansible: bool = False  # a module that Ansible has brought, for somebody who logged in
    visudo: bool = False  # for somebody who logged in; or the editor that it has started
    setting: str = ""  # the arguments of sysctl, which somebody who logged in runs


def actor_of(process: Process, lineage: Lineage) -> Actor:
    """`process` is the event's, `lineage` that process's."""
    own = lineage.process
    binary = own.binary or process.binary
    arguments = own.arguments
    if not binary.endswith(_TOLD) and "/.ansible/tmp/" not in arguments:
        arguments = ""
    return _actor(lineage.above, binary, bool(process.docker), _entered(process), own.auid is not None, arguments)


@lru_cache(maxsize=8192)
def _actor(above: Above, binary: str, contained: bool, entered: bool, person: bool, arguments: str) -> Actor:
    packaged, served, serving = _origin(above)
    suspicions = {
        "shell_under_server": served or (serving and basename(binary) in SHELLS),
        "exec_from_scratch": from_scratch(binary),
        "container_exec_session": entered,
    }
    if binary == _ITSELF and above.ancestors and basename(above.ancestors[0].binary).startswith(RUNTIMES):
        binary = above.ancestors[0].binary  # runc's own copy, before it is a container's
    program = basename(binary) if is_systems(binary) else ""
    known = bool(program) and not contained and not any(suspicions.values())
    return _shared(
        program,
        contained,
        tuple(name for name, holds in suspicions.items() if holds),
        packaged or _packages(binary),
        known and program in DAEMONS and _is_service(above),
        known and person,
        arguments if known and program in ARCHIVERS else "",
        known and _is_backup(above),
        contained and binary == _KANIKO and not any(suspicions.values()),
        known and person and is_interpreter(program) and _MODULE.search(arguments) is not None,
        known and person and (program == _VISUDO or (is_editor(program) and _is_visudos(above))),
        arguments if known and person and program == _SETTER else "",
    )


_shared: Final = lru_cache(maxsize=4096)(Actor)


def _entered(process: Process) -> bool:
    """From outside, into a container that runs: by `kubectl exec`, `nsenter`; not by a probe."""
    if not process.docker or process.in_init_tree is not False:
        return False
    pod = process.pod
    return pod is None or pod.container is None or not pod.container.maybe_exec_probe


@lru_cache(maxsize=4096)
def _origin(above: Above) -> tuple[bool, bool, bool]:
    """Below a package manager; below a shell of a server; a server's own child."""
    known = above.ancestors
    near = known[: _GENERATIONS + 1]
    if known and makes_picture(known[0].binary, known[0].arguments):
        near = near[1:]  # what it starts itself is what makes the picture, and whatever that starts is not
    served = any(
        basename(shell.binary) in SHELLS and is_server(basename(server.binary)) for shell, server in pairwise(near)
    )
    return any(_packages(each.binary) for each in known), served, bool(known) and is_server(basename(known[0].binary))


def _is_service(above: Above) -> bool:
    names = [basename(each.binary) for each in above.ancestors]
    return above.complete and not any(
        name in SHELLS or name in SWITCHERS or is_interpreter(name) or from_scratch(each.binary)
        for name, each in zip(names, above.ancestors, strict=True)
    )


def _is_visudos(above: Above) -> bool:
    starter = above.ancestors[0].binary if above.ancestors else ""
    return basename(starter) == _VISUDO and is_systems(starter)


def _is_backup(above: Above) -> bool:
    jobs = [place for place, each in enumerate(above.ancestors[:_CLOSE]) if each.binary == BACKUP_JOB]
    return bool(jobs) and any(basename(each.binary) in _TIMERS for each in above.ancestors[jobs[0] :])


def _packages(binary: str) -> bool:
    # A name alone is easily taken: what lies elsewhere is no package manager.
    return is_installer(basename(binary)) and is_systems(binary)
