from typing import Any

import pytest

from app.errors import ConditionError
from app.read.where import hold, read_condition

DOCUMENT: dict[str, Any] = {
    "process": {
        "name": "curl",
        "executable": "/tmp/x/curl",
        "pid": 500,
        "args": ["curl", "-so", "a*b", "two\nlines"],
        "previous": [{"executable": "/bin/sh"}, {"executable": "/bin/env"}],
    },
    "user": {"id": "1000"},
    "tetragon": {"fim": {"severity": 3, "deleted": True}, "operation": {"returned": -13}, "ratio": 1.5},
    "kubernetes": {"labels": {"app.kubernetes.io/name": "web"}},
    "empty": [],
    "nothing": None,
    "file": {"path": "[kworker/0:1]"},
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("process.name=curl", True),
        ("process.name=cur", False),
        ("process.name=CURL", False),
        ("process.executable=/tmp/*", True),
        ("process.executable=*/curl", True),
        ("process.executable=*x*l", True),
        ("process.executable=/tmp/*x*z*curl", False),
        ("process.executable=/var/*", False),
        ("process.pid=500", True),
        ("process.pid=*", True),
        ("process.args=-so", True),
        ("process.args=a\\*b", True),
        ("process.name=cur\\*", False),
        ("process.args=two*lines", True),
        ("process.args!=-so", False),
        ("process.args!=-x", True),
        ("process.previous.executable=/bin/env", True),
        ("process.previous.executable!=/bin/*", False),
        ("file.path=[kworker/0:1]", True),
        ("kubernetes.labels.app.kubernetes.io/name=web", True),
        ("user.id!=0", True),
        ("user.name!=root", True),
        ("user.name=root", False),
        ("user.name=*", False),
        ("user.id>999", True),
        ("user.id>1000", False),
        ("user.id>=1000", True),
        ("user.id<1000.5", True),
        ("process.name>0", False),
        ("tetragon.fim.severity>2", True),
        ("tetragon.fim.severity<=2", False),
        ("tetragon.operation.returned<0", True),
        ("tetragon.operation.returned>-14", True),
        ("tetragon.ratio=1.5", True),
        ("tetragon.fim.deleted=true", True),
        ("tetragon.fim", True),
        ("tetragon.fim.deleted", True),
        ("tetragon.privilege", False),
        ("empty", False),
        ("nothing", False),
        ("process.name.more", False),
        ("process.previous", True),
        ("process.name==curl", False),
        ("process", True),
    ],
)
def test_a_condition_holds_or_not(condition: str, expected: bool) -> None:
    assert read_condition(condition).holds(DOCUMENT) is expected


@pytest.mark.parametrize(
    ("condition", "position", "what"),
    [
        ("", 1, "the name of a field is missing"),
        ("=curl", 1, "the name of a field is missing"),
        (".name=x", 1, "the name of a field is missing"),
        ("process..name=x", 9, "the name of a field is missing"),
        ("process.=x", 9, "the name of a field is missing"),
        ("process.name =x", 13, "' ' is no comparison"),
        ("process.name!x", 13, "'!' is no comparison"),
        ("process.name=", 14, "a value is missing"),
        ("process.pid>", 13, "a value is missing"),
        ("process.pid>many", 13, "'many' is no number"),
        ("process.pid>1e3", 13, "'1e3' is no number"),
        ("process.pid>=٣", 14, "'٣' is no number"),
    ],
)
def test_what_is_no_condition_is_told_with_the_position(condition: str, position: int, what: str) -> None:
    with pytest.raises(ConditionError) as told:
        read_condition(condition)

    assert str(told.value).startswith(
        f"Condition {condition!r} cannot be read at position {position}: {what}. Expected "
    )


def test_all_of_several_conditions_must_hold() -> None:
    one, other = read_condition("process.name=curl"), read_condition("process.pid=1")

    assert hold([], DOCUMENT)
    assert hold([one], DOCUMENT)
    assert not hold([one, other], DOCUMENT)


def test_many_stars_do_not_take_long() -> None:
    document = {"a": "x" * 20_000}

    assert not read_condition("a=" + "*x" * 20 + "*y").holds(document)
