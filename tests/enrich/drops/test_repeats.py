"""A rule for repeats drops what a process does to a file again, and keeps one a minute."""

import json
from collections.abc import Sequence
from typing import Any

from app.enrich.blocks import Enriched
from app.enrich.drops.file import read_rules
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from schemas.times import SECOND, rfc3339
from tests.agents.cases import AGENTS, record_of

START = 1_700_000_000 * SECOND
STORMS = b"rules: [{name: storms, repeat: true, drop: true}]"


def touch(second: int, path: str = "/etc/shadow", mask: int = 4, pid: int = 7, returned: int = 0) -> bytes:
    args = [{"file_arg": {"path": path}}, {"int_arg": mask}]
    process = {"exec_id": f"node:{pid}", "pid": pid, "binary": "/opt/x"}
    body: dict[str, Any] = {"process": process, "function_name": "security_file_permission", "args": args}
    body["return"] = {"int_arg": returned}
    return json.dumps({"process_kprobe": body, "time": rfc3339(START + second * SECOND)}).encode()


def run(lines: Sequence[bytes], rules: bytes = STORMS, memory: Memory | None = None) -> Enriched:
    pipeline = Pipeline(AGENTS, drops=read_rules(rules, "f"))
    return pipeline.enrich(memory or Memory(), record_of(b"\n".join(lines), "x.log"))


def dropped(enriched: Enriched) -> int:
    return enriched.counters.get("dropped.storms", 0)


def test_of_a_storm_one_a_minute_stays() -> None:
    enriched = run([touch(second) for second in range(0, 300, 2)])

    assert (enriched.counters["documents"], dropped(enriched)) == (5, 145)


def test_another_file_way_process_or_outcome_is_no_repeat() -> None:
    lines = [touch(0), touch(1, path="/etc/gshadow"), touch(2, mask=2), touch(3, pid=8), touch(4, returned=-13)]

    assert dropped(run(lines)) == 0


def named(second: int, function: str, *texts: str) -> bytes:
    args = [{"string_arg": text} for text in texts]
    process = {"exec_id": "node:7", "pid": 7, "binary": "/opt/x", "cwd": "/work"}
    body = {"process": process, "function_name": function, "args": args}
    return json.dumps({"process_kprobe": body, "time": rfc3339(START + second * SECOND)}).encode()


def test_a_write_to_another_file_behind_the_same_name_stays() -> None:
    lines = [
        touch(0, path="/tmp/s", mask=2),
        touch(1, path="/tmp/s", mask=2),
        named(2, "__x64_sys_link", "/etc/shadow", "/tmp/s"),
        touch(3, path="/tmp/s", mask=2),
    ]

    enriched = run(lines)

    assert dropped(enriched) == 1
    assert b"credentials.shadow" in enriched.blocks[-1][0].splitlines()[-1]


def test_a_name_that_counts_from_somewhere_may_be_anothers() -> None:
    lines = [
        named(0, "__x64_sys_open", "shadow"),
        named(1, "__x64_sys_chdir", "/etc"),
        named(2, "__x64_sys_open", "shadow"),
    ]

    assert dropped(run(lines)) == 0


def test_the_rest_of_a_rule_counts_too() -> None:
    rules = b"rules: [{name: storms, when: {process.pid: 8}, repeat: true, drop: true}]"

    assert dropped(run([touch(second, pid=7 + second % 2) for second in range(10)], rules)) == 4


def test_two_rules_remember_each_for_itself() -> None:
    rules = (
        b"rules: [{name: keep, when: {process.pid: 8}, repeat: true, sample: 1},"
        b" {name: storms, repeat: true, drop: true}]"
    )

    enriched = run([touch(second, pid=8) for second in range(10)], rules)

    assert (enriched.kept, dropped(enriched)) == ({"keep": 9}, 0)


def test_what_is_no_touch_of_a_file_is_no_repeat() -> None:
    line = b'{"process_exec":{"process":{"pid":1,"exec_id":"x","binary":"/bin/sh"}},"time":"2026-01-01T00:00:00Z"}'

    assert dropped(run([line, line])) == 0


def test_a_worker_that_restored_a_checkpoint_drops_the_same() -> None:
    lines = [touch(second) for second in range(100)]
    memory, restored = Memory(), Memory()
    before = run(lines[:50], memory=memory)
    restored.load(memory.drain().items())
    after = run(lines[50:], memory=restored)

    assert dropped(before) + dropped(after) == dropped(run(lines)) == 98
