"""The fields that say what a process is, and who runs it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec
import orjson
from msgspec import Raw

from schemas.command import program_fields
from schemas.fragment import fragment
from schemas.tetragon import UNSET_UID, Capabilities, Credentials, Namespaces, Process, decode_part
from schemas.times import canonical

T = TypeVar("T", bound=msgspec.Struct)
Part = orjson.Fragment | dict[str, Any]


_IN_ECS: Final = frozenset(("uid", "gid", "euid", "egid", "suid", "sgid"))


class Shared(msgspec.Struct, frozen=True, gc=False):
    """What many processes have alike: whose they are, what they may do, and what ECS has no name for."""

    user: orjson.Fragment | None  # ECS's user.*, the real user and the effective one where it is another
    ids: Mapping[str, orjson.Fragment]  # of process.*
    capabilities: orjson.Fragment | None  # process.thread.capabilities
    raw: orjson.Fragment | None  # as Tetragon spells it, all but what its own names say already
    own: orjson.Fragment | None  # the same without what `ids` and `capabilities` say
    unfit: Mapping[str, Raw]  # what is of another shape than it should be, by its path


def shared_fields(process: Process) -> Shared:
    return _shared(
        process.flags,
        process.uid,
        process.auid,
        process.user.name if process.user is not None else "",
        process.docker,
        process.in_init_tree,
        bytes(process.raw_cap),
        bytes(process.raw_ns),
        bytes(process.raw_credentials),
    )


def process_fields(process: Process, start: int, shared: Shared) -> dict[str, Any]:
    """ECS's `process.*`. `start` is in ns since 1970, 0 if unknown."""
    fields = program_fields(process)
    if start:
        fields["start"] = canonical(process.start_time, start)
    thread: dict[str, Any] = {"id": process.tid} if process.tid is not None else {}
    if shared.capabilities is not None:
        thread["capabilities"] = shared.capabilities
    if thread:
        fields["thread"] = thread
    if process.environment_variables:
        fields["env_vars"] = variables(process)
    fields.update(shared.ids)
    return fields


def own_fields(process: Process, shared: Shared) -> Part | None:
    """`tetragon.process.*`: what ECS has no name for, spelled as Tetragon spells it."""
    if process.binary_properties is None and (process.binary or not process.arguments):
        return shared.own
    return _with(shared.own, _unshared(process))


def parent_fields(parent: Process, shared: Shared) -> Part | None:
    """`tetragon.parent.*`: what `process.parent` does not have, which is made of what is remembered."""
    fields = _unshared(parent) if parent.binary_properties is not None or not parent.binary else {}
    if parent.tid != parent.pid and parent.tid is not None:
        fields["tid"] = parent.tid
    if parent.environment_variables:
        fields["env_vars"] = variables(parent)
    return _with(shared.raw, fields) if fields else shared.raw


def _unshared(process: Process) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if process.binary_properties is not None:
        fields["binary_properties"] = orjson.Fragment(msgspec.json.encode(process.binary_properties))
    if not process.binary and process.arguments:  # ECS's arguments begin with the binary's name
        fields["arguments"] = process.arguments
    return fields


def _with(fields: orjson.Fragment | None, more: Mapping[str, Any]) -> dict[str, Any]:
    opened: dict[str, Any] = orjson.loads(orjson.dumps(fields)) if fields is not None else {}
    return {**opened, **more}


def variables(process: Process) -> list[str]:
    return [f"{each.key}={each.value}" for each in process.environment_variables]


# One combination a container and user, about.
@lru_cache(maxsize=4096)
def _shared(
    flags: str,
    uid: int | None,
    auid: int | None,
    name: str,
    docker: str,
    in_init_tree: bool | None,
    cap: bytes,
    ns: bytes,
    credentials: bytes,
) -> Shared:
    raw: dict[str, Any] = {}
    if name:
        raw["user"] = {"name": name}
    if flags:
        raw["flags"] = flags.split()
    if auid is not None and auid != UNSET_UID:
        raw["auid"] = auid
    if docker:
        raw["docker"] = docker
    if in_init_tree is not None:
        raw["in_init_tree"] = in_init_tree
    unfit: dict[str, Raw] = {}
    capabilities = _part("cap", Capabilities, cap, raw, unfit)
    _part("ns", Namespaces, ns, raw, unfit)
    held = _part("process_credentials", Credentials, credentials, raw, unfit) or Credentials()
    if _known(uid) and held.euid not in (None, uid):
        raw["uid"] = uid
    ids = {
        "user": _known(held.euid) or _known(uid),
        "real_user": _known(held.uid),
        "saved_user": _known(held.suid),
        "group": _known(held.egid),
        "real_group": _known(held.gid),
        "saved_group": _known(held.sgid),
    }
    return Shared(
        _json(_user(ids["user"], ids["real_user"], name)),
        {place: orjson.Fragment(b'{"id":"%b"}' % each.encode()) for place, each in ids.items() if each},
        _json(_thread_capabilities(capabilities) if capabilities is not None else {}),
        _json(raw),
        _json(_own(raw, capabilities, held)),
        unfit,
    )


def _own(raw: Mapping[str, Any], capabilities: Capabilities | None, credentials: Credentials) -> dict[str, Any]:
    own = {name: value for name, value in raw.items() if name not in ("cap", "process_credentials", "user")}
    if capabilities is not None and capabilities.inheritable:
        own["cap"] = {"inheritable": capabilities.inheritable}
    rest = {name: value for name, value in msgspec.to_builtins(credentials).items() if name not in _IN_ECS}
    if rest:
        own["process_credentials"] = rest
    return own


def _part(name: str, kind: type[T], json: bytes, raw: dict[str, Any], unfit: dict[str, Raw]) -> T | None:
    if not json:
        return None
    part, other = decode_part(kind, json)
    if part is not None:
        raw[name] = orjson.Fragment(msgspec.json.encode(part))
    unfit.update({f"{name}.{path}" if path else name: value for path, value in other.items()})
    return part


def _user(effective: str | None, given: str | None, name: str) -> dict[str, Any]:
    real = given or effective
    user: dict[str, Any] = {}
    if real is not None:
        user["id"] = real
    if effective is not None and effective != real:
        user["effective"] = {"id": effective}
    if name:
        user["name"] = name
    return user


def _known(number: int | None) -> str | None:
    return str(number) if number is not None and number != UNSET_UID else None


def _thread_capabilities(cap: Capabilities) -> dict[str, Any]:
    sets = {"effective": _named(cap.effective), "permitted": _named(cap.permitted)}
    return {name: held for name, held in sets.items() if held}


def _named(capabilities: Sequence[str]) -> list[str]:
    """What ECS takes as a name; whatever else was told stays in `tetragon.process.cap`."""
    # Tetragon's protobuf has one name without the prefix that the kernel, ECS and rules give it.
    spelled = ("CAP_DAC_OVERRIDE" if name == "DAC_OVERRIDE" else name for name in capabilities)
    return [name for name in spelled if name.isdecimal() or name.startswith("CAP_")]


def _json(fields: Mapping[str, Any]) -> orjson.Fragment | None:
    return fragment(fields) if fields else None
