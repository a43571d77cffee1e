"""The same touch soon after is a repeat, and nothing else is."""

import pytest

from schemas.times import SECOND
from tests.agents.touched import READ, SHADOW, Done, did, opened, told, wrote


def test_the_same_touch_within_a_minute_is_a_repeat() -> None:
    found = told(READ, READ, READ, apart=20 * SECOND)

    assert [each.get("repeat") for each in found] == [None, True, True]
    assert [{**each, "repeat": True} for each in found] == [found[1]] * 3


def test_a_minute_later_it_is_told_anew() -> None:
    assert [each.get("repeat") for each in told(*[READ] * 4, apart=30 * SECOND)] == [None, True, None, True]


OTHERS = {
    "process": did("security_file_permission", {"file_arg": {"path": "/etc/shadow"}}, 4, pid=9),
    "file": did("security_file_permission", {"file_arg": {"path": "/etc/gshadow"}}, 4),
    "way": wrote("/etc/shadow"),
    "outcome": did("security_file_permission", {"file_arg": {"path": "/etc/shadow"}}, 4, returned=-13),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_another_touch_is_no_repeat(other: Done) -> None:
    assert "repeat" not in told(READ, other)[-1]


NAMED = {
    "linked": did("security_path_link", ["/etc/shadow"], ["/tmp/s"], pid=9),
    "renamed": did("security_path_rename", ["/data/s"], ["/tmp/s"]),
    "its folder renamed": did("security_path_rename", ["/data/t"], ["/tmp"]),
    "mounted over": did("__x64_sys_mount", "/etc/shadow", "/tmp/s"),
    "renamed, nobody knows where": did("__x64_sys_renameat2", 5, "a", 5, "s"),
    "renamed, spelled otherwise": did("__x64_sys_rename", "/data/s", "/tmp/../tmp/s"),
}


@pytest.mark.parametrize("named", NAMED.values(), ids=NAMED)
def test_another_file_behind_the_same_name_is_no_repeat(named: Done) -> None:
    found = told(wrote("/tmp/s"), wrote("/tmp/s"), named, wrote("/tmp/s"), wrote("/tmp/s"))

    assert ["repeat" in each for each in found] == [False, True, False, False, True]


def test_a_name_elsewhere_ends_no_storm() -> None:
    elsewhere = did("security_path_rename", ["/data/s"], ["/data/t"])

    assert told(READ, elsewhere, READ)[-1].get("repeat")


@pytest.mark.parametrize("step", [opened("shadow", 5), opened("shadow", cwd="/etc"), opened("/proc/self/fd/3/shadow")])
def test_a_name_that_may_be_anothers_is_no_repeat(step: Done) -> None:
    found = told(step, step)[-1]

    assert found["category"] == SHADOW
    assert "repeat" not in found


def test_what_happens_once_is_no_repeat() -> None:
    renamed = did("security_path_rename", ["/data/s"], ["/etc/shadow"])

    assert "repeat" not in told(renamed, renamed)[-1]
