"""What docs/documents.md shows: a document of each type of event, kinds of operations, and where members go."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from app.enrich.operations import KINDS
from schemas.tetragon import BODIES
from tests.agents.cases import CORPUS
from tests.enrich.made import Everything, Made, leaves
from tests.enrich.test_documents import document
from tests.enrich.test_policies import ROWS, hook_of, line_of

WIDTH: Final = 96
# The same in every document, or told by other pages.
LEFT_OUT: Final = (
    "ecs", "event.dataset", "event.id", "event.module", "event.original", "log", "observer", "process.Ext",
    "process.entry_leader", "process.parent.args", "process.parent.args_count", "process.parent.start",
    "process.parent.working_directory", "process.start", "process.working_directory", "tetragon.fim",
    "tetragon.lineage", "tetragon.parent", "tetragon.parent_pod", "tetragon.privilege",
)  # fmt: skip
# Of those that the corpus lacks: the hook whose event stands in tests/enrich/policies.yaml.
SHAPED: Final = {
    "process_tracepoint": "raw_syscalls/sys_enter",
    "process_uprobe": "/bin/bash readline",
    "process_usdt": "test/usdt3",
    "process_lsm": "bprm_check_security",
    "process_loader": "/usr/lib/x86_64-linux-gnu/libc.so.6",
}
END: Final = '"node_name":"node-1","time":"2026-01-05T08:00:00.123456789Z"}'
LINES: Final = {
    "process_throttle": '{"process_throttle":{"type":"THROTTLE_START","cgroup":"cri-containerd-97d0c2a1.scope"},' + END,
    "rate_limit_info": '{"rate_limit_info":{"number_of_dropped_process_events":"42"},' + END,
}
WANTED: Final = {
    "process_exec": ("process_exec", '"pod"'),
    "process_exit": ("process_exit", '"pod"'),
    "process_kprobe": ("process_kprobe", "security_file_permission"),
    "process_connect": ("process_connect", "10.88.0.7"),
}
# Members that go the same way, shown as one.
TOGETHER: Final = (
    (r"^((tetragon\.)?process_\w+\.(args|data|return|\w*stack_trace))\..*", r"\1"),
    (
        r"^((tetragon\.)?parent\.(ns|cap|process_credentials|binary_properties)|tetragon\.parent_pod|parent\.pod)\..*",
        r"\1.*",
    ),
    (r"(process\.ns)\.\w+\.", r"\1.*."),
    (r"(process\.binary_properties)\..*", r"\1.*"),
)
# Where a value comes again that another field is there for.
AGAIN: Final = re.compile(
    r"tetragon\.(lineage|operation|privilege|fim)|process\.(entry_leader|Ext|previous)|related|network"
)


def documents_text() -> str:
    parts = [*_examples(), *_kinds(), *_members()]
    return "\n".join(parts).strip()


def _examples() -> Iterator[str]:
    yield "## One document of each type of event\n"
    for name in ("process_exec", "process_exit", "process_kprobe", *SHAPED, *LINES, "process_connect"):
        line, source = _line(name)
        shown = _shortened(document(line, original=False))
        yield f"### `{name}`\n\n{source}\n"
        yield f"```json\n{_printed(shown)}\n```\n"


def _printed(value: Any, indent: int = 0) -> str:
    """As JSON, with what is short on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict) or (indent and len(line) < WIDTH - indent):
        return line
    inner = " " * (indent + 2)
    members = [f"{inner}{json.dumps(name)}: {_printed(each, indent + 2)}" for name, each in value.items()]
    return "{\n" + ",\n".join(members) + "\n" + " " * indent + "}"


def _line(name: str) -> tuple[str, str]:
    """With where it is from."""
    if name in WANTED:
        member, held = WANTED[name]
        for file in sorted(CORPUS.glob("*.ndjson")):
            for line in file.read_text("utf-8").splitlines():
                if line.startswith(f'{{"{member}"') and held in line and '"parent"' in line:
                    return line, f"Of [a real line](../examples/corpus/{file.name})."
        raise AssertionError(name)
    if name in LINES:
        return LINES[name], "Of a line in the form that Tetragon writes."
    row = next(row for row in ROWS if SHAPED[name] in row.values() and hook_of(row)[0] == name)
    return line_of(row), f"Of a line in the form that Tetragon writes for `{row['from'][0]}.yaml`, one of its examples."


