"""What the privilege agent never does, whatever the processes may."""

from base64 import b64encode
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from schemas.capabilities import CAPABILITIES
from schemas.rights import IDS, NAMESPACES
from schemas.times import SECOND, rfc3339
from tests.agents.cases import AGENTS, record_of

START = 1_700_000_000 * SECOND
PIPELINE = Pipeline([agent for agent in AGENTS if agent.name == "privilege"], original=False)

_NUMBERS = st.sampled_from([0, 33, 1000])
_NAMES = st.lists(st.sampled_from(CAPABILITIES[:4]), unique=True)
_CAPABILITIES = st.fixed_dictionaries({}, optional={"permitted": _NAMES, "effective": _NAMES})
_CREDENTIALS = st.fixed_dictionaries({}, optional=dict.fromkeys(IDS, _NUMBERS) | {"caps": _CAPABILITIES})
_SPACE = st.fixed_dictionaries({}, optional={"inum": st.integers(1, 3), "is_host": st.booleans()})
RIGHTS = st.fixed_dictionaries(
    {},
    optional={
        "uid": _NUMBERS,
        "cap": _CAPABILITIES,
        "process_credentials": _CREDENTIALS,
        "ns": st.fixed_dictionaries({}, optional=dict.fromkeys(NAMESPACES, _SPACE)),
    },
)
# An exec in the place of the last process, an exec of its child, or a call of its own.
STEPS = st.lists(st.tuples(st.sampled_from(["exec", "child", "setuid", "commit_creds"]), RIGHTS), max_size=12)


def exec_line(number: int, pid: int, parent: dict[str, Any] | None, rights: dict[str, Any]) -> tuple[bytes, Any]:
    time = START + number * SECOND
    process = {
        "exec_id": b64encode(f"node:{number + 1}:{pid}".encode()).decode(),
        "pid": pid,
        "binary": f"/bin/tool-{number}",
        "flags": "execve clone",
        "start_time": rfc3339(time),
        **({"parent_exec_id": parent["exec_id"]} if parent is not None else {}),
        **rights,
    }
    body = {"process": process, **({"parent": parent} if parent is not None else {})}
    kept = ("exec_id", "pid", "uid", "binary", "start_time", "parent_exec_id")
    line = orjson.dumps({"process_exec": body, "time": rfc3339(time)})
    return line, {name: process[name] for name in kept if name in process}


def lines_of(steps: list[tuple[str, dict[str, Any]]]) -> list[bytes]:
    line, process = exec_line(0, 10, None, {"uid": 0})
    lines = [line]
    for number, (step, rights) in enumerate(steps, 1):
        if step in ("exec", "child"):
            line, process = exec_line(number, process["pid"] + (step == "child"), process, rights)
        else:
            held = {"process_credentials_arg": rights.get("process_credentials", {})}
            args = [{"int_arg": rights.get("uid", -1)}] if step == "setuid" else [held]
            name = "__sys_setuid" if step == "setuid" else step
            body = {"process": process, "function_name": name, "args": args}
            line = orjson.dumps({"process_kprobe": body, "time": rfc3339(START + number * SECOND)})
        lines.append(line)
    return lines


def documents(memory: Memory, *lines: bytes) -> list[dict[str, Any]]:
    enriched = PIPELINE.enrich(memory, record_of(b"\n".join(lines), "x.log"))
    assert not enriched.rejections
    assert not enriched.failures
    return [orjson.loads(line) for value, _ in enriched.blocks for line in value.splitlines()[1::2]]


