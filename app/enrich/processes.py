"""The fields that say what a process is, and who runs it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import orjson
from msgspec import Raw

from schemas.arguments import split_arguments
from schemas.lineage import basename
from schemas.tetragon import ABSENT, UNSET_UID, Capabilities, Credentials, Namespaces, Process, decode_part
from schemas.times import canonical

Part = orjson.Fragment | dict[str, Any]


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
    thread: dict[str, Any] = {"id": process.tid} if process.tid is not None else {}
    if process.raw_cap is not ABSENT and (capabilities := _capabilities(bytes(process.raw_cap))) is not None:
        thread["capabilities"] = capabilities
    if thread:
        fields["thread"] = thread
    if process.environment_variables:
        fields["env_vars"] = [f"{each.key}={each.value}" for each in process.environment_variables]
    return fields


def add_users(document: dict[str, Any], process: Process) -> None:
    """ECS's `user.*`, the real user and the effective one where it is another, and the ids of `process.*`."""
    credentials = bytes(process.raw_credentials) if process.raw_credentials is not ABSENT else b""
    name = process.user.name if process.user is not None else ""
    user, ids = _users(process.uid, name, credentials)
    if user is not None:
        document["user"] = user
    document["process"].update(ids)


def raw_fields(process: Process) -> tuple[Part | None, Mapping[str, Raw]]:
    """`tetragon.process.*` and `tetragon.parent.*`: what ECS has no name for, spelled as Tetragon spells it.

    With it, what is of another shape than it should be, by its path.
    """
    found, other = _common(
        process.flags,
        process.auid,
        process.docker,
        process.in_init_tree,
        bytes(process.raw_cap),
        bytes(process.raw_ns),
        bytes(process.raw_credentials),
    )
    if process.binary_properties is None:
        return found, other
    properties = orjson.Fragment(msgspec.json.encode(process.binary_properties))
    opened: dict[str, Any] = orjson.loads(orjson.dumps(found)) if found is not None else {}
    return {**opened, "binary_properties": properties}, other


# One combination a container, about.
@lru_cache(maxsize=4096)
def _common(
    flags: str, auid: int | None, docker: str, in_init_tree: bool | None, cap: bytes, ns: bytes, credentials: bytes
) -> tuple[orjson.Fragment | None, Mapping[str, Raw]]:
    fields: dict[str, Any] = {}
    unfit: dict[str, Raw] = {}
    if flags:
        fields["flags"] = flags.split()
    if auid is not None and auid != UNSET_UID:
        fields["auid"] = auid
    if docker:
        fields["docker"] = docker
    if in_init_tree is not None:
        fields["in_init_tree"] = in_init_tree
    parts = (("cap", Capabilities, cap), ("ns", Namespaces, ns), ("process_credentials", Credentials, credentials))
    for name, kind, raw in parts:
        if raw:
            part, other = decode_part(kind, raw)
            if part is not None:
                fields[name] = orjson.Fragment(msgspec.json.encode(part))
            unfit.update({f"{name}.{path}" if path else name: value for path, value in other.items()})
    return orjson.Fragment(orjson.dumps(fields)) if fields else None, unfit


@lru_cache(maxsize=4096)
def _users(uid: int | None, name: str, credentials: bytes) -> tuple[orjson.Fragment | None, Mapping[str, Any]]:
    held = decode_part(Credentials, credentials)[0] if credentials else None
    held = held or Credentials()
    effective = _known(held.euid) or _known(uid)
    real = _known(held.uid) or effective
    user: dict[str, Any] = {}
    if real is not None:
        user["id"] = real
    if effective is not None and effective != real:
        user["effective"] = {"id": effective}
    if name:
        user["name"] = name
    ids = {
        "user": effective,
        "real_user": _known(held.uid),
        "saved_user": _known(held.suid),
        "group": _known(held.egid),
        "real_group": _known(held.gid),
        "saved_group": _known(held.sgid),
    }
    of_process = {place: orjson.Fragment(b'{"id":"%b"}' % each.encode()) for place, each in ids.items() if each}
    return orjson.Fragment(orjson.dumps(user)) if user else None, of_process


def _known(number: int | None) -> str | None:
    return str(number) if number is not None and number != UNSET_UID else None


@lru_cache(maxsize=1024)
def _capabilities(raw: bytes) -> orjson.Fragment | None:
    cap = decode_part(Capabilities, raw)[0] or Capabilities()
    held = {
        name: _named(names) for name, names in (("effective", cap.effective), ("permitted", cap.permitted)) if names
    }
    return orjson.Fragment(orjson.dumps(held)) if held else None


def _named(capabilities: Sequence[str]) -> list[str]:
    # Tetragon's protobuf has one name without the prefix that the kernel, ECS and rules give it.
    return ["CAP_DAC_OVERRIDE" if name == "DAC_OVERRIDE" else name for name in capabilities]
