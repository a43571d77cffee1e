"""What an execution by itself tells of a way out: what it may do, which namespaces it is in, where it stands."""

from typing import Final

from schemas.difference import difference
from schemas.escape_actor import is_entry, is_runtimes
from schemas.escape_programs import says_something, signs_of, starts_elsewhere
from schemas.escape_rules import RULES
from schemas.escape_signs import ON_HOST, Sign, Signs
from schemas.fim.classifier import Classifier
from schemas.holder import Holder
from schemas.lineage import Lineage, Source, basename
from schemas.programs import RUNTIMES
from schemas.rights import NAMESPACES, mask_of, read, rights_of
from schemas.tetragon import Event, Process

_OPEN_FILES: Final = ("/proc/self/fd/", "/proc/thread-self/fd/")
_HOST: Final = frozenset(("mnt", "net", "pid", "user"))  # the namespaces whose host's is a way out
_MNT: Final = 1 << NAMESPACES.index("mnt")
# Each of them is as good as root, on the host too.
_GRAVE: Final = mask_of(
    ["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE", "CAP_SYS_BOOT", "CAP_SYSLOG",
     "CAP_DAC_READ_SEARCH", "CAP_NET_ADMIN", "CAP_BPF"]
)  # fmt: skip
_OF_CREDENTIALS: Final = "tetragon.process.process_credentials.caps.permitted"
_SYS_ADMIN: Final = mask_of(["CAP_SYS_ADMIN"])  # without it nobody enters another mount namespace


def execution_signs(event: Event, process: Process, lineage: Lineage, classifier: Classifier) -> Signs:
    execution = lineage.process
    signs: Signs = ()
    name = execution.name
    if says_something(name, process.arguments, contained=bool(process.docker)):
        signs = tuple(signs_of(name, process.arguments, classifier))
        if starts_elsewhere(name, process.arguments):
            signs = (*signs, _sign("runtime_overwritten", "process.args", condition=ON_HOST))
    if process.cwd.startswith(_OPEN_FILES):
        signs = (*signs, _sign("runtime_overwritten", "process.working_directory", condition=ON_HOST))
    if process.docker:
        if execution.source is Source.EXEC:
            signs = (*signs, *_begun(process, lineage))
    elif event.parent is not None and event.parent.docker and execution.source is not Source.PROCFS:
        signs = (*signs, *_left(process, event.parent))
    return signs


def _begun(process: Process, lineage: Lineage) -> Signs:
    execution = lineage.process
    base = lineage.previous[-1] if lineage.previous else lineage.parent
    if base is None or base.rights == execution.rights:
        return ()
    if base.container != execution.container:
        if execution.joined or is_runtimes(execution, lineage) or not is_entry(execution, lineage):
            return ()
        return _capable(process)
    found = difference(Holder(base.uid, base.rights), Holder(execution.uid, execution.rights))
    to_host = [name for name in found.to_host if name in _HOST] if found is not None else []
    if not to_host:
        return ()
    return (_sign("nsenter", *(f"tetragon.process.ns.{name}.is_host" for name in to_host)),)


def _capable(process: Process) -> Signs:
    if not (read(rights_of(process)).permitted or 0) & _GRAVE:
        return ()
    of_cap = process.cap is not None
    return (_sign("capabilities", "process.thread.capabilities.permitted" if of_cap else _OF_CREDENTIALS),)


def _left(process: Process, before: Process) -> Signs:
    """`before` is its parent, or the image that it was before."""
    if not read(rights_of(process)).host & _MNT or basename(before.binary).startswith(RUNTIMES):
        return ()
    severity = RULES["left"].severity
    if before.pid != process.pid:
        # Tetragon may be wrong about a parent; but for what the parent could not do, it is wrong.
        may = read(rights_of(before)).permitted
        if may is None:
            severity -= 1
        elif not may & _SYS_ADMIN:
            return ()
    return (Sign("left", severity, ("tetragon.parent.docker", "tetragon.process.ns.mnt.is_host"), condition=ON_HOST),)


def _sign(rule: str, *fields: str, condition: str = "") -> Sign:
    return Sign(rule, RULES[rule].severity, fields, condition=condition)
