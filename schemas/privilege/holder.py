"""Whose rights they are, and what becomes of them by a call."""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from schemas.operation.shape import Operation
from schemas.rights import IDS, Rights, mask_of, read, text_of, with_credentials

_EFFECTIVE = IDS.index("euid")
_SETUID = mask_of(["CAP_SETUID"])
_SETGID = mask_of(["CAP_SETGID"])


class Holder(msgspec.Struct, frozen=True, gc=False):
    uid: int | None  # the effective one, which Tetragon always tells
    rights: str  # a text of schemas.rights

    @property
    def ids(self) -> tuple[int | None, ...]:
        """In the order of schemas.rights.IDS."""
        known = read(self.rights).ids or (None,) * len(IDS)
        return (*known[:_EFFECTIVE], self.user, *known[_EFFECTIVE + 1 :])

    @property
    def user(self) -> int | None:
        """The effective one."""
        ids = read(self.rights).ids
        return ids[_EFFECTIVE] if ids and ids[_EFFECTIVE] is not None else self.uid


def after_call(before: Holder, call: Operation) -> Holder:
    """What a `credentials`, `setcap`, `setuid` or `setgid` leaves, if the kernel grants it."""
    rights = read(before.rights)
    if call.credentials is not None and call.kind == "credentials":
        rights = with_credentials(rights, call.credentials)
    elif call.capabilities is not None:
        permitted, effective = call.capabilities.permitted, call.capabilities.effective
        rights = replace(
            rights,
            permitted=mask_of(permitted) if permitted is not None else rights.permitted,
            effective=mask_of(effective) if effective is not None else rights.effective,
        )
    elif call.ids is not None:
        ids = list(before.ids)
        for name, number in _asked(before, rights, call):
            ids[IDS.index(name)] = number
        rights = replace(rights, ids=tuple(ids))
    after = Holder(before.uid, text_of(rights))
    return Holder(after.user, after.rights)


def _asked(before: Holder, rights: Rights, call: Operation) -> Iterator[tuple[str, int]]:
    assert call.ids is not None
    letter, may = ("u", _SETUID) if call.kind == "setuid" else ("g", _SETGID)
    given: Sequence[tuple[str, int | None]] = [
        ("", call.ids.real),
        ("e", call.ids.effective),
        ("s", call.ids.saved),
        ("fs", call.ids.fs if call.ids.fs is not None else call.ids.effective),
    ]
    if call.hook.endswith(("_setuid", "_setgid")):
        # The one call that sets all of them for whom the kernel trusts, and the effective one for everybody else.
        trusted = before.user == 0 if rights.effective is None else bool(rights.effective & may)
        if trusted:
            given = [(part, call.ids.effective) for part, _ in given]
    return ((f"{part}{letter}id", number) for part, number in given if number is not None)
