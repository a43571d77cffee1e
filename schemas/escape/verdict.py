"""How grave it is that this process does what may be a way out, from 0 (it is its work) to 4."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from schemas.actor import Actor
from schemas.escape.actor import (
    CLIENTS,
    is_clouds,
    is_entry,
    is_job,
    is_own,
    is_probes,
    is_runtimes,
)
from schemas.escape.programs import TWO_EDGED, enters_first
from schemas.escape.rules import RULES
from schemas.escape.signs import FOREIGN, ON_HOST, PUT_IN_PLACE, STREAM, Sign
from schemas.finding import Finding
from schemas.lineage import Execution, Lineage
from schemas.operation import Operation
from schemas.privilege.causes import is_runtime
from schemas.privilege.powers import power_tags
from schemas.rights import NAMESPACES, read, rights_of
from schemas.tetragon import Process

_OF_JOBS: Final = frozenset(("helm", "kubectl"))  # they are there to talk to an API server
_PID: Final = NAMESPACES.index("pid")

# What a container may be deployed for.
DEPLOYED: Final = frozenset(
    ("bpf", "chroot_host", "device", "host_prefix", "metadata_service", "module", "mount", "nsenter", "proc_root",
     "recon", "runtime_socket")
)  # fmt: skip
# What neither a runtime nor a probe does for a living.
_NO_RUNTIMES: Final = frozenset(("bpf", "kubernetes_api", "metadata_service", "module", "service_account_token"))
OF_PROBES: Final = frozenset(("kubernetes_api", "metadata_service", "recon", "service_account_token"))

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
    # A runtime that came of a web shell is one in name only.
    runtimes = is_runtimes(execution, lineage) and "shell_under_server" not in actor.suspicions
    return Doer(
        process, execution, lineage, actor, runtimes, is_probes(execution, lineage), is_own(execution, lineage, actor)
    )


def judge(sign: Sign, by: Doer, operation: Operation | None) -> Finding | None:
    rule = sign.rule
    if by.runtimes and rule not in _NO_RUNTIMES and sign.condition != ON_HOST:
        return None
    if by.probes and rule in OF_PROBES:
        return None
    weigh = _WEIGHED.get(rule)
    severity, more = weigh(sign, by, operation) if weigh is not None else (sign.severity, ())
    if not severity:
        return None
    lowered = []
    if by.own and rule in DEPLOYED:
        severity -= 2
        lowered.append("it is the container's own program")
    if operation is not None and operation.failed:
        severity -= 1
        lowered.append("Tetragon denied it" if operation.denied else "it failed")
    fields = dict.fromkeys((*sign.fields, *more, *((_DOCKER,) if by.process.docker else ())))
    return _finding(rule, max(1, severity), "; ".join((RULES[rule].reason, *lowered)), tuple(fields))


@lru_cache(maxsize=1024)
def _finding(rule: str, severity: int, reason: str, fields: tuple[str, ...]) -> Finding:
    told = RULES[rule]
    return Finding(told.full_name, severity, reason, fields, told.techniques)


Weight: TypeAlias = tuple[int, tuple[str, ...]]  # and more fields that show it


def _reached(sign: Sign, by: Doer, _: Operation | None) -> Weight:
    process = by.process
    if not sign.about:
        return sign.severity, ()
    pod = process.pod
    own = (process.pid, pod.container.pid if pod is not None and pod.container is not None else None)
    if sign.about in map(str, own):
        return 0, ()
    rights = read(rights_of(process))
    known = len(rights.namespaces) > _PID and rights.namespaces[_PID] != 0
    if known and rights.host & 1 << _PID:
        return sign.severity, ("tetragon.process.ns.pid.is_host",)
    if sign.condition == STREAM:
        return 0, ()
    return (2, ("tetragon.process.ns.pid.inum",)) if known else (sign.severity, ())


def _outside(sign: Sign, by: Doer, operation: Operation | None) -> Weight:
    """By way of a process: where that is one of the container's own, so is its root, and `proc_root` tells."""
    if not sign.about or _reached(sign, by, operation)[0] == sign.severity:
        return sign.severity, ()
    return 0, ()


def _mounted(sign: Sign, by: Doer, _: Operation | None) -> Weight:
    pod = by.process.pod
    container = pod.container if pod is not None else None
    context = container.security_context if container is not None else None
    if context is None or not context.privileged:
        return sign.severity, ()
    return sign.severity + 1, ("container.security_context.privileged",)


def _entered(sign: Sign, by: Doer, _: Operation | None) -> Weight:
    if enters_first(by.execution.name, by.process.arguments):
        return RULES[sign.rule].severity, ("process.args",)
    return sign.severity, ()


def _read(sign: Sign, by: Doer, _: Operation | None) -> Weight:
    if sign.condition == FOREIGN:
        return sign.severity, _name(by)
    if by.own is not False:
        return 0, ()
    job = by.execution.name in _OF_JOBS and is_job(by.execution, by.lineage, by.actor)
    return sign.severity - job, _name(by)


def _asked_cluster(sign: Sign, by: Doer, _: Operation | None) -> Weight:
    if by.execution.name in CLIENTS:
        return sign.severity, _name(by)
    # Of etcd, this one asks for everything; backups of a cluster are made by it, too.
    return 2 if by.execution.name == "etcdctl" and not by.own else 0, _name(by)


def _asked_runtime(sign: Sign, by: Doer, _: Operation | None) -> Weight:
    if by.execution.name in CLIENTS:
        return sign.severity, _name(by)
    return (sign.severity - 1, _name(by)) if by.execution.name.startswith(("docker", "podman")) else (0, ())


def _asked_cloud(sign: Sign, by: Doer, _: Operation | None) -> Weight:
    if not by.process.docker:
        return 0 if is_clouds(by.execution) else sign.severity, ()
    return (sign.severity + 1, _name(by)) if by.execution.name in CLIENTS else (sign.severity, ())


def _loaded(sign: Sign, by: Doer, operation: Operation | None) -> Weight:
    tags = power_tags(operation, by.execution, by.actor) if operation is not None else {}
    return sign.severity if f"{sign.rule}_load" in tags else 0, ()


def _ran(sign: Sign, by: Doer, _: Operation | None) -> Weight:
    execution = by.execution
    begins = is_entry(execution, by.lineage) and not execution.joined and not by.actor.suspicions
    return sign.severity - 2 if begins and execution.name in TWO_EDGED else sign.severity, ()


def _replaced(sign: Sign, by: Doer, _: Operation | None) -> Weight:
    return 0 if sign.condition == PUT_IN_PLACE and by.actor.packaging else sign.severity, ()


def _name(by: Doer) -> tuple[str, ...]:
    return ("process.name",) if by.process.binary else ()


# Where who does it, or from where, makes it more or less, or nothing.
_WEIGHED: Final[Mapping[str, Callable[[Sign, Doer, Operation | None], Weight]]] = {
    "bpf": _loaded,
    "host_prefix": _outside,
    "kubernetes_api": _asked_cluster,
    "metadata_service": _asked_cloud,
    "module": _loaded,
    "mount": _mounted,
    "nsenter": _entered,
    "proc_root": _reached,
    "runtime_api": _asked_runtime,
    "runtime_overwritten": _replaced,
    "service_account_token": _read,
    "tool": _ran,
}
