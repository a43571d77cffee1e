"""What the verdict on a file says in a document, and to people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from schemas.fim.classifier import Classified, Knowledge
from schemas.fim.taxonomy import SEVERITIES
from schemas.fim.verdict import Verdict
from schemas.finding import FOUND, Finding
from schemas.operation import Operation

FOUND_OF_OWNERS: Final = FOUND + 1
_WORK: Final = frozenset({"owner", "package_manager"})

_DONE: Final[Mapping[str, str]] = {
    "access": "accessed", "chmod": "permissions changed", "chown": "owner changed", "connect": "connected to",
    "create": "created", "execute": "executed", "link": "linked", "mkdir": "created", "mmap_exec": "loaded as code",
    "mount": "mounted", "open": "opened", "read": "read", "removexattr": "attribute removed", "rename": "renamed",
    "rmdir": "removed", "setattr": "attributes changed", "setxattr": "attribute set", "symlink": "linked",
    "truncate": "truncated", "unlink": "removed", "utimes": "times changed", "write": "written",
}  # fmt: skip
_BECAUSE: Final[Mapping[str, str]] = {
    "ansible": "by what Ansible brought for somebody who logged in",
    "bound": "by the name of a mount",
    "container_exec_session": "by somebody who entered the container",
    "disk_mounted": "on a disk that a container mounted",
    "exec_from_scratch": "by a program from where anyone may write",
    "failed": "in vain",
    "file_capability": "and got capabilities",
    "folder_above": "with what is graver below it",
    "guessed": "if the path begins where such files are",
    "host_root": "from a container, by another root than its own",
    "index_page": "by PHP, as plugins do to keep the folder from being listed",
    "linked": "by the name of a hard link",
    "mounted": "by the name of another mount",
    "own_program": "by the container's own program",
    "owner": "by a program whose work it is",
    "package_manager": "by a package manager",
    "renamed": "by the name that it was given",
    "scratch_made_executable": "and may be executed now",
    "set_id": "and runs with its owner's rights now",
    "setting": "by sysctl, as somebody who logged in told it to",
    "shell_under_server": "by what a server's shell started",
    "symlinked": "by the name of a symbolic link",
    "visudo": "by visudo, for somebody who logged in",
}
# Fields of the document that show a reason.
_SHOWN: Final[Mapping[str, str]] = {
    "container_exec_session": "tetragon.process.in_init_tree",
    "exec_from_scratch": "process.executable",
    "failed": "event.outcome",
    "file_capability": "tetragon.operation.name",
    "host_root": "tetragon.process.docker",
    "shell_under_server": "tetragon.lineage.names",
}
_OF_MODE: Final = frozenset({"scratch_made_executable", "set_id"})


def fields_of(verdict: Verdict, classified: Classified, known: Knowledge, operation: Operation) -> dict[str, Any]:
    """Below `tetragon.fim`."""
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


def findings_of(verdict: Verdict, classified: Classified, known: Knowledge, operation: Operation) -> list[Finding]:
    """None of what is of less weight; nor of what is medium still, though those did it whose work it is."""
    reasons = verdict.reason[1:]
    if verdict.severity < (FOUND if _WORK.isdisjoint(reasons) else FOUND_OF_OWNERS):
        return []
    told = [_BECAUSE[reason] for reason in reasons if reason in _BECAUSE]
    reason = " ".join([f"{verdict.about}:", ", ".join([_DONE[operation.kind], *told])])
    fields = ["tetragon.fim.path", "tetragon.fim.category", "tetragon.fim.op", *_shown(reasons, classified, operation)]
    return [
        Finding(f"fim.{known.categories[0]}", verdict.severity, reason, list(dict.fromkeys(fields)), verdict.technique)
    ]


def _shown(reasons: Sequence[str], classified: Classified, operation: Operation) -> Iterator[str]:
    if classified.via:
        yield "tetragon.fim.via"
    for reason in reasons:
        if reason in _SHOWN:
            yield _SHOWN[reason]
        elif reason in _OF_MODE and operation.path.startswith("/"):
            yield "file.mode"
    yield "tetragon.fim.reason"
