"""What two sets of rights differ in, and which way."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import msgspec
from orjson import Fragment

from schemas.capabilities import names_of
from schemas.fragment import fragment
from schemas.privilege.holder import Holder
from schemas.rights import IDS, NAMESPACES, Rights, depth, read

Direction: TypeAlias = Literal["raised", "lowered", "changed"]

_REAL: Final = IDS.index("uid")
_EFFECTIVE: Final = IDS.index("euid")
_USERS: Final = [place for place, name in enumerate(IDS) if name.endswith("uid")]
_GROUPS: Final = [place for place, name in enumerate(IDS) if name.endswith("gid")]


class Difference(msgspec.Struct, frozen=True, gc=False):
    direction: Direction
    changes: tuple[str, ...]  # of user, group, capabilities, namespaces, securebits
    to_root: bool  # the effective or the real user has become 0
    from_root: bool  # the effective user is 0 no longer
    gained: int  # capabilities, permitted or effective
    lost: int
    namespaces: tuple[str, ...]  # that are others than before
    to_host: tuple[str, ...]  # of these the host's
    is_nested: bool  # in a user namespace below the one before: what it may do there it may not do outside
    fields: dict[str, Fragment]  # of the document
    shown: tuple[str, ...]  # names of all that is in `fields`


def difference(before: Holder, after: Holder) -> Difference | None:
    """None if all that is known of both is the same. What is known of one of them alone is no difference."""
    if before.rights == after.rights and before.uid == after.uid:
        return None
    return _difference(before.uid, before.rights, after.uid, after.rights)


@lru_cache(maxsize=4096)
def _difference(uid: int | None, rights: str, new_uid: int | None, new_rights: str) -> Difference | None:
    before, after = read(rights), read(new_rights)
    ids = list(zip(Holder(uid, rights).ids, Holder(new_uid, new_rights).ids, strict=True))
    others = [old is not None and new is not None and old != new for old, new in ids]
    gained, lost = _capabilities(before, after)
    spaces = _namespaces(before, after)
    found = {
        "user": any(others[place] for place in _USERS),
        "group": any(others[place] for place in _GROUPS),
        "capabilities": bool(gained or lost),
        "namespaces": bool(spaces),
        "securebits": None not in (before.securebits, after.securebits) and before.securebits != after.securebits,
    }
    if not any(found.values()):
        return None
    to_root = any(others[place] and ids[place][1] == 0 for place in (_REAL, _EFFECTIVE))
    from_root = others[_EFFECTIVE] and ids[_EFFECTIVE][0] == 0
    is_nested = (depth(after) or 0) > (depth(before) or 0)
    to_host = [name for place, name in spaces if after.host & ~before.host & 1 << place]
    from_host = [name for place, name in spaces if before.host & ~after.host & 1 << place]
    direction: Direction = "changed"
    if any(others[place] and ids[place][1] == 0 for place in _USERS) or to_host or (gained and not is_nested):
        direction = "raised"
    # In a nested user namespace it has laid down what it may on the host, and got as much where that does not count.
    elif not is_nested and (lost or from_host or any(others[place] and ids[place][0] == 0 for place in _USERS)):
        direction = "lowered"
    changes = tuple(name for name, is_there in found.items() if is_there)
    names = tuple(name for _, name in spaces)
    fields: dict[str, Any] = {
        "before": {name: ids[place][0] for place, name in enumerate(IDS) if others[place]},
        "after": {name: ids[place][1] for place, name in enumerate(IDS) if others[place]},
        "capabilities": _given({"gained": names_of(gained), "lost": names_of(lost)}),
        "namespaces": _given({"changed": names, "to_host": to_host, "from_host": from_host}),
        "securebits": _securebits(before.securebits, after.securebits) if found["securebits"] else {},
    }
    told = _given(fields)
    return Difference(
        direction,
        changes,
        to_root,
        from_root,
        gained,
        lost,
        names,
        tuple(to_host),
        is_nested,
        {name: fragment(value) for name, value in told.items()},
        tuple(f"{name}.{below}" for name, value in told.items() for below in value),
    )


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _securebits(before: Sequence[str] | None, after: Sequence[str] | None) -> dict[str, Any]:
    old, new = before or (), after or ()
    return _given(
        {"set": [each for each in new if each not in old], "cleared": [each for each in old if each not in new]}
    )


def _capabilities(before: Rights, after: Rights) -> tuple[int, int]:
    """Gained and lost: permitted or effective."""
    gained = lost = 0
    for old, new in ((before.permitted, after.permitted), (before.effective, after.effective)):
        if old is not None and new is not None:
            gained |= new & ~old
            lost |= old & ~new
    return gained, lost


def _namespaces(before: Rights, after: Rights) -> list[tuple[int, str]]:
    pairs = zip(NAMESPACES, before.namespaces, after.namespaces, strict=False)  # either may be unknown altogether
    return [(place, name) for place, (name, old, new) in enumerate(pairs) if old and new and old != new]
