"""How grave it is that somebody touched a file: what the file is, how it was touched, and by whom."""

from collections.abc import Sequence
from typing import Final

import msgspec

from schemas.actor import Actor
from schemas.fim.classifier import Classified, Knowledge, Touch
from schemas.fim.names import makes_containers
from schemas.fim.paths import leads_out
from schemas.fim.settings import is_harmless
from schemas.fim.taxonomy import SEVERITIES
from schemas.operation import Operation
from schemas.places import in_layer
from schemas.programs import ACCOUNT_TOOLS, RUNTIMES, SWITCHERS

_SET_IDS: Final = ((0o4000, 3), (0o2000, 6))  # and where it stands in -rwsr-sr-x
_EXECUTE: Final = 0o111
_SCRATCH: Final = frozenset({"scratch.tmp", "scratch.shm"})
_MODES: Final = frozenset({"chmod", "create", "setattr"})
_RIGHTS: Final = frozenset({"chmod", "chown"})
_OF_RIGHTS: Final = "T1222.002"
_EXECUTABLE: Final = frozenset("xst")  # letters of a file that may be executed
_WORST: Final = len(SEVERITIES) - 1
_LOW: Final = SEVERITIES.index("low")
_MEDIUM: Final = SEVERITIES.index("medium")
_ATTRIBUTES: Final = frozenset({"setxattr", "removexattr"})
_SUDOERS: Final = "auth.sudoers"
_UPLOAD: Final = "web.upload"
_WRITTEN: Final = frozenset({"create", "open", "write"})
_PHP: Final = ("apache2", "frankenphp", "httpd", "lsphp", "php")  # names begin so
_ASKED: Final = ACCOUNT_TOOLS | SWITCHERS | {"kubeadm"}  # they do one thing, for somebody who asks


class Verdict(msgspec.Struct, frozen=True, gc=False):
    severity: int  # 0 to 4
    baseline: int  # what the file and the way of touching it amount to, whoever did it
    reason: Sequence[str]  # the category that gave the baseline, how it was reached, what raised it, what lowered it
    technique: Sequence[str]
    about: str  # what such files are, for people


def judge(
    classified: Classified,
    known: Knowledge,
    operation: Operation,
    changes: bool,
    actor: Actor,
    packed: bool = False,
    below: int = 0,
    own: bool = False,
) -> Verdict:
    """`changes`: this end of the operation, which may have two, is changed by it. `packed`: it is read for a backup.
    `below`: how grave it is to change what is below, which is another from now on. `own`: the container's own program
    does it.
    """
    touch = known.write if changes else known.read
    baseline = max(touch.severity, below)
    above = ("folder_above",) if below > touch.severity else ()
    through_root = ("host_root",) if actor.contained and leads_out(classified.via) else ()
    gained = _gained(operation, known) if changes else ()
    named = (classified.how,) if classified.how else ()
    # What a program of a container is called says nothing of what it does outside.
    packaging = ("package_manager",) if actor.packaging and not through_root else ()
    job = ("backup_job",) if actor.backing_up and (not changes or touch.category == "backup") else ()
    visudo = ("visudo",) if changes and actor.visudo and touch.category == _SUDOERS else ()
    owner = _owner(touch, actor) if not (through_root or visudo) else ()
    packing = ("backup",) if packed and not changes else ()
    deployed = bool(through_root) + (touch.deployed or bool(owner)) if own else 0
    unpacks = baseline > _LOW and not actor.suspicions and in_layer(classified.via)
    layer = ("image_layer",) if unpacks and makes_containers(actor) else ()
    # A builder of images, or a runtime in a container.
    inner = unpacks and actor.program.startswith(RUNTIMES)
    building = own and (inner or (actor.building and not through_root))
    by_own = ("own_program",) if deployed or building else ()
    ansible = ("ansible",) if actor.ansible else ()
    setting = ("setting",) if changes and actor.setting and is_harmless(classified.path, actor.setting) else ()
    page = ("index_page",) if changes and _is_index_page(classified, touch, operation, actor) else ()
    failed = ("failed",) if operation.failed else ()
    attribute = ("user_attribute",) if operation.kind in _ATTRIBUTES and operation.name.startswith("user.") else ()

    severity = baseline + sum(map(bool, (through_root, actor.suspicions, gained)))
    severity -= (
        2 * (len(packaging) + len(job) + len(ansible) + len(visudo))
        + sum(map(len, (owner, packing, failed, page)))
        + deployed
        + (classified.how == "guessed")
    )
    if packaging or job or owner or packing:
        severity = max(severity, min(known.floor, touch.severity))
    most = _LOW if attribute or layer else _MEDIUM if building or setting else _WORST
    severity = min(max(severity, 0), most)
    reason = (touch.category, *named, *above, *through_root, *actor.suspicions, *gained, *packaging, *job,
              *ansible, *visudo, *setting, *owner, *page, *by_own, *layer, *packing, *attribute, *failed)  # fmt: skip
    return Verdict(severity, baseline, reason, _technique(touch, operation) if severity else (), touch.about)


def _technique(touch: Touch, operation: Operation) -> Sequence[str]:
    if operation.kind not in _RIGHTS or _OF_RIGHTS in touch.technique:
        return touch.technique
    return (*touch.technique, _OF_RIGHTS)


def _owner(touch: Touch, actor: Actor) -> Sequence[str]:
    """Whose work it is; and that it does it unasked, as a service, or for somebody who may ask."""
    if actor.program not in touch.owners:
        return ()
    if actor.daemon:
        return "owner", "service"
    return ("owner", "logged_in") if actor.person and actor.program in _ASKED else ("owner",)


def _is_index_page(classified: Classified, touch: Touch, operation: Operation, actor: Actor) -> bool:
    """By which plugins keep a folder of uploads from being listed: PHP writes it, and nobody uploads it."""
    if touch.category != _UPLOAD or not classified.path.endswith("/index.php") or actor.suspicions:
        return False
    return operation.kind in _WRITTEN and actor.program.startswith(_PHP)


def _gained(operation: Operation, known: Knowledge) -> Sequence[str]:
    """What the file can do from now on, and could not before, as far as it is told."""
    if operation.kind == "setxattr" and operation.name == "security.capability":
        return ("file_capability",)
    mode, before = operation.mode, operation.permission
    if operation.kind not in _MODES or mode is None or before.startswith("d"):
        return ()
    found = []
    if any(mode & bit and before[place : place + 1].lower() != "s" for bit, place in _SET_IDS):
        found.append("set_id")
    scratch = operation.kind != "create" and not _SCRATCH.isdisjoint(known.categories)
    if scratch and mode & _EXECUTE and _EXECUTABLE.isdisjoint(before[1:]):
        found.append("scratch_made_executable")
    return found
