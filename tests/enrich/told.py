"""What a node tells in a few lines, and the documents that come of it."""

from base64 import b64encode
from typing import Any

import orjson

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from schemas.record import Record
from schemas.times import SECOND, rfc3339

NODE = "node-1"
T0 = 1_700_000_000

PIPELINE = Pipeline(load_agents(None), original=False)


def ident(seconds: float, pid: int) -> str:
    return b64encode(f"{NODE}:{int((seconds - T0 + 10_000) * SECOND)}:{pid}".encode()).decode()


def process(pid: int, at: float, binary: str, parent: str = "", **more: Any) -> dict[str, Any]:
    return {
        "exec_id": ident(at, pid),
        "pid": pid,
        "binary": binary,
        "flags": "execve clone",
        "start_time": rfc3339(int(at * SECOND)),
        "parent_exec_id": parent,
        **more,
    }


def event(name: str, time: float, of: dict[str, Any], parent: dict[str, Any] | None = None, **more: Any) -> bytes:
    body = {"process": of, **({"parent": parent} if parent is not None else {}), **more}
    return orjson.dumps({name: body, "node_name": NODE, "time": rfc3339(int(time * SECOND))})


def documents(*lines: bytes, memory: Memory | None = None, key: bytes | None = NODE.encode()) -> list[dict[str, Any]]:
    record = Record("t", 0, 0, 0, key, b"\n".join(lines), {})
    enriched = PIPELINE.enrich(memory or Memory(), record)
    assert not enriched.rejections
    assert not enriched.failures
    return [orjson.loads(line) for value, _ in enriched.blocks for line in value.splitlines()[1::2]]


INIT = process(1, T0 - 1000, "/sbin/init")
SSHD = process(100, T0, "/usr/sbin/sshd", INIT["exec_id"])
BASH = process(101, T0 + 1, "/bin/bash", SSHD["exec_id"])
CURL = process(102, T0 + 2, "/usr/bin/curl", BASH["exec_id"], arguments="-s x")

BEFORE = (event("process_exec", T0, SSHD, INIT), event("process_exec", T0 + 1, BASH, SSHD))
