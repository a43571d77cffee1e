"""The fields that say what a process is, and who runs it."""

from collections.abc import Sequence
from functools import lru_cache
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
        fields["executable"] = binary
        fields["name"] = name
        if arguments:
            args = (name, *split_arguments(arguments))
            fields["args"] = args
            fields["args_count"] = len(args)
            fields["command_line"] = f"{name} {arguments}"
        else:
            fields["args"] = (name,)
            fields["args_count"] = 1
            fields["command_line"] = name
    if process.cwd:
        fields["working_directory"] = process.cwd
    if start:
        fields["start"] = canonical(process.start_time, start)
    if process.tid is not None:
        fields["thread"] = {"id": process.tid}
    uid = effective_uid(process)
    if uid is not None:
        fields["user"] = _user(uid)
    if process.environment_variables:
        fields["env_vars"] = [f"{each.key}={each.value}" for each in process.environment_variables]
    if process.process_credentials is not None:
        _add_credentials(fields, process.process_credentials)
    if process.cap is not None:
        _add_capabilities(fields, process.cap)
    return fields


def user_fields(process: Process) -> dict[str, Any] | orjson.Fragment | None:
    """ECS's `user.*`: the real user, and the effective one where it is another."""
    effective = effective_uid(process)
    name = process.user.name if process.user is not None else ""
    real = process.process_credentials.uid if process.process_credentials is not None else None
    if real is None or real in (effective, UNSET_UID):
        if not name:
            return _user(effective) if effective is not None else None
        return {"id": str(effective), "name": name} if effective is not None else {"name": name}
    fields: dict[str, Any] = {"id": str(real)}
    if effective is not None:
        fields["effective"] = {"id": str(effective)}
    if name:
        fields["name"] = name
    return fields


def effective_uid(process: Process) -> int | None:
    uid = process.uid
    if process.process_credentials is not None and process.process_credentials.euid is not None:
        uid = process.process_credentials.euid
    return uid if uid != UNSET_UID else None


def raw_fields(process: Process) -> dict[str, Any] | orjson.Fragment | None:
    """`tetragon.process.*` and `tetragon.parent.*`: what ECS has no name for, spelled as Tetragon spells it."""
    common = _common(process.flags, process.auid, process.docker, process.in_init_tree)
    messages = (process.cap, process.ns, process.process_credentials, process.binary_properties)
    if messages == _NONE:
        return common
    fields: dict[str, Any] = orjson.loads(orjson.dumps(common)) if common is not None else {}
    for name, message in zip(_MESSAGES, messages, strict=True):
        if message is not None:
            fields[name] = orjson.Fragment(msgspec.json.encode(message))
    return fields


_MESSAGES: Final = ("cap", "ns", "process_credentials", "binary_properties")
_NONE: Final = (None, None, None, None)


# One combination a container, about.
@lru_cache(maxsize=4096)
def _common(flags: str, auid: int | None, docker: str, in_init_tree: bool | None) -> orjson.Fragment | None:
    fields: dict[str, Any] = {}
    if flags:
        fields["flags"] = flags.split()
    if auid is not None and auid != UNSET_UID:
        fields["auid"] = auid
    if docker:
        fields["docker"] = docker
    if in_init_tree is not None:
        fields["in_init_tree"] = in_init_tree
    return orjson.Fragment(orjson.dumps(fields)) if fields else None


@lru_cache(maxsize=4096)
def _user(uid: int) -> orjson.Fragment:
    return orjson.Fragment(b'{"id":"%d"}' % uid)


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
            fields[place] = _user(value)


def _add_capabilities(fields: dict[str, Any], cap: Capabilities) -> None:
    held = {
        name: _named(names) for name, names in (("effective", cap.effective), ("permitted", cap.permitted)) if names
    }
    if held:
        fields.setdefault("thread", {})["capabilities"] = held


def _named(capabilities: Sequence[str]) -> list[str]:
    # Tetragon's protobuf has one name without the prefix that the kernel, ECS and rules give it.
    return ["CAP_DAC_OVERRIDE" if name == "DAC_OVERRIDE" else name for name in capabilities]
