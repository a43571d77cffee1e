"""A node that Hypothesis drives: whatever it draws becomes lines that Tetragon could write, or nearly."""

from base64 import b64encode
from typing import Any

import orjson
from hypothesis import strategies as st

from schemas.times import SECOND, rfc3339

START = 1_700_000_000 * SECOND
BOOT = START - 86_400 * SECOND

# Steps of time: mostly small, sometimes beyond what is remembered, back, or from a clock that is wrong.
_STEPS = st.sampled_from([1, 1, 1, 1, 40, 400, 900, 4000, 90_000, -20, -5000, 10**8])
_KINDS = st.sampled_from(["fork", "fork", "fork", "exec", "exit", "exit", "kprobe", "procfs", "stub", "orphan", "junk"])

STEPS = st.lists(st.tuples(_KINDS, st.integers(0, 5), _STEPS), max_size=40)
Step = tuple[str, int, int]


def exec_id(node: str, time: int, pid: int) -> str:
    return b64encode(f"{node}:{max(time - BOOT, 1)}:{pid}".encode()).decode()


def lines_of(steps: list[Step], node: str = "node-1") -> list[bytes]:
    """`fork` of one of the six processes last seen, then `exec`; the other kinds as named."""
    time = START
    root = {"exec_id": exec_id(node, BOOT, 1), "pid": 1, "binary": "/sbin/init", "start_time": rfc3339(BOOT)}
    known: list[dict[str, Any]] = [root]
    lines: list[bytes] = []
    for number, (kind, choice, seconds) in enumerate(steps):
        time = max(time + seconds * SECOND, BOOT + SECOND)
        parent = known[-1 - choice % len(known)]
        pid = parent["pid"] if kind == "exec" else 2 + number % 7
        process = {
            "exec_id": exec_id(node, time, pid),
            "pid": pid,
            "uid": number % 3,
            "binary": f"/bin/tool-{number}",
            "arguments": f'-c "number {number}"',
            "cwd": "/",
            "flags": "procFS" if kind == "procfs" else "execve" if kind == "exec" else "execve clone",
            "start_time": rfc3339(time),
            "parent_exec_id": parent["exec_id"],
        }
        body: dict[str, Any] = {"process": process, "parent": parent}
        name = "process_exec"
        if kind in ("exit", "kprobe"):
            body = {"process": parent}
            name = f"process_{kind}"
        elif kind == "stub":
            body = {"process": {"pid": pid, "start_time": rfc3339(time), "flags": "unknown"}}
            name = "process_kprobe"
        elif kind == "orphan":
            del body["parent"]
            process["parent_exec_id"] = exec_id(node, BOOT, pid + 1)
        if kind == "junk":
            lines.append(b"{" + str(number).encode())
            continue
        if name == "process_exec":
            known.append(process)
        lines.append(orjson.dumps({name: body, "node_name": node, "time": rfc3339(time)}))
    return lines
