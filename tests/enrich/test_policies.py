"""What becomes of the events of each policy that Tetragon publishes: policies.yaml."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from app.check.samples import TYPES, WITHOUT_SAMPLE
from tests.ecs.checker import problems
from tests.enrich.test_documents import document
from tests.schemas.operation.told import done

GROUPS: Final = ("files", "executions", "network", "privileges", "kernel", "named")
TABLE: Final[Mapping[str, list[dict[str, Any]]]] = yaml.safe_load(
    (Path(__file__).parent / "policies.yaml").read_bytes()
)
ROWS: Final = [row for group in GROUPS for row in TABLE[group]]

PARENT: Final = {"exec_id": "bm9kZS0xOjkwMDAwMDoxMjM0", "pid": 1234, "uid": 0, "cwd": "/", "binary": "/usr/bin/bash"}
PROCESS: Final = {
    "exec_id": "bm9kZS0xOjkwMDEwMDo0MzIx",
    "pid": 4321,
    "tid": 4321,
    "uid": 0,
    "cwd": "/root",
    "binary": "/usr/local/bin/program",
    "arguments": "--once",
    "flags": "execve clone",
    "start_time": "2024-01-01T00:00:09Z",
    "parent_exec_id": PARENT["exec_id"],
}
END: Final = {"node_name": "node-1", "time": "2024-01-01T00:00:10.5Z"}

# Of these a document has what a row says and no more.
TOLD: Final = ("file.", "user.changes.", "source.ip", "source.port", "destination.ip", "destination.port", "dns.")


def hook_of(row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    for kind in ("kprobe", "lsm", "tracepoint", "uprobe", "usdt", "loader"):
        if kind in row:
            first, _, second = row[kind].partition(" " if kind == "uprobe" else "/")
            return f"process_{kind}", {
                "kprobe": {"function_name": row[kind]},
                "lsm": {"function_name": row[kind]},
                "tracepoint": {"subsys": first, "event": second},
                "uprobe": {"path": first, "symbol": second},
                "usdt": {"path": "/usr/bin/program", "provider": first, "name": second},
                "loader": {"path": row[kind], "buildid": "AQID"},
            }[kind]
    raise AssertionError(row)


def line_of(row: Mapping[str, Any]) -> str:
    name, about = hook_of(row)
    policy = {} if name == "process_loader" else {"policy_name": "policy"}
    body = {
        "process": PROCESS,
        "parent": PROCESS,
        **about,
        "args": row.get("args", []),
        **policy,
        **row.get("more", {}),
    }
    if not body["args"]:
        del body["args"]
    return json.dumps({name: body, **END})


def leaves(value: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        if isinstance(each, dict):
            yield from leaves(each, f"{under}{name}.")
        else:
            yield f"{under}{name}", each


def named(row: Mapping[str, Any]) -> str:
    name, about = hook_of(row)
    return (
        f"{row['from'][0].rpartition('/')[2]}-{'/'.join(map(str, about.values())) if name != 'process_loader' else ''}"
    )


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_arguments_are_those_that_tetragon_writes_for_what_the_policy_takes(row: dict[str, Any]) -> None:
    taken = [kind for kind in row.get("takes", []) if kind not in WITHOUT_SAMPLE]
    members = [TYPES[kind][0] for kind in taken]
    written = [next(name for name in argument if name != "label") for argument in row.get("args", [])]

    assert [name.removeprefix("truncated_") for name in written] == members


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_an_event_does_what_its_hook_says(row: dict[str, Any]) -> None:
    found = done(line_of(row))
    expected = [row["operation"]] if "operation" in row else []

    assert [{name: value for name, value in each.items() if name != "hook"} for each in found] == expected


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_its_document_has_the_fields_of_ecs_that_the_row_names(row: dict[str, Any]) -> None:
    made = document(line_of(row))
    expected = dict(row["ecs"])
    event = made["event"]
    found = dict(leaves(made))

    assert [event["category"], event["type"], event["action"], event.get("outcome")] == expected.pop("event")
    assert {name: found.get(name) for name in expected} == expected
    assert {name for name in found if name.startswith(TOLD)} == {name for name in expected if name.startswith(TOLD)}
    assert problems(made) == []
    if "uprobe" in row or "usdt" in row or "loader" in row:
        return
    body = made["tetragon"][made["tetragon"]["event"]]
    assert body.get("args", []) == row["args"]
    assert all(body[name] == value for name, value in row.get("more", {}).items())


def test_the_table_has_each_policy_of_tetragon_s_examples() -> None:
    assert TABLE.keys() == {".", "..", *GROUPS}
    assert len({source for row in ROWS for source in row["from"]}) == 83
