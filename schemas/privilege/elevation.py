"""How bad a change of rights is, from 0 to 4, and what it is called."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from schemas.lineage import Execution
from schemas.operation.shape import Operation
from schemas.privilege.causes import (
    is_known_set_id,
    is_planted,
    is_switcher,
    is_trusted,
    of_setuid_file,
)
from schemas.privilege.difference import Difference
from schemas.privilege.holder import Holder
from schemas.programs import ABUSABLE
from schemas.rights import IDS, LIKE_ROOT, depth, mask_of, may_as_root, read


def _mask(names: str) -> int:
    return mask_of([f"CAP_{name}" for name in names.split()])


_REAL: Final = IDS.index("uid")
_SAVED: Final = IDS.index("suid")
_OVERFLOWING: Final = frozenset(("#-1", "#4294967295"))  # sudo took them for 0 once
_VALUED: Final = frozenset("CDghpRrTtUu")  # sudo's options that have a value
_VALUED_WORDS: Final = frozenset(
    ("--chdir", "--chroot", "--close-from", "--command-timeout", "--group", "--host", "--other-user", "--prompt",
     "--role", "--type", "--user")
)  # fmt: skip

# What a file may give is worse if it leads to any user or any file.
_TAKING: Final = _mask("SETUID SETGID SYS_ADMIN SYS_PTRACE SYS_MODULE DAC_OVERRIDE DAC_READ_SEARCH BPF")
_SYS_ADMIN: Final = _mask("SYS_ADMIN")
_HOST: Final = frozenset(("mnt", "net", "pid", "user"))  # the namespaces whose host's is a way out

_LOGIN: Final = range(1000, 65534)
_SERVICE: Final = range(1, 1000)

TECHNIQUES: Final[Mapping[str, str]] = {
    "account_change": "T1098",
    "bpf_load": "T1014",
    "capabilities_gained": "T1068",
    "dirty_pipe": "T1068",
    "elevated_child": "T1548.003",
    "file_capabilities_exec": "T1548.001",
    "file_capabilities_set": "T1548.001",
    "host_namespace": "T1611",
    "left_container": "T1611",
    "memory_write": "T1055",
    "module_load": "T1547.006",
    "namespace_joined": "T1611",
    "overflowing_tunables": "T1068",
    "pkexec_without_arguments": "T1068",
    "planted_code": "T1574.006",
    "preload": "T1574.006",
    "ptrace": "T1055.008",
    "root_child_of_user": "T1068",
    "sensitive_capabilities": "T1610",
    "sensitive_capability_use": "T1611",
    "service_to_root": "T1068",
    "set_id_bit": "T1548.001",
    "setgid_exec": "T1548.001",
    "setuid_exec": "T1548.001",
    "su": "T1548",
    "sudo": "T1548.003",
    "sudo_as_overflowing_user": "T1548.003",
    "traced_by_parent": "T1622",
    "doas": "T1548",
    "pkexec": "T1548",
    "uid_to_root": "T1068",
    "unshare": "T1611",
    "user_namespace": "T1611",
}

Tags = dict[str, int]  # with their severities


def execution_tags(
    found: Difference | None, before: Holder | None, base: Execution | None, execution: Execution, cause: str,
    ancestors: Sequence[Execution], *, begins: bool,
) -> Tags:  # fmt: skip
    """`begins`: a container begins with it."""
    after = Holder(execution.uid, execution.rights)
    tags: Tags = {}
    if cause == "setuid_file":
        tags["setuid_exec"] = _severity_of_setuid(execution)
    elif cause == "setgid_file":
        tags["setgid_exec"] = 1
    elif cause == "file_capabilities":
        tags["file_capabilities_exec"] = 3 if found is not None and found.gained & _TAKING else 1
    raised = cause == "setuid_file" or (found is not None and found.direction == "raised")
    if raised and is_switcher(execution):
        tags[execution.name] = 1
        if execution.name == "sudo" and not _OVERFLOWING.isdisjoint(_users(execution.args[1:])):
            tags["sudo_as_overflowing_user"] = 4
        if execution.name == "pkexec" and not execution.arguments:
            tags["pkexec_without_arguments"] = 4
    elif after.user == 0 and any(each is not None and is_switcher(each) for each in (base, *ancestors[:1])):
        tags["elevated_child"] = 1
    if raised and after.user == 0 and execution.auid in _LOGIN:
        tags["login_user_root"] = 1
    if found is not None and before is not None and base is not None:
        _add_difference(tags, found, before, base, execution, cause, ancestors)
    if begins and may_as_root(read(execution.rights)):
        tags["sensitive_capabilities"] = 1  # the finding is `escape`'s, which has exceptions for it
    return tags


def _add_difference(
    tags: Tags, found: Difference, before: Holder, base: Execution, execution: Execution, cause: str,
    ancestors: Sequence[Execution],
) -> None:  # fmt: skip
    if found.to_root and not cause and not any(each.raised or is_switcher(each) for each in ancestors[:3]):
        # Where Tetragon tells no credentials, a set-id binary nobody has heard of looks the same.
        known = bool(read(execution.rights).ids)
        tags["root_child_of_user"] = 4 if known else 2
        if _is_service(execution, before):
            tags["service_to_root"] = 3 if known else 2
    if found.gained and not cause:
        # All that a user namespace of its own gives looks the same where it is not known which one it is in.
        somewhere = depth(read(execution.rights)) is None and Holder(execution.uid, execution.rights).user != 0
        tags["capabilities_gained"] = 2 if somewhere else 3
    _add_lesser(tags, found, before, base, told=cause in ("container", "setns", "unshare"))
    if "user_namespace" in tags and read(execution.rights).permitted == 0:
        tags["user_namespace"] = 1  # a sandbox: it may nothing there either
    if base.container and not _HOST.isdisjoint(found.to_host):
        tags["host_namespace"] = 4
    if base.container and not execution.container and "mnt" in found.to_host:
        tags["left_container"] = 4


def _is_service(execution: Execution, before: Holder) -> bool:
    return execution.auid is None and (before.ids[0] or before.user) in _SERVICE


def _add_lesser(tags: Tags, found: Difference, before: Holder, maker: Execution, *, told: bool) -> None:
    """What a difference is besides more rights on this node, whether an execution or a call of `maker` shows it.

    `told`: the user namespace is a container's, or a call has shown it already. Root needs none to have capabilities.
    """
    if found.is_nested and before.user != 0 and not told:
        tags["user_namespace"] = 3 if maker.container else 2
    if found.from_root:
        tags["drop"] = 0
    if "securebits" in found.changes:
        tags["securebits"] = 0


def _severity_of_setuid(execution: Execution) -> int:
    if execution.name in ABUSABLE or is_planted(execution):
        return 4
    return 1 if is_known_set_id(execution) else 3


def _users(args: Sequence[str]) -> Iterator[str]:
    """Whom sudo is told to be; what it runs has options of its own."""
    words = iter(args)
    for word in words:
        if word.startswith("--") and word != "--":
            name, equals, value = word.partition("=")
            if name in _VALUED_WORDS:
                value = value if equals else next(words, "")
                if name == "--user":
                    yield value
        elif word.startswith("-") and word != "--":
            place = next((place for place, letter in enumerate(word) if letter in _VALUED), 0)
            if place:
                value = word[place + 1 :] or next(words, "")
                if word[place] == "u":
                    yield value
        elif "=" not in word:  # variables come before the command too
            return


def call_tags(found: Difference, before: Holder, execution: Execution, call: Operation, *, asked: bool) -> Tags:
    """Of a call that changes ids or capabilities, or `asked` the kernel to."""
    if of_setuid_file(found, before, call):
        # The next image is not known yet: its own event says what it is.
        return {"setuid_exec": 1}
    tags: Tags = {}
    trusted = is_trusted(execution)
    if found.to_root and not trusted:
        contained = execution.container and not is_planted(execution)
        # Who has laid root down for a while takes it up again, as servers do; an exec would have made an end of that.
        regained = 0 in (before.ids[_REAL], before.ids[_SAVED])
        tags["uid_to_root"] = 2 if contained or regained else 3 if asked else 4
        if _is_service(execution, before) and not regained:
            tags["service_to_root"] = 3
    if found.gained and not found.is_nested and not trusted:
        tags["capabilities_gained"] = 1 if call.kind == "setcap" else 3
    _add_lesser(tags, found, before, execution, told=False)
    return tags


def namespace_tags(before: Holder, execution: Execution, call: Operation) -> Tags:
    """Of a call that makes or joins namespaces, by whoever is no runtime."""
    contained = bool(execution.container)
    if call.kind == "setns":
        return {"namespace_joined": 3 if contained else 1}
    tags: Tags = {}
    if "user" in call.namespaces and before.user != 0:
        tags["user_namespace"] = 3 if contained else 2
    if not {"mnt", "pid", "user"}.isdisjoint(call.namespaces):
        may = read(before.rights).effective
        tags["unshare"] = 3 if contained and may is not None and not may & _SYS_ADMIN else 1
    return tags


def use_tags(execution: Execution, call: Operation, *, first: bool) -> Tags:
    """Of a capability that the kernel granted; `first`: to this program of this image, as far as is known."""
    if not execution.container or call.returned != 0 or not mask_of([call.name]) & LIKE_ROOT:
        return {}
    return {"sensitive_capability_use": 2 if first else 1}


def verdict(tags: Tags) -> dict[str, Any]:
    """Of the fields below `tetragon.privilege`."""
    fields: dict[str, Any] = {"severity": max(tags.values(), default=0)}
    if tags:
        fields["tags"] = list(tags)
    techniques = sorted({TECHNIQUES[tag] for tag in tags if tag in TECHNIQUES})
    if techniques:
        fields["techniques"] = techniques
    return fields
