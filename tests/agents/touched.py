"""Files that processes touch, in the order of writing, and what `fim` tells of each."""

from base64 import b64encode
from typing import Any, Final

import orjson

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from schemas.times import SECOND, rfc3339
from tests.agents.cases import AGENTS, record_of

START = 1_700_000_000 * SECOND
PIPELINE = Pipeline([agent for agent in AGENTS if agent.name == "fim"], original=False)

Done = dict[str, Any]


def did(function: str, *args: Any, pid: int = 7, cwd: str = "/data", docker: str = "", **more: Any) -> Done:
    """A number is an int_arg; a text is what the process wrote; a text in a list is a path that the kernel resolved."""
    given = [{"path_arg": {"path": each[0]}} if isinstance(each, list) else each for each in args]
    given = [{"string_arg": each} if isinstance(each, str) else each for each in given]
    given = [{"int_arg": each} if isinstance(each, int) else each for each in given]
    returned = {"return": {"int_arg": more.pop("returned")}} if "returned" in more else {}
    process = {"exec_id": exec_id(pid), "pid": pid, "uid": 0, "binary": "/opt/x", "cwd": cwd, "docker": docker, **more}
    return {"process": process, "function_name": function, "args": given, **returned}


def exec_id(pid: int) -> str:
    return b64encode(f"node:5000:{pid}".encode()).decode()


def wrote(path: str, **more: Any) -> Done:
    return did("security_file_permission", {"file_arg": {"path": path}}, 2, **more)


def opened(path: str, descriptor: int = -100, **more: Any) -> Done:
    """To be written, as the process asked for it."""
    return did("__x64_sys_openat", descriptor, path, 1, **more)


def told(*steps: Done, memory: Memory | None = None, apart: int = SECOND) -> list[dict[str, Any]]:
    """`tetragon.fim` of each; empty where it is not told."""
    lines = [
        orjson.dumps({"process_kprobe": step, "node_name": "node", "time": rfc3339(START + place * apart)})
        for place, step in enumerate(steps)
    ]
    enriched = PIPELINE.enrich(memory or Memory(), record_of(b"\n".join(lines), "x.log"))
    assert not enriched.rejections
    assert not enriched.failures
    documents = [orjson.loads(line) for value, _ in enriched.blocks for line in value.splitlines()[1::2]]
    return [document["tetragon"].get("fim", {}) for document in documents]


SHADOW: Final = "credentials.shadow"
READ: Final = did("security_file_permission", {"file_arg": {"path": "/etc/shadow"}}, 4)