def _shortened(made: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in made.items():
        path = f"{under}{name}"
        if path in LEFT_OUT:
            continue
        kept = _shortened(value, f"{path}.") if isinstance(value, dict) else value
        if kept != {}:
            found[name] = kept
    return found


def _kinds() -> Iterator[str]:
    yield "## Kinds of operations\n"
    yield (
        "`tetragon.operation.kind` says what an event did; it follows from the hook, and where that is unknown from\n"
        "the types of its arguments. What Tetragon denied has the type `denied` besides, and where ECS does not let\n"
        "that be said of the category, the category `intrusion_detection`.\n"
    )
    rows = [
        (f"`{kind}`", _names(categories), _names(types), f"`{action}`")
        for kind, (categories, types, action) in sorted(KINDS.items())
    ]
    yield _table(("kind", "event.category", "event.type", "event.action"), rows)


def _members() -> Iterator[str]:
    yield "\n## Where Tetragon's members go\n"
    yield (
        "Found by looking for each value of an event that has every member. `process.parent` is what the agent\n"
        "[`ancestry`](agents.md) remembers of the parent, or what the event says of it; of `ancestors` it tells the\n"
        "ids and names. What arguments mean is told by `tetragon.operation`, and by `file`, `source`, `destination`,\n"
        "`network` and `user.changes`. `refcnt` is left out. What Tetragon does not write yet, and what has another\n"
        "shape than it should, goes to `tetragon.other`, by its path.\n"
    )
    rows: dict[str, dict[str, None]] = {}
    for name in BODIES:
        for event in _events(name):
            found = _found(event)
            for path, value in leaves(event):
                if _is_told(path, name):
                    places = _of_truth(event, path, found) if isinstance(value, bool) else _places(str(value), found)
                    rows.setdefault(_shown(path.removeprefix("process_exec.")), {}).update(dict.fromkeys(places))
    yield _table(("member", "fields"), [(f"`{member}`", _names(sorted(fields))) for member, fields in rows.items()])


def _events(name: str) -> Iterator[dict[str, Any]]:
    """With everything, each on its own; and as Tetragon has it where one thing hides another."""
    yield Made(Everything()).event(name)
    event = Made(Everything()).event(name)
    body = event[name]
    if "ima_hash" in body:
        body["ima_hash"] = f"sha256:{body['ima_hash']}"
    if name == "process_exec":
        process = body["process"]
        del process["process_credentials"]
        pod = process["pod"]
        pod["workload_kind"] = "Deployment"
        pod["container"] |= {"id": "v7001v://v7002v", "image": {"id": "v7003v@sha256:v7004v", "name": "v7003v:v7005v"}}
        yield event
        del process["pod"]
    yield event


def _found(event: Mapping[str, Any]) -> dict[str, Any]:
    return dict(leaves(document(json.dumps(event), original=False)))


def _is_told(path: str, name: str) -> bool:
    """Once, though other events have it too; and nothing that was made up."""
    below = path.removeprefix(f"{name}.")
    if re.search(r"(^|\.)new\d+|\.refcnt$|(^|\.)ancestors\.", below) or path == f"{name}.parent.parent_exec_id":
        return False
    return name == "process_exec" or (below != path and not below.startswith(("process.", "parent.")))


def _places(value: str, found: Mapping[str, Any]) -> Iterator[str]:
    parts = (
        [value] if value.endswith("Z") else [part for part in re.split("[ :@/]+", value) if re.search(r"\d|CAP_", part)]
    )
    for path, each in found.items():
        if not AGAIN.match(path) and any(part in str(each) for part in parts) and not isinstance(each, bool):
            yield _shown(path)


def _of_truth(event: Mapping[str, Any], path: str, found: Mapping[str, Any]) -> Iterator[str]:
    """The fields that are otherwise if a truth is not told."""
    without = json.loads(json.dumps(event))
    *parents, last = path.split(".")
    held = without
    for name in parents:
        held = held[int(name)] if isinstance(held, list) else held[name]
    del held[last]
    other = _found(without)
    for place, value in found.items():
        if isinstance(value, bool) and other.get(place) != value and not AGAIN.match(place):
            yield _shown(place)


def _shown(path: str) -> str:
    path = re.sub(r"\.\d+(?=\.|$)", "", path)
    path = re.sub(r"app\.kubernetes\.io/k\d+$", "*", path)
    for whole, kept in TOGETHER:
        path = re.sub(whole, kept, path)
    return path


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
