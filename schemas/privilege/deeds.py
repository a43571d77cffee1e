"""What an execution is for, by its name, its arguments and its environment, whoever may what."""

from typing import Final

from schemas.actor import Actor
from schemas.lineage import Execution
from schemas.places import ANYBODYS
from schemas.privilege.causes import is_planted
from schemas.programs import ACCOUNT_TOOLS, BACKUP_JOB
from schemas.tetragon import Process

Tags = dict[str, int]  # with their severities

# By tag what it changes.
CHANGES: Final = {
    "account_change": "account",
    "file_capabilities_set": "file",
    "overflowing_tunables": "process",
    "preload": "process",
}

DOERS: Final = ACCOUNT_TOOLS | {"setcap"}  # names of programs whose execution is a deed
_POWERFUL: Final = frozenset(("adm", "docker", "lxd", "root", "sudo", "wheel"))  # groups
_CODE: Final = ("LD_AUDIT", "LD_PRELOAD")
_FOLDERS: Final = "LD_LIBRARY_PATH"  # many programs that mean well have it
_TUNABLES: Final = "GLIBC_TUNABLES"


def deed_tags(process: Process, execution: Execution, actor: Actor, raised: bool) -> Tags:
    """`raised`: its file gave it rights."""
    tags: Tags = {}
    name = execution.name
    if name in ACCOUNT_TOOLS and execution.uid == 0 and execution.binary != BACKUP_JOB:
        words = {word for argument in execution.args[1:] for word in argument.partition("=")[2].split(",")}
        words |= {word for argument in execution.args[1:] for word in argument.split(",")}
        tags["account_change"] = 1 if actor.packaging else 2 + (not _POWERFUL.isdisjoint(words))
    elif name == "setcap" and execution.arguments:
        tags["file_capabilities_set"] = 1 if actor.packaging else 3
    if process.environment_variables:
        preload = _preload(process, raised or is_planted(execution))
        if preload:
            tags["preload"] = preload
        if any(each.key == _TUNABLES and _overflows(each.value) for each in process.environment_variables):
            tags["overflowing_tunables"] = 4
    return tags


def _overflows(tunables: str) -> bool:
    """A tunable whose value is one again, glibc.a=glibc.a=x: CVE-2023-4911."""
    return any(tunable.partition("=")[2].startswith("glibc.") for tunable in tunables.split(":"))


def _preload(process: Process, grave: bool) -> int:
    """How bad it is that somebody says which code a program is to load."""
    severity = 0
    for each in process.environment_variables:
        if not each.value or each.key not in (*_CODE, _FOLDERS):
            continue
        planted = any(part.startswith(ANYBODYS) for part in each.value.replace(":", " ").split())
        severity = max(severity, (2 if each.key in _CODE else 1) + planted + grave)
    return severity