def changes(document: dict[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] | None = document.get("tetragon", {}).get("privilege")
    return found


@given(RIGHTS, st.sampled_from(["exec", "child"]))
def test_a_process_that_may_what_its_parent_or_its_earlier_image_may_has_no_change(
    rights: dict[str, Any], step: str
) -> None:
    first, parent = exec_line(0, 10, None, rights)
    second, _ = exec_line(1, 10 + (step == "child"), parent, rights)

    assert [changes(each) for each in documents(Memory(), first, second)] == [None, None]


@given(RIGHTS)
def test_an_execution_of_which_nothing_before_is_known_has_no_change(rights: dict[str, Any]) -> None:
    line, _ = exec_line(1, 10, None, rights)

    assert changes(documents(Memory(), line)[0]) is None


@given(STEPS)
def test_every_change_is_one_between_two_things_that_are_known(steps: list[tuple[str, dict[str, Any]]]) -> None:
    for document in documents(Memory(), *lines_of(steps)):
        found = changes(document)
        if found is not None and found.keys() != {"origin", "severity"}:
            assert found["changes"]
            assert found["since"] in ("parent", "previous", "call")
            assert found.get("before", {}).keys() == found.get("after", {}).keys()
            assert all(old != found["after"][name] for name, old in found.get("before", {}).items())
            assert 0 <= found["severity"] <= 4


@given(STEPS, st.integers(0, 12))
def test_a_worker_that_restored_a_checkpoint_tells_the_same_changes(
    steps: list[tuple[str, dict[str, Any]]], cut: int
) -> None:
    lines = lines_of(steps)
    memory = Memory()
    before = documents(memory, *lines[:cut])
    restored = Memory()
    restored.load(memory.drain().items())

    told = [changes(each) for each in [*before, *documents(restored, *lines[cut:])]]

    assert told == [changes(each) for each in documents(Memory(), *lines)]


def capability_line(number: int, process: Any, name: str, returned: int = 0, container: str = "0a1b2c") -> bytes:
    args = [{"user_ns_arg": {"level": 0}}, {"capability_arg": {"name": name}}]
    body = {"process": process | {"docker": container}, "function_name": "cap_capable", "args": args}
    body["return"] = {"int_arg": returned}
    return orjson.dumps({"process_kprobe": body, "time": rfc3339(START + number * SECOND)})


def severities(*lines: bytes) -> list[int]:
    return [(changes(each) or {"severity": 0})["severity"] for each in documents(Memory(), *lines)]


def test_the_first_use_of_a_capability_that_is_as_good_as_root_is_told_louder() -> None:
    (_, process), (_, other), (_, elsewhere) = (exec_line(number, 10, None, {"uid": 0}) for number in (1, 2, 3))

    assert severities(
        capability_line(1, process, "CAP_SYS_ADMIN"),
        capability_line(2, process, "CAP_SYS_ADMIN"),
        capability_line(3, process, "CAP_SYS_MODULE"),
        capability_line(4, other, "CAP_SYS_ADMIN"),
        capability_line(5, elsewhere | {"binary": process["binary"]}, "CAP_SYS_ADMIN", container="4e5f"),
        capability_line(6, elsewhere | {"binary": process["binary"]}, "CAP_SYS_ADMIN", container="4e5f"),
    ) == [2, 1, 2, 2, 2, 1]


def test_other_uses_of_capabilities_are_not_told() -> None:
    (_, process), (_, outside) = (exec_line(number, 10, None, {"uid": 0}) for number in (1, 2))

    assert severities(
        capability_line(1, process, "CAP_CHOWN"),
        capability_line(2, process, "CAP_SYS_ADMIN", returned=-1),
        capability_line(3, outside, "CAP_SYS_ADMIN", container=""),
    ) == [0, 0, 0]


def test_securebits_that_change_are_context() -> None:
    first, parent = exec_line(0, 10, None, {"uid": 0, "process_credentials": {"uid": 0, "euid": 0}})
    held = {"uid": 0, "euid": 0, "securebits": ["SecBitNoRoot"]}
    second, _ = exec_line(1, 11, parent, {"uid": 0, "process_credentials": held})

    told = changes(documents(Memory(), first, second)[1])

    assert told is not None
    assert (told["changes"], told["securebits"]) == (["securebits"], {"set": ["SecBitNoRoot"]})
    assert (told["tags"], told["severity"]) == (["securebits"], 0)
