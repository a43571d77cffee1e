"""How grave it is that this process does what may be a way out, from 0 (it is its work) to 4."""

from functools import lru_cache
from typing import Final

import msgspec

from schemas.actor import Actor
from schemas.causes import is_runtime
from schemas.escape_actor import (
    CLIENTS,
    is_clouds,
    is_entry,
    is_own,
    is_probes,
    is_runtimes,
)
from schemas.escape_programs import TWO_EDGED, enters_first
from schemas.escape_rules import RULES
from schemas.escape_signs import FOREIGN, ON_HOST, PUT_IN_PLACE, STREAM, Sign
from schemas.finding import Finding
from schemas.lineage import Execution, Lineage
from schemas.operation import Operation
from schemas.powers import power_tags
from schemas.rights import NAMESPACES, read, rights_of
from schemas.tetragon import Process

_PID: Final = NAMESPACES.index("pid")

# What a container may be deployed for.
_DEPLOYED: Final = frozenset(
    ("bpf", "chroot_host", "device", "host_prefix", "metadata_service", "module", "mount", "nsenter", "proc_root",
     "recon", "runtime_socket")
)  # fmt: skip
# What neither a runtime nor a probe does for a living.
_NO_RUNTIMES: Final = frozenset(("bpf", "kubernetes_api", "metadata_service", "module", "service_account_token"))
_OF_PROBES: Final = frozenset(("kubernetes_api", "metadata_service", "recon", "service_account_token"))

_DOCKER: Final = "tetragon.process.docker"


class Doer(msgspec.Struct, frozen=True, gc=False):
    process: Process
    execution: Execution
    lineage: Lineage
    actor: Actor
    runtimes: bool
    probes: bool
    own: bool | None  # the program that the container is there for; None if that is not known


def doer(process: Process, lineage: Lineage, actor: Actor) -> Doer:
    execution = lineage.process
    if not process.docker:
        return Doer(process, execution, lineage, actor, is_runtime(execution), False, False)
    runtimes = is_runtimes(execution, lineage)
    return Doer(
        process, execution, lineage, actor, runtimes, is_probes(execution, lineage), is_own(execution, lineage, actor)
    )


def judge(sign: Sign, by: Doer, operation: Operation | None) -> Finding | None:
    severity, *more = _severity(sign, by, operation)
    if not severity:
        return None
    lowered = []
    if by.own and sign.rule in _DEPLOYED:
        severity -= 2
        lowered.append("it is the container's own program")
    if operation is not None and operation.failed:
        severity -= 1
        lowered.append("Tetragon denied it" if operation.denied else "it failed")
    fields = tuple(dict.fromkeys((*sign.fields, *more, *((_DOCKER,) if by.process.docker else ()))))
    return _finding(sign.rule, max(1, severity), "; ".join((RULES[sign.rule].reason, *lowered)), fields)


@lru_cache(maxsize=1024)
def _finding(rule: str, severity: int, reason: str, fields: tuple[str, ...]) -> Finding:
    told = RULES[rule]
    return Finding(told.full_name, severity, f"{reason}.", fields, told.techniques)


def _severity(sign: Sign, by: Doer, operation: Operation | None) -> tuple[int, *tuple[str, ...]]:
    """With more fields that show it."""
    rule, severity = sign.rule, sign.severity
    contained = bool(by.process.docker)
    if by.runtimes and rule not in _NO_RUNTIMES and sign.condition != ON_HOST:
        return (0,)
    if by.probes and rule in _OF_PROBES:
        return (0,)
    if rule == "proc_root":
        return _of_proc(sign, by.process)
    if rule == "mount":
        return (severity + 1, "container.security_context.privileged") if _is_privileged(by.process) else (severity,)
    if rule == "nsenter" and enters_first(by.execution.name, by.process.arguments):
        return (RULES[rule].severity, "process.args")
    if rule == "service_account_token":
        named = ("process.executable",) if by.process.binary else ()
        other = sign.condition == FOREIGN or by.own is False
        return (severity if other else 0, *named)
    if rule == "kubernetes_api":
        return (severity if by.execution.name in CLIENTS else 0, "process.name")
    if rule == "metadata_service":
        if not contained:
            return (0 if is_clouds(by.execution) else severity,)
        return (severity + 1, "process.name") if by.execution.name in CLIENTS else (severity,)
    if rule in ("module", "bpf") and operation is not None:
        return (severity if f"{rule}_load" in power_tags(operation, by.execution, by.actor) else 0,)
    if rule == "tool":
        begun = by.execution.name in TWO_EDGED and is_entry(by.execution, by.lineage) and not by.actor.suspicions
        return (severity - 2 if begun and not by.execution.joined else severity,)
    if sign.condition == PUT_IN_PLACE:
        return (0 if by.actor.packaging else severity,)
    return (severity,)


def _of_proc(sign: Sign, process: Process) -> tuple[int, *tuple[str, ...]]:
    pod = process.pod
    own = (process.pid, pod.container.pid if pod is not None and pod.container is not None else None)
    if sign.about in map(str, own):
        return (0,)
    rights = read(rights_of(process))
    known = len(rights.namespaces) > _PID and rights.namespaces[_PID] != 0
    if known and rights.host & 1 << _PID:
        return (sign.severity, "tetragon.process.ns.pid.is_host")
    if sign.condition == STREAM:
        return (0,)
    return (2, "tetragon.process.ns.pid.inum") if known else (sign.severity,)


def _is_privileged(process: Process) -> bool:
    pod = process.pod
    container = pod.container if pod is not None else None
    context = container.security_context if container is not None else None
    return context is not None and context.privileged
