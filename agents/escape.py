"""How a process gets out of its container, or tries to: by the kernel, the runtime, the host's files, its namespaces.

Each way is a rule of schemas.escape.rules, and a finding in `tetragon.findings`; docs/escape.md tells them all. What
failed or was denied is one less grave; what the container's own program does, mostly two less: it was deployed for
that. A file escape.yaml in the folder of your agents says who may do what, and where the host's root is mounted.
"""

from collections.abc import Sequence
from typing import Final

from agents import FINDINGS, Fields, Function, Memory, agent
from schemas.actor import actor_of
from schemas.escape.actor import READERS
from schemas.escape.exceptions import Exceptions, read_exceptions
from schemas.escape.executions import execution_signs
from schemas.escape.programs import reading
from schemas.escape.signs import ANYWHERE, MOUNTED, Sign, Signs, looking
from schemas.escape.verdict import doer, judge
from schemas.fim.classifier import Classifier, built_in_classifier
from schemas.fim.taxonomy import Taxonomy, built_in
from schemas.finding import Finding
from schemas.lineage import Lineage
from schemas.operation import Operation, operations
from schemas.tetragon import Event, Process, ProcessExec

KEPT: Final = 600.0  # seconds
ENOUGH: Final = 4  # different things about itself that one process looks at

_NOTHING: Final[Fields] = {}


def watching(exceptions: Exceptions) -> Function:
    classifier = _with_roots(exceptions.roots) if exceptions.roots else built_in_classifier()
    signs_of, read_program = looking(classifier), reading(classifier)

    def escape(event: Event, lineage: Lineage, memory: Memory) -> Fields:
        process = event.process
        if process is None:
            return _NOTHING
        if type(event.body) is ProcessExec:
            signs = execution_signs(event, process, lineage, read_program)
            return _told(event, process, lineage, memory, signs, None) if signs else _NOTHING
        found = operations(event)
        signs = signs_of(found, process.docker != "") if found else ()
        return _told(event, process, lineage, memory, signs, found[0]) if signs else _NOTHING

    def _told(
        event: Event, process: Process, lineage: Lineage, memory: Memory, signs: Signs, operation: Operation | None
    ) -> Fields:
        if not process.docker:
            signs = tuple(sign for sign in signs if sign.condition in ANYWHERE)
            if not signs:
                return _NOTHING
        by = doer(process, lineage, actor_of(process, lineage))
        worst: dict[str, Finding] = {}
        for sign in signs:
            finding = judge(sign, by, operation)
            if finding is None or not _remembered(sign, process, lineage, memory, operation):
                continue
            held = worst.get(sign.rule)
            if (held is None or finding.severity > held.severity) and not exceptions.hold(sign.rule, event):
                worst[sign.rule] = finding
        return {FINDINGS: list(worst.values())} if worst else _NOTHING

    return escape


def _with_roots(more: Sequence[str]) -> Classifier:
    known = built_in()
    return Classifier(Taxonomy(names=known.names, roots=[*known.roots, *more], categories=known.categories))


def _remembered(sign: Sign, process: Process, lineage: Lineage, memory: Memory, operation: Operation | None) -> bool:
    """Whether what was seen before makes it one; and what will."""
    if sign.rule == "recon":
        return _looked(sign.about, lineage, memory)
    if not sign.about or sign.rule not in ("chroot_host", "mount"):
        return True
    place = f"mounted:{process.docker}:{sign.about}"
    if sign.condition == MOUNTED:
        return place in memory
    if operation is None or not operation.failed:
        memory[place] = True
    return True


def _looked(at: str, lineage: Lineage, memory: Memory) -> bool:
    """It is the one more that is enough."""
    process = lineage.process
    reads_for = lineage.parent if process.name in READERS else None
    who = reads_for if reads_for is not None and reads_for.container == process.container else process
    place = f"looked:{who.exec_id}"
    before = memory.get(place, [])
    if at in before:
        return False
    memory[place] = [*before, at]
    return len(before) + 1 == ENOUGH


def changed(text: bytes, file: str) -> Function:
    """With a user's exceptions. Raises ValueError, naming the lines."""
    return watching(read_exceptions(text, file))


escape = agent(
    events={"process_exec", "process_kprobe", "process_lsm", "process_tracepoint"},
    adds={FINDINGS},
    ttl=KEPT,
    configure=changed,
)(watching(Exceptions()))
