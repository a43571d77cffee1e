"""What a file is that somebody touched, and how grave that is.

The taxonomy is schemas/fim/taxonomy.yaml; a file fim.yaml in the folder of your agents changes it. `tetragon.fim` has

- `op` how the file was touched, as schemas.operation names it; `path` within its own root, by its own name if that is
  known; `via` the folder that showed that root, like /proc/1/root; `deleted` if the name was gone; `relative` if the
  process did not say where it begins;
- `category` the one that knows most of the path; `categories` all that match;
- `severity` from 0 to 4, `verdict` its name; `baseline` the severity without regard to who did it; `reason` the
  category that gave the baseline, how the file was reached (bound, disk_mounted, guessed, linked, mounted, renamed,
  symlinked), what raised it (folder_above, host_root, shell_under_server, exec_from_scratch, container_exec_session,
  set_id, file_capability, scratch_made_executable) and what lowered it (package_manager, backup_job, ansible, visudo,
  setting, owner, service, logged_in, index_page, own_program, image_layer, backup, user_attribute, failed);
- `technique` of MITRE ATT&CK; `pci` and `cis` the requirements that name such files;
- `repeat` if the process did the same to the same path within the minute before.

Of an operation with two ends, and of an event with several operations, the gravest is told. From `medium` on it is a
finding, `fim.<category>`, from `high` on if those did it whose work it is.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zlib import crc32

from msgspec.structs import replace

from agents import FINDINGS, Fields, Function, Memory, agent
from schemas.actor import Actor, actor_of
from schemas.escape.actor import is_deployed
from schemas.fim.backups import is_packed
from schemas.fim.classifier import Classified, Classifier, Knowledge, built_in_classifier
from schemas.fim.names import NAMING, Names, Own, learn, makes_containers, own_name
from schemas.fim.repeats import is_repeated, note_name
from schemas.fim.report import fields_of, findings_of
from schemas.fim.taxonomy import built_in, read_changes
from schemas.fim.touches import touches
from schemas.fim.verdict import Verdict, judge
from schemas.fragment import fragment
from schemas.lineage import Lineage
from schemas.operation import Operation, operations
from schemas.programs import BACKUP_TOOLS
from schemas.tetragon import Event, Process

KEPT: Final = 86_400.0  # seconds for which another name of a file is remembered

_NOTHING: Final[Fields] = {}
_CACHED: Final = 4096
_LONG: Final = 512  # characters of a path that is not worth keeping
_REPEATS: Final = 128  # touches of one node that are remembered
_FOLDERS: Final = 128  # working directories of one node that are remembered
_HOST: Final = "host"  # no container's id
_MOVING: Final = "chdir"
_REPLACING: Final = frozenset({"mount", "rename"})  # all that is below a folder, too
_CODE: Final = frozenset({"binaries.local", "binaries.system", "libraries", "persistence.systemd"})

_Others = Sequence[tuple[str, Own]]  # names that an operation uses, and whose they are


class _Told(NamedTuple):
    fields: Fields
    repeated: Fields


_UNTOLD: Final = _Told(_NOTHING, _NOTHING)


def judging(classifier: Classifier) -> Function:
    @lru_cache(maxsize=_CACHED)  # the same program touches the same file again and again
    def told(found: Sequence[Operation], actor: Actor, others: _Others, deployed: bool) -> _Told:
        worst: tuple[Verdict, Classified, Knowledge, Operation] | None = None
        names = dict(others)
        for operation in found:
            for path, changes in touches(operation):
                # Without its beginning, a path is no more than one that was given below a descriptor.
                asked = path.lstrip("/") if operation.truncated else path
                classified = classifier.classify_anew(asked) if len(asked) > _LONG else classifier.classify(asked)
                own = names.get(path)
                if own is not None:
                    classified = classifier.classify_as(own.path, classified, own.how, own.root)
                known = classified.knowledge
                if known is None:
                    continue
                below = classifier.below(classified) if changes and operation.kind in _REPLACING else 0
                if changes and operation.kind == "mount" and (makes_containers(actor) or _is_usual(classified, below)):
                    continue
                packed = bool(actor.archiving) and is_packed(
                    classified.path, actor.archiving, classifier, anywhere=actor.program in BACKUP_TOOLS
                )
                verdict = judge(classified, known, operation, changes, actor, packed, below, deployed)
                if worst is None or verdict.severity > worst[0].severity:
                    worst = verdict, classified, known, operation
        return _told(*worst) if worst is not None else _UNTOLD

    def fim(event: Event, lineage: Lineage, memory: Memory) -> Fields:
        found = operations(event)
        if not found or event.process is None:
            return _NOTHING
        first, process = found[0], event.process
        if first.kind == _MOVING:
            _move(first, process, memory)
            return _NOTHING
        if not first.path and not first.target and (first.socket is None or not first.socket.path):
            return _NOTHING
        if first.relative or "/cwd" in first.path or "/cwd" in first.target:
            found = tuple(_begun(each, process, memory) for each in found)
            first = found[0]
        actor = actor_of(process, lineage)
        place = lineage.process.container or _HOST
        names: Names = memory.get(place) or {}
        others = _others(found, names, classifier) if names else ()
        long = len(first.path) + len(first.target) > _LONG
        judged = told.__wrapped__ if long else told
        told_now = judged(found, actor, others, False)
        # Dearer to ask than all else, and it makes nothing graver.
        if actor.contained and FINDINGS in told_now.fields and is_deployed(lineage.process, lineage, actor):
            told_now = judged(found, actor, others, True)
        if first.kind in NAMING:
            note_name(first, event.time, memory)
            changed = learn(first, names, classifier, actor, _cwd(process, memory))
            if changed is not None:
                memory[place] = changed
        repeated = told_now.fields and is_repeated(first, process.exec_id, event.time, memory, _REPEATS)
        return told_now.repeated if repeated else told_now.fields

    return fim


def changed(text: bytes, file: str) -> Function:
    """With the taxonomy as a user's file changes it. Raises ValueError, naming the lines."""
    return judging(Classifier(read_changes(text, file, built_in())))


