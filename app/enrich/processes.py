"""The fields that say what a process is."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import orjson

from schemas.arguments import split_arguments
from schemas.lineage import basename
from schemas.tetragon import UNSET_UID, Capabilities, Credentials, Process
from schemas.times import canonical


def process_fields(process: Process, start: int) -> dict[str, Any]:
    """ECS's `process.*`. `start` is in ns since 1970, 0 if unknown."""
    fields: dict[str, Any] = {}
    if process.exec_id:
        fields["entity_id"] = process.exec_id
    if process.pid is not None:
        fields["pid"] = process.pid
    binary = process.binary
    if binary:
        name = basename(binary)
        arguments = process.arguments
        args = [name, *split_arguments(arguments)] if arguments else [name]
        fields["executable"] = binary
        fields["name"] = name
        fields["args"] = args
        fields["args_count"] = len(args)
        fields["command_line"] = f"{name} {arguments}" if arguments else name
    if process.cwd:
        fields["working_directory"] = process.cwd
    if start:
        fields["start"] = canonical(process.start_time, start)
    if process.tid is not None:
        fields["thread"] = {"id": process.tid}
    uid = effective_uid(process)
    if uid is not None:
        fields["user"] = {"id": str(uid)}
    if process.environment_variables:
        fields["env_vars"] = [f"{each.key}={each.value}" for each in process.environment_variables]
    if process.process_credentials is not None:
        _add_credentials(fields, process.process_credentials)
    if process.cap is not None:
        _add_capabilities(fields, process.cap)
    return fields


def user_fields(process: Process) -> dict[str, Any]:
    """ECS's `user.*`: the real user, and the effective one where it is another."""
    fields: dict[str, Any] = {}
    effective = effective_uid(process)
    real = process.process_credentials.uid if process.process_credentials is not None else None
    if real is not None and real != effective and real != UNSET_UID:
        fields["id"] = str(real)
        if effective is not None:
            fields["effective"] = {"id": str(effective)}
    elif effective is not None:
        fields["id"] = str(effective)
    if process.user is not None and process.user.name:
        fields["name"] = process.user.name
    return fields


def effective_uid(process: Process) -> int | None:
    uid = process.uid
    if process.process_credentials is not None and process.process_credentials.euid is not None:
        uid = process.process_credentials.euid
    return uid if uid != UNSET_UID else None


def raw_fields(process: Process) -> dict[str, Any]:
    """`tetragon.process.*` and `tetragon.parent.*`: what ECS has no name for, spelled as Tetragon spells it."""
    fields: dict[str, Any] = {}
    if process.flags:
        fields["flags"] = process.flags.split()
    if process.auid is not None and process.auid != UNSET_UID:
        fields["auid"] = process.auid
    if process.docker:
        fields["docker"] = process.docker
    if process.in_init_tree is not None:
        fields["in_init_tree"] = process.in_init_tree
    if process.cap is not None:
        fields["cap"] = _as_it_was(process.cap)
    if process.ns is not None:
        fields["ns"] = _as_it_was(process.ns)
    if process.process_credentials is not None:
        fields["process_credentials"] = _as_it_was(process.process_credentials)
    if process.binary_properties is not None:
        fields["binary_properties"] = _as_it_was(process.binary_properties)
    return fields


_IDS: Final = (
    ("uid", "real_user"),
    ("suid", "saved_user"),
    ("egid", "group"),
    ("gid", "real_group"),
    ("sgid", "saved_group"),
)


def _add_credentials(fields: dict[str, Any], credentials: Credentials) -> None:
    for name, place in _IDS:
        value = getattr(credentials, name)
        if value is not None and value != UNSET_UID:
            fields[place] = {"id": str(value)}


def _add_capabilities(fields: dict[str, Any], cap: Capabilities) -> None:
    held = {
        name: _capabilities(names)
        for name, names in (("effective", cap.effective), ("permitted", cap.permitted))
        if names
    }
    if held:
        fields.setdefault("thread", {})["capabilities"] = held


def _capabilities(names: Sequence[str]) -> list[str]:
    # Tetragon's protobuf has one name without the prefix that the kernel, ECS and rules give it.
    return ["CAP_DAC_OVERRIDE" if name == "DAC_OVERRIDE" else name for name in names]


def _as_it_was(message: msgspec.Struct) -> orjson.Fragment:
    return orjson.Fragment(msgspec.json.encode(message))
