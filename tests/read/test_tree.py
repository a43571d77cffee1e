"""Documents become a tree, and a tree becomes lines."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.read.branches import lines
from app.read.paint import coloured
from app.read.processes import Known, Process, processes
from app.read.tree import DEEPEST, Node, around
from tests.read.documents import COLOURS, documents, unfit

Document = dict[str, Any]


def ran(entity: str, parent: str | Document = "", command: str = "", pid: int = 7, **more: Any) -> Document:
    """`command` is separated by spaces, its first word the executable; entities start in the order of their names."""
    binary, *args = command.split(" ")
    start = f"2026-01-01T00:00:00.{entity}Z"
    process: Document = {"entity_id": entity, "pid": pid, "start": start, "user": {"id": "0"}}
    if binary:
        process |= {"executable": binary, "args": [binary.rpartition("/")[2], *args]}
    if parent:
        process["parent"] = {"entity_id": parent} if isinstance(parent, str) else parent
    return {"process": process | more, "tetragon": {"event": "process_exec"}}


def ended(entity: str, **more: Any) -> Document:
    return {
        "process": {"entity_id": entity, **more},
        "tetragon": {"event": "process_exit"},
        "event": {"duration": 1_500_000_000},
    }


def drawn(given: Sequence[Document], asked: str, width: int | None = None, most: int = 500) -> str:
    tree = around(processes(given), asked, most)
    assert tree is not None
    return "\n".join(line.rstrip() for line in lines(tree, width=width))


def told(**tetragon: Any) -> Document:
    return {"process": {"entity_id": "c"}, "tetragon": {"event": "process_kprobe", **tetragon}}


FAMILY = [
    ran("a", "", "/sbin/init", 1),
    ran("b", "a", "/usr/sbin/sshd -D"),
    ran("x", "a", "/usr/sbin/cron"),
    ran("c", "b", "/bin/bash --login", 20, user={"id": "1000"}),
    ran("d", "c", "/bin/ls -la", 21),
    ran("e", "c", "/usr/bin/curl http://x/y", 22),
    ran("f", "e", "/bin/sh -c x", 23),
    ended("d", exit_code=2),
    {**ended("e"), "tetragon": {"event": "process_exit", "exit": {"signal": "SIGKILL"}}},
    ended("f", exit_code=0),
]


def test_ancestors_the_process_and_its_descendants_are_drawn_and_nobody_else() -> None:
    assert drawn(FAMILY, "c") == "\n".join(
        [
            "  /sbin/init  root · 1",
            "  └─ /usr/sbin/sshd -D  root · 7",
            "▶    └─ /bin/bash --login  uid 1000 · 20",
            "        ├─ /bin/ls -la  root · 21 · exit 2 · 1.5 s",
            "        └─ /usr/bin/curl http://x/y  root · 22 · SIGKILL · 1.5 s",
            "           └─ /bin/sh -c x  root · 23 · exit 0 · 1.5 s",
        ]
    )


def test_the_order_of_documents_does_not_matter() -> None:
    assert drawn(FAMILY[::-1], "c") == drawn(FAMILY, "c")


def test_where_it_ran_and_how_it_came_there_stand_above() -> None:
    document = ran("a", "", "/bin/x", entry_leader={"entry_meta": {"type": "sshd"}}) | {
        "host": {"name": "node 1"},
        "kubernetes": {"namespace": "shop", "pod": {"name": "web-0"}},
    }

    assert drawn([document], "a").splitlines()[0] == 'shop/web-0 on "node 1", entry by sshd'


def test_of_ancestors_without_documents_the_names_or_the_ids_are_known() -> None:
    parent = {"entity_id": "p", "executable": "/bin/sh", "args": ["sh", "-c"], "pid": 9, "user": {"id": "33"}}
    asked = ran("c", parent, "/bin/x", Ext={"ancestry": ["p", "g", "u"]})
    asked["tetragon"]["lineage"] = {"depth": 2, "names": ["sh", "nginx"]}

    assert drawn([asked], "c") == "\n".join(
        ["  ?", "  └─ nginx", "     └─ /bin/sh -c  uid 33 · 9", "▶       └─ /bin/x  root · 7"]
    )


def test_a_process_may_be_known_from_its_child_alone() -> None:
    assert drawn([ran("c", "p", "/bin/x")], "p") == "▶ ?\n  └─ /bin/x  root · 7"


def test_what_its_own_events_tell_is_believed_before_what_others_tell_of_it() -> None:
    child = ran("c", {"entity_id": "p", "executable": "/bin/old", "pid": 1}, "/bin/x")
    own = ran("p", "", "/bin/new", pid=2)

    for order in ([own, child], [child, own]):
        assert drawn(order, "p").splitlines()[0] == "▶ /bin/new  root · 2"


def test_images_of_one_pid_stand_beside_each_other_and_name_what_they_were() -> None:
    images = [
        ran("a", "", "/bin/bash"),
        ran("b", "a", "/bin/sh -c x", 30),
        ran("c", "a", "/usr/bin/env x", 30, previous=[{"executable": "/bin/sh"}]),
        ran("d", "a", "/bin/x", 30, previous=[{"executable": "/bin/sh"}, {"executable": "/usr/bin/env"}]),
    ]

    assert drawn(images, "a") == "\n".join(
        [
            "▶ /bin/bash  root · 7",
            "  ├─ /bin/sh -c x  root · 30",
            "  ├─ /usr/bin/env x [was sh]  root · 30",
            "  └─ /bin/x [was sh env]  root · 30",
        ]
    )


def test_an_image_whose_parent_is_the_one_before_is_below_it() -> None:
    assert drawn([ran("b", "a", "/bin/x", 30), ran("a", "", "/bin/sh", 30)], "b") == (
        "  /bin/sh  root · 30\n▶ └─ /bin/x  root · 30"
    )


@pytest.mark.parametrize(
    ("given", "asked", "expected"),
    [
        ([ran("a", "a", "/a")], "a", ["▶ /a"]),
        ([ran("a", "b", "/a"), ran("b", "a", "/b")], "a", ["  /b", "▶ └─ /a"]),
        ([ran("a", "c", "/a"), ran("b", "a", "/b"), ran("c", "b", "/c")], "a", ["  /b", "  └─ /c", "▶    └─ /a"]),
        ([ran("a", "b", "/a"), ran("b", "b", "/b")], "a", ["  /b", "▶ └─ /a"]),
        ([ran("a", "", "/a", Ext={"ancestry": ["b", "a", "b"]})], "a", ["  ?", "▶ └─ /a"]),
    ],
)
def test_circles_end(given: list[Document], asked: str, expected: list[str]) -> None:
    assert [line.split("  root")[0] for line in drawn(given, asked).splitlines()] == expected


def test_what_is_too_much_is_told() -> None:
    wide = [ran("a", "", "/bin/a"), *(ran(f"b{number:02}", "a", f"/bin/{number}") for number in range(20))]
    deep = [ran(f"{number:03}", f"{number - 1:03}", "/bin/x") for number in range(1, 200)]
    asked = drawn(deep, "100").splitlines()

    assert drawn(wide, "a", most=2).splitlines()[1:] == [
        "  ├─ /bin/0  root · 7", "  ├─ /bin/1  root · 7", "  └─ … 18 more"
    ]  # fmt: skip
    assert asked[0] == f"  … above it {99 - DEEPEST:03}"
    assert asked[-1].strip() == "└─ … 1 more"
    assert len(asked) == 2 * DEEPEST + 3


def test_the_gravest_findings_are_shown_each_once() -> None:
    findings = [
        told(fim={"category": "etc.other", "severity": 1}),
        told(fim={"category": "credentials.shadow", "severity": 4}),
        told(fim={"category": "credentials.shadow", "severity": 4}),
        told(fim={"category": "binaries.system", "severity": 0}),
        told(privilege={"tags": ["sudo"], "severity": 1}),
        told(privilege={"tags": ["drop"], "severity": 0}),
        told(privilege={"tags": ["uid_to_root", "service_to_root"], "severity": 4}),
    ]

    assert drawn([*findings, ran("c", "", "/bin/x")], "c") == (
        "▶ /bin/x [credentials.shadow 4] [uid_to_root service_to_root 4] [etc.other 1] [and 1 more]  root · 7"
    )


def test_a_terminal_of_sixty_columns_is_kept_for_want_of_arguments_but_never_of_the_binary() -> None:
    command = "/opt/a/long/path/to/the/program/of/it --with many --arguments 漢字漢字漢字漢字 漢字漢字"
    given = [
        ran("a", "", "/sbin/init", 1),
        ran("b", "a", "/bin/sh --login --and another"),
        ran("c", "b", "/bin/x " + "y" * 200),
        ran("d", "c", command),
        ran("e", "d", "/bin/" + "z" * 100),
    ]
    shown = drawn(given, "c", width=60).splitlines()

    assert shown[:3] == [
        "  /sbin/init                                        root · 1",
        "  └─ /bin/sh --login --and another                  root · 7",
        "▶    └─ /bin/x yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…  root · 7",
    ]
    assert "/opt/a/long/path/to/the/program/of/it" in shown[3]
    assert "/bin/" + "z" * 100 in shown[4]


def test_columns_are_those_that_wide_characters_take() -> None:
    [line] = drawn([ran("a", "", "/bin/x 漢字漢字漢字漢字")], "a", width=31).splitlines()

    assert line == "▶ /bin/x 漢字漢字漢…   root · 7"


def test_deep_branches_leave_room_for_what_they_lead_to() -> None:
    given = [ran(f"{number:03}", f"{number - 1:03}", "/bin/x --option") for number in range(1, 40)]

    assert all(len(line) <= 60 and "/bin/x" in line for line in drawn(given, "039", width=60).splitlines()[1:])


def test_of_a_process_that_nobody_tells_of_there_is_no_tree() -> None:
    assert around(processes(FAMILY), "nobody") is None


def test_a_tree_is_json() -> None:
    tree = around(processes(FAMILY), "f")
    assert tree is not None
    root = json.loads(json.dumps(msgspec.to_builtins(tree)))["root"]

    assert root["process"]["executable"] == "/sbin/init"
    assert root["children"][0]["children"][0]["process"]["args"] == ["--login"]


def ids(root: Node) -> list[str]:
    found, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        found.append(node.process.id)
        waiting += node.children
    return found


IDS = st.sampled_from("abcdefgh")


@given(st.dictionaries(IDS, st.one_of(IDS, st.just(""))), IDS, st.integers(0, 10))
def test_whoever_is_whose_parent_each_process_is_in_it_once(parents: dict[str, str], asked: str, most: int) -> None:
    known: Known = {entity: Process(entity, parent=parent) for entity, parent in parents.items()}
    tree = around(known, asked, most)

    if tree is None:
        assert asked not in known
    else:
        found = ids(tree.root)
        assert asked in found
        assert len(found) == len(set(found)) <= len(known)
        assert len(list(lines(tree))) >= len(found)


@given(st.lists(documents(), min_size=1, max_size=4), st.integers(1, 100))
def test_no_tree_makes_a_terminal_obey(given: list[Document], width: int) -> None:
    known = processes(given)
    for entity in known:
        tree = around(known, entity)
        assert tree is not None
        shown = list(lines(tree, width=width))
        assert [unfit(line) for line in shown if unfit(line)] == []
        assert [COLOURS.sub("", line) for line in lines(tree, coloured, width)] == shown
        msgspec.to_builtins(tree)