def _told(verdict: Verdict, classified: Classified, known: Knowledge, operation: Operation) -> _Told:
    fields = fields_of(verdict, classified, known, operation)
    findings = findings_of(verdict, classified, known, operation)
    found: dict[str, Any] = {FINDINGS: findings} if findings else {}
    return _Told(
        {"tetragon.fim": fragment(fields), **found}, {"tetragon.fim": fragment({**fields, "repeat": True}), **found}
    )


def _is_usual(covered: Classified, below: int) -> bool:
    """Folders of areas, like that of the logs, are where disks and volumes are mounted; programs are not."""
    known = covered.knowledge
    if known is not None and (known.specific or below > known.write.severity):
        return False
    return known is None or bool(covered.via) or known.categories[0] not in _CODE


def _others(found: Sequence[Operation], names: Names, classifier: Classifier) -> _Others:
    known = {
        path: own
        for operation in found
        for path, _ in touches(operation)
        if (own := own_name(classifier.whole_name(path), operation.kind, names)) is not None
    }
    return tuple(known.items())


def _move(operation: Operation, process: Process, memory: Memory) -> None:
    """Where a process is when it names files; by a descriptor, nobody knows."""
    if not operation.failed and len(operation.path) <= _LONG:
        memory[_place(process)] = [process.exec_id, operation.path if operation.path.startswith("/") else ""]


def _begun(operation: Operation, process: Process, memory: Memory) -> Operation:
    """With paths that begin where the process is now, rather than where it was when it began."""
    cwd = _cwd(process, memory)
    path = _from(operation.path, process, cwd, operation.relative and operation.absolute != "path")
    target = _from(operation.target, process, cwd, operation.relative and operation.absolute != "target")
    same = path == operation.path and target == operation.target
    return operation if same else replace(operation, path=path, target=target)


def _cwd(process: Process, memory: Memory) -> str:
    moved = memory.get(_place(process))
    return str(moved[1]) if moved is not None and moved[0] == process.exec_id else process.cwd


def _from(path: str, process: Process, cwd: str, relative: bool) -> str:
    for own in ("/proc/self/cwd/", "/proc/thread-self/cwd/", f"/proc/{process.pid}/cwd/"):
        if path.startswith(own):
            return f"{cwd.rstrip('/')}/{path.removeprefix(own)}" if cwd else path.removeprefix(own)
    joined = f"{process.cwd.rstrip('/')}/"
    if relative and cwd != process.cwd and process.cwd and path.startswith(joined):
        return f"{cwd.rstrip('/')}/{path.removeprefix(joined)}" if cwd else path.removeprefix(joined)
    return path


def _place(process: Process) -> str:
    return f"c{crc32(process.exec_id.encode()) % _FOLDERS}"


fim = agent(
    events={"process_kprobe", "process_lsm", "process_tracepoint", "process_loader"},
    adds={"tetragon.fim", FINDINGS},
    ttl=KEPT,
    configure=changed,
)(judging(built_in_classifier()))
