"""What documents tell of processes: one for each exec_id, whatever of it is known. Pure."""

from collections.abc import Iterable

import msgspec

from app.read.fields import Document, number, text, texts
from app.read.findings import Finding, findings

_NAMED = 10  # so many ancestors tetragon.lineage.names tells of at most, and process.Ext.ancestry of twice as many


class Process(msgspec.Struct, omit_defaults=True):
    """`executable` is empty where only the exec_id is known; a name alone where only that is."""

    id: str
    parent: str = ""  # exec_id
    executable: str = ""
    args: list[str] = []  # behind the name
    pid: int | None = None
    user: str = ""  # its name, else its id
    start: str = ""
    exit_code: int | None = None
    signal: str = ""
    duration: int | None = None  # ns
    previous: list[str] = []  # executables of earlier images of the same pid, oldest first
    findings: list[Finding] = []  # each once, the gravest first
    host: str = ""
    pod: str = ""
    entry: str = ""  # how its session came onto the node: process.entry_leader.entry_meta.type
    told: bool = False  # by an event of its own, not only as somebody's ancestor


Known = dict[str, Process]


def processes(documents: Iterable[Document]) -> Known:
    known: Known = {}
    for document in documents:
        learn(known, document)
    return known


def learn(known: Known, document: Document) -> None:
    entity = text(document, "process.entity_id")
    if not entity:
        return
    process = known.setdefault(entity, Process(entity))
    process.told = True
    _fill(process, document, "process")
    process.user = text(document, "user.name") or process.user or text(document, "user.id")
    process.host = text(document, "host.name") or process.host
    process.pod = _pod(document) or process.pod
    process.entry = text(document, "process.entry_leader.entry_meta.type") or process.entry
    process.previous = texts(document, "process.previous.executable") or process.previous
    if text(document, "tetragon.event") == "process_exit":
        process.exit_code = number(document, "process.exit_code")
        process.signal = text(document, "tetragon.exit.signal")
        process.duration = number(document, "event.duration")
    new = [each for each in findings(document) if each.severity and each not in process.findings]
    if new:
        process.findings = sorted([*process.findings, *new], key=lambda each: -each.severity)
    _learn_ancestors(known, process, document)


def _learn_ancestors(known: Known, process: Process, document: Document) -> None:
    parent = text(document, "process.parent.entity_id")
    ids = texts(document, "process.Ext.ancestry")
    if parent and parent != process.id:
        process.parent = parent
        above = known.setdefault(parent, Process(parent))
        if not above.told:
            _fill(above, document, "process.parent")
    elif ids and ids[0] != process.id:
        process.parent = ids[0]
    names = texts(document, "tetragon.lineage.names")
    # Only if nobody in between lacks a name or an id are both lists of the same ancestors.
    depth = number(document, "tetragon.lineage.depth") or 0
    aligned = len(names) == min(depth, _NAMED) and len(ids) >= min(depth, 2 * _NAMED)
    for place, entity in enumerate(ids):
        ancestor = known.setdefault(entity, Process(entity))
        if not ancestor.executable and aligned and place < len(names):
            ancestor.executable = names[place]
        if not ancestor.parent and place + 1 < len(ids):
            ancestor.parent = ids[place + 1]
        ancestor.host = ancestor.host or process.host


def _fill(process: Process, document: Document, place: str) -> None:
    process.executable = text(document, f"{place}.executable") or process.executable
    args = texts(document, f"{place}.args")
    process.args = args[1:] if args else process.args
    pid = number(document, f"{place}.pid")
    process.pid = pid if pid is not None else process.pid
    process.user = text(document, f"{place}.user.id") or process.user
    process.start = text(document, f"{place}.start") or process.start


def _pod(document: Document) -> str:
    namespace, pod = text(document, "kubernetes.namespace"), text(document, "kubernetes.pod.name")
    return f"{namespace}/{pod}" if namespace and pod else pod
