"""How grave it is that somebody touched a file: what the file is, how it was touched, and by whom."""

from collections.abc import Sequence
from typing import Final

import msgspec

from schemas.actor import Actor
from schemas.fim.classifier import Classified, Knowledge
from schemas.fim.taxonomy import SEVERITIES
from schemas.operation import Operation

_SET_ID: Final = 0o6000
_EXECUTE: Final = 0o111
_SCRATCH: Final = frozenset({"scratch.tmp", "scratch.shm"})
_MODES: Final = frozenset({"chmod", "setattr"})
_OWN_ROOTS: Final = ("/proc/self/", "/proc/thread-self/")
_WORST: Final = len(SEVERITIES) - 1


class Verdict(msgspec.Struct, frozen=True, gc=False):
    severity: int  # 0 to 4
    baseline: int  # what the file and the way of touching it amount to, whoever did it
    reason: Sequence[str]  # the category that gave the baseline, what raised it, what lowered it
    technique: Sequence[str]


def judge(classified: Classified, known: Knowledge, operation: Operation, changes: bool, actor: Actor) -> Verdict:
    """`changes`: this end of the operation, which may have two, is changed by it."""
    touch = known.write if changes else known.read
    through_root = ("host_root",) if actor.contained and _leads_out(classified.via) else ()
    gained = _gained(operation, known) if changes else ()
    packaging = ("package_manager",) if actor.packaging else ()
    owner = ("owner",) if actor.program in touch.owners else ()
    failed = ("failed",) if operation.failed else ()

    severity = touch.severity + sum(map(bool, (through_root, actor.suspicions, gained)))
    severity -= 2 * len(packaging) + len(owner) + len(failed)
    if packaging:
        severity = max(severity, min(known.floor, touch.severity))
    severity = min(max(severity, 0), _WORST)
    reason = (touch.category, *through_root, *actor.suspicions, *gained, *packaging, *owner, *failed)
    return Verdict(severity, touch.severity, reason, touch.technique if severity else ())


def _leads_out(via: str) -> bool:
    return bool(via) and not via.startswith(_OWN_ROOTS)


def _gained(operation: Operation, known: Knowledge) -> Sequence[str]:
    """What the file can do from now on, and could not before, as far as it is told."""
    if operation.kind == "setxattr" and operation.name == "security.capability":
        return ("file_capability",)
    if operation.kind not in _MODES or operation.mode is None:
        return ()
    found = []
    if operation.mode & _SET_ID and "s" not in operation.permission.lower()[1:]:
        found.append("set_id")
    if operation.mode & _EXECUTE and "x" not in operation.permission and not _SCRATCH.isdisjoint(known.categories):
        found.append("scratch_made_executable")
    return found
