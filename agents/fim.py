"""What a file is that somebody touched, and how grave that is.

The taxonomy is schemas/fim/taxonomy.yaml; a file fim.yaml in the folder of your agents changes it. `tetragon.fim` has

- `op` how the file was touched, as schemas.operation names it; `path` within its own root; `via` the folder that showed
  that root, like /proc/1/root; `deleted` if the name was gone; `relative` if the process did not say where it begins;
- `category` the one that knows most of the path; `categories` all that match;
- `severity` from 0 to 4, `verdict` its name; `baseline` the severity without regard to who did it; `reason` the
  category that gave the baseline, what raised it (host_root, shell_under_server, exec_from_scratch,
  container_exec_session, set_id, file_capability, scratch_made_executable) and what lowered it (package_manager, owner,
  failed);
- `technique` of MITRE ATT&CK; `pci` and `cis` the requirements that name such files.

Of an operation with two ends, and of an event with several operations, the gravest is told.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from agents import Fields, Function, agent
from schemas.actor import Actor, actor_of
from schemas.fim.classifier import Classified, Classifier, Knowledge
from schemas.fim.taxonomy import SEVERITIES, built_in, read_changes
from schemas.fim.touches import touches
from schemas.fim.verdict import Verdict, judge
from schemas.fragment import fragment
from schemas.lineage import Lineage
from schemas.operation import Operation, operations
from schemas.tetragon import Event

_NOTHING: Final[Fields] = {}
_CACHED: Final = 4096
_LONG: Final = 512  # characters of a path that is not worth keeping


def judging(classifier: Classifier) -> Function:
    @lru_cache(maxsize=_CACHED)  # the same program touches the same file again and again
    def told(found: Sequence[Operation], actor: Actor) -> Fields:
        worst: tuple[Verdict, Classified, Knowledge, Operation] | None = None
        for operation in found:
            for path, changes in touches(operation):
                classified = classifier.classify_anew(path) if len(path) > _LONG else classifier.classify(path)
                known = classified.knowledge
                if known is None:
                    continue
                verdict = judge(classified, known, operation, changes, actor)
                if worst is None or verdict.severity > worst[0].severity:
                    worst = verdict, classified, known, operation
        return _NOTHING if worst is None else {"tetragon.fim": fragment(_fields(*worst))}

    def fim(event: Event, lineage: Lineage) -> Fields:
        found = operations(event)
        if not found or event.process is None:
            return _NOTHING
        actor = actor_of(event.process, lineage)
        long = len(found[0].path) + len(found[0].target) > _LONG
        return told.__wrapped__(found, actor) if long else told(found, actor)

    return fim


def changed(text: bytes, file: str) -> Function:
    """With the taxonomy as a user's file changes it. Raises ValueError, naming the lines."""
    return judging(Classifier(read_changes(text, file, built_in())))


def _fields(verdict: Verdict, classified: Classified, known: Knowledge, operation: Operation) -> dict[str, Any]:
    fields = {
        "op": operation.kind,
        "path": classified.path,
        "via": classified.via,
        "deleted": classified.deleted,
        "relative": operation.relative,
        "category": known.categories[0],
        "categories": known.categories,
        "verdict": SEVERITIES[verdict.severity],
        "reason": verdict.reason,
        "technique": verdict.technique,
        "pci": known.pci,
        "cis": known.cis,
    }
    told = {name: value for name, value in fields.items() if value}
    return {**told, "severity": verdict.severity, "baseline": verdict.baseline}


fim = agent(
    events={"process_kprobe", "process_lsm", "process_tracepoint", "process_loader"},
    adds={"tetragon.fim"},
    configure=changed,
)(judging(Classifier(built_in())))
