"""What an execution by itself tells of a way out: what it may do, which namespaces it is in, where it stands."""

from typing import Final

from schemas.escape.actor import begins_container, is_entry
from schemas.escape.programs import Reading
from schemas.escape.rules import RULES
from schemas.escape.signs import ON_HOST, Sign, Signs
from schemas.lineage import Lineage, Source, basename
from schemas.programs import RUNTIMES
from schemas.rights import NAMESPACES, mask_of, may_as_root, read, rights_of
from schemas.tetragon import Event, Process
from schemas.times import SECOND, nanoseconds

_OPEN_FILES: Final = ("/proc/self/fd/", "/proc/thread-self/fd/")
# The namespaces whose host's is a way out.
_HOST: Final = sum(1 << NAMESPACES.index(name) for name in ("mnt", "net", "pid", "user"))
_MNT: Final = 1 << NAMESPACES.index("mnt")
_OF_CREDENTIALS: Final = "tetragon.process.process_credentials.caps.permitted"
_SYS_ADMIN: Final = mask_of(["CAP_SYS_ADMIN"])  # without it nobody enters another mount namespace


def execution_signs(event: Event, process: Process, lineage: Lineage, read_program: Reading) -> Signs:
    execution = lineage.process
    signs = read_program(execution.name, process.arguments, process.docker != "")
    if process.cwd.startswith(_OPEN_FILES):
        signs = (*signs, _sign("runtime_overwritten", "process.working_directory", condition=ON_HOST))
    if process.docker:
        if execution.source is Source.EXEC:
            signs = (*signs, *_begun(process, lineage))
    elif event.parent is not None and event.parent.docker and execution.source is not Source.PROCFS:
        signs = (*signs, *_left(process, event.parent, lineage.suspect))
    return signs


def _begun(process: Process, lineage: Lineage) -> Signs:
    execution = lineage.process
    base = lineage.previous[-1] if lineage.previous else lineage.parent
    if base is None:
        return ()
    if base.container == execution.container and base.rights == execution.rights and not lineage.previous:
        return ()
    if begins_container(execution, base, lineage):
        return _capable(process) if execution.rights and is_entry(execution, lineage) else ()
    if base.container != execution.container:
        return ()
    before, after = read(base.rights), read(execution.rights)
    reached = after.host & ~before.host & _HOST if before.namespaces else 0
    if not reached:
        return ()
    names = [name for place, name in enumerate(NAMESPACES) if reached >> place & 1]
    return (_sign("nsenter", *(f"tetragon.process.ns.{name}.is_host" for name in names)),)


def _capable(process: Process) -> Signs:
    if not may_as_root(read(rights_of(process))):
        return ()
    of_cap = process.cap is not None
    return (_sign("capabilities", "process.thread.capabilities.permitted" if of_cap else _OF_CREDENTIALS),)


def _left(process: Process, before: Process, suspect: bool) -> Signs:
    """`before` is its parent, or the image that it was before. `suspect`: the lineage does not believe that."""
    if not read(rights_of(process)).host & _MNT or basename(before.binary).startswith(RUNTIMES):
        return ()
    severity = RULES["left"].severity
    if before.pid != process.pid:
        # Tetragon may be wrong about a parent; and it is, if that came later, or could not have done it.
        began, start = nanoseconds(before.start_time), nanoseconds(process.start_time)
        if began and start and began > start + SECOND:
            return ()
        may = read(rights_of(before)).permitted
        if may is None:
            severity -= 1
        elif not may & _SYS_ADMIN:
            return ()
    told = "tetragon.lineage.suspect" if suspect else "tetragon.parent.docker"
    return (Sign("left", severity, (told, "tetragon.process.ns.mnt.is_host"), condition=ON_HOST),)


def _sign(rule: str, *fields: str, condition: str = "") -> Sign:
    return Sign(rule, RULES[rule].severity, fields, condition=condition)
