"""What a call leaves of its caller's ids and capabilities."""

import pytest

from schemas.operation.shape import CapabilitySets, Ids, Operation
from schemas.privilege.holder import Holder, after_call
from schemas.rights import Rights, mask_of, read, text_of

USER = (1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000)  # uid gid euid egid suid sgid fsuid fsgid
ROOT = (0, 0, 0, 0, 0, 0, 0, 0)
SETUID = mask_of(["CAP_SETUID"])


def holder(ids: tuple[int, ...], effective: int | None = None) -> Holder:
    return Holder(ids[2], text_of(Rights(ids=ids, effective=effective)))


@pytest.mark.parametrize(
    ("before", "call", "after"),
    [
        (holder(ROOT), Operation("setuid", "__sys_setuid", ids=Ids(effective=33)), (33, 0, 33, 0, 33, 0, 33, 0)),
        (
            holder(USER, 0),
            Operation("setuid", "sys_setuid", ids=Ids(effective=0)),
            (1000, *USER[:1], 0, *USER[:3], 0, 1000),
        ),
        (holder(USER, SETUID), Operation("setuid", "sys_setuid", ids=Ids(effective=0)), (0, 1000) * 4),
        (holder(USER), Operation("setuid", "sys_setreuid", ids=Ids(effective=0)), (1000, 1000, 0, *USER[:3], 0, 1000)),
        (
            holder(USER),
            Operation("setuid", "sys_setresuid", ids=Ids(real=0, saved=0)),
            (0, 1000, 1000, 1000, 0, *USER[:3]),
        ),
        (holder(USER), Operation("setuid", "__sys_setfsuid", ids=Ids(fs=0)), (*USER[:6], 0, 1000)),
        (holder(ROOT), Operation("setgid", "__sys_setresgid", ids=Ids(5, 5, 5)), (0, 5) * 4),
    ],
    ids=lambda each: f"{each.hook}-{each.ids}" if isinstance(each, Operation) else "",
)
def test_ids_change_as_the_call_asks(before: Holder, call: Operation, after: tuple[int, ...]) -> None:
    assert after_call(before, call).ids == after


def test_capset_leaves_what_it_does_not_name() -> None:
    before = Holder(0, text_of(Rights(permitted=6, effective=6)))

    after = after_call(before, Operation("setcap", "capset", capabilities=CapabilitySets(effective=["CAP_CHOWN"])))

    assert read(after.rights) == Rights(permitted=6, effective=1)


def test_a_call_of_somebody_unknown_tells_only_what_it_asks_for() -> None:
    after = after_call(Holder(None, ""), Operation("setuid", "sys_setreuid", ids=Ids(effective=0)))

    assert after.ids == (None, None, 0, None, None, None, 0, None)
