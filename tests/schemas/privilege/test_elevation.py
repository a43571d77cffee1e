"""What a change of rights is called, by who makes it and what is known of him."""

import pytest

from schemas.lineage import Execution
from schemas.operation.shape import Ids, Operation
from schemas.privilege.difference import difference
from schemas.privilege.elevation import call_tags, use_tags
from schemas.privilege.holder import Holder, after_call
from schemas.rights import Rights, depth, may_as_root, text_of

HOST = (1, 2, 3, 4, 5, 6, 7, 8)  # namespaces
USER = 1 << 3  # of the host


def tags_of_root(
    binary: str, ids: tuple[int, ...] | None, container: str = "", *, asked: bool = False
) -> dict[str, int]:
    """It calls setresuid(-1, 0, -1)."""
    before = Holder(ids[2], text_of(Rights(ids=ids))) if ids is not None else Holder(13, "")
    call = Operation("setuid", "__sys_setresuid", ids=Ids(effective=0), returned=None if asked else 0)
    found = difference(before, after_call(before, call))
    assert found is not None
    execution = Execution(binary=binary, uid=13, rights=before.rights, container=container)
    return call_tags(found, before, execution, call, asked=asked)


@pytest.mark.parametrize(
    ("binary", "ids", "expected"),
    [
        ("/usr/sbin/squid", (13,) * 8, {"uid_to_root": 4, "service_to_root": 3}),
        ("/usr/sbin/squid", None, {"uid_to_root": 4, "service_to_root": 3}),
        ("/usr/sbin/squid", (13, 13, 13, 13, 0, 13, 13, 13), {"uid_to_root": 2}),  # kept as the saved user
        ("/usr/sbin/squid", (0, 13, 13, 13, 13, 13, 13, 13), {"uid_to_root": 2}),  # as the real one
        ("/usr/sbin/squid", (13, 0, 13, 0, 13, 0, 13, 0), {"uid_to_root": 4, "service_to_root": 3}),  # groups
        ("/usr/bin/su", (1000,) * 8, {}),
        ("/srv/upload/su", (1000,) * 8, {"uid_to_root": 4}),
        ("/usr/lib/systemd/systemd-x", (1000,) * 8, {}),
        ("/var/tmp/systemd-x", (1000,) * 8, {"uid_to_root": 4}),
        ("/usr/bin/runc", (1000,) * 8, {}),
        ("/var/lib/rancher/k3s/data/1f3a/bin/runc", (1000,) * 8, {}),
        ("/tmp/runc", (1000,) * 8, {"uid_to_root": 4}),
        ("/run/wrappers/bin/sudo", (1000,) * 8, {}),
    ],
)
def test_who_becomes_root_by_a_call_is_one_who_may_or_has_been_or_is_told(
    binary: str, ids: tuple[int, ...] | None, expected: dict[str, int]
) -> None:
    assert tags_of_root(binary, ids) == expected


def test_becoming_root_is_less_in_a_container_and_where_it_is_only_asked_for() -> None:
    assert tags_of_root("/usr/bin/x", (1000,) * 8, asked=True) == {"uid_to_root": 3}
    assert tags_of_root("/usr/bin/x", (1000,) * 8, "3e1f") == {"uid_to_root": 2}
    assert tags_of_root("/tmp/x", (1000,) * 8, "3e1f") == {"uid_to_root": 4}


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        (Rights(), None),
        (Rights(namespaces=HOST, host=USER), 0),
        (Rights(namespaces=HOST), 1),
        (Rights(namespaces=(1, 2, 3, 0, 5, 6, 7, 8)), None),
        (Rights(namespaces=HOST, level=0), 0),  # the credentials know best
        (Rights(level=2), 2),
    ],
)
def test_the_user_namespace_is_told_by_credentials_or_by_namespaces(rights: Rights, expected: int | None) -> None:
    assert depth(rights) == expected


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        (Rights(permitted=1 << 21), True),
        (Rights(permitted=1 << 21, namespaces=HOST, host=USER), True),
        (Rights(permitted=1 << 21, namespaces=HOST), False),
        (Rights(permitted=1 << 0), False),
        (Rights(), False),
    ],
)
def test_capabilities_are_as_good_as_root_where_they_count(rights: Rights, expected: bool) -> None:
    assert may_as_root(rights) is expected


@pytest.mark.parametrize(
    ("name", "container", "returned", "first", "expected"),
    [
        ("CAP_SYS_ADMIN", "3e1f", 0, True, 2),
        ("CAP_SYS_ADMIN", "3e1f", 0, False, 1),
        ("CAP_SYS_ADMIN", "3e1f", -1, True, 0),
        ("CAP_SYS_ADMIN", "", 0, True, 0),
        ("CAP_CHOWN", "3e1f", 0, True, 0),
        ("45", "3e1f", 0, True, 0),  # one that has no name yet
    ],
)
def test_a_capability_is_told_when_a_container_has_used_it(
    name: str, container: str, returned: int, first: bool, expected: int
) -> None:
    found = use_tags(
        Execution(container=container), Operation("capable", "cap_capable", name=name, returned=returned), first=first
    )

    assert found == ({"sensitive_capability_use": expected} if expected else {})
