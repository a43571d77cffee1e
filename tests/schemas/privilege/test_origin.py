"""Since when a process has held what it holds."""

import pytest

from schemas.lineage import Above, Execution, Lineage
from schemas.privilege.holder import Holder
from schemas.privilege.origin import origin_of
from schemas.rights import Rights, mask_of, text_of

ADMIN, KILL = mask_of(["CAP_SYS_ADMIN"]), mask_of(["CAP_KILL"])


def may(uid: int, permitted: int | None = None, level: int | None = None, name: str = "x") -> Execution:
    rights = text_of(Rights(permitted=permitted, level=level)) if permitted is not None else ""
    return Execution(exec_id=name, binary=f"/bin/{name}", uid=uid, rights=rights)


def at_exec(execution: Execution) -> Holder:
    return Holder(execution.uid, execution.rights)


def told(*up: Execution, previous: tuple[Execution, ...] = ()) -> tuple[str, int, list[str]] | None:
    """`up` are the process and its ancestors."""
    lineage = Lineage(up[0], previous, Above(up[1:]), suspect=False, parent_is_previous_image=False)
    found = origin_of(lineage, at_exec)
    return (found.execution.exec_id, found.generations, list(found.gained)) if found is not None else None


USER, ROOT, SUDO, INIT = may(1000, name="bash"), may(0, name="id"), may(0, name="sudo"), may(0, name="init")


@pytest.mark.parametrize(
    ("up", "previous", "expected"),
    [
        ((ROOT, SUDO, USER, INIT), (), ("sudo", 1, ["root"])),
        ((ROOT, may(0), may(0), SUDO, USER, INIT), (), ("sudo", 3, ["root"])),
        ((ROOT, INIT), (), None),  # it was never less
        ((USER, SUDO, USER, INIT), (), None),  # it holds nothing
        ((SUDO, USER, INIT), (), None),  # it gained it itself: its own difference tells
        ((ROOT, USER, INIT), (SUDO,), ("sudo", 0, ["root"])),
        ((ROOT, SUDO, USER, may(0, name="su"), USER, INIT), (), ("sudo", 1, ["root"])),  # the latest counts
        ((ROOT,), (), None),
        (
            (may(5, ADMIN), may(5, ADMIN), may(5, ADMIN, name="helper"), may(5, 0), INIT),
            (),
            ("helper", 2, ["CAP_SYS_ADMIN"]),
        ),
        ((may(5, KILL), may(5, ADMIN | KILL, name="helper"), may(5, KILL)), (), None),  # what it gained is gone
        ((may(5, ADMIN, 1), may(5, ADMIN, 1, name="helper"), may(5, 0, 0)), (), None),  # it counts in a namespace alone
    ],
)
def test_what_is_held_was_gained_by(
    up: tuple[Execution, ...], previous: tuple[Execution, ...], expected: tuple[str, int, list[str]] | None
) -> None:
    assert told(*up, previous=previous) == expected


def test_what_a_call_gave_is_the_callers() -> None:
    broken = may(33, name="nginx")

    def held(execution: Execution) -> Holder:
        return Holder(0, "") if execution is broken else at_exec(execution)

    child = Lineage(ROOT, (), Above((broken, INIT)), suspect=False, parent_is_previous_image=False)
    below = Lineage(ROOT, (), Above((may(0), broken, INIT)), suspect=False, parent_is_previous_image=False)

    for lineage, generations in ((child, 1), (below, 2)):
        found = origin_of(lineage, held)
        assert found is not None
        assert (found.execution, found.generations, found.gained) == (broken, generations, ("root",))
