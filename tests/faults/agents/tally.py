"""Remembers, changes and forgets, and puts a digest of all that it remembers into every document.

A single event that was missed, taken twice or taken in another order shows in every later document of its node.
"""

from hashlib import blake2b
from typing import Any, Final

import orjson

from agents import Fields, Memory, agent
from schemas.tetragon import Event

MOST: Final = 8  # processes remembered, so few that some are forgotten all the time: the first by name go


@agent(events=None, adds={"tetragon.tally"}, ttl=120.0)
def tally(event: Event, memory: Memory) -> Fields:
    before = dict(memory)
    after = _after(event, before)
    for name in [name for name in before if name not in after]:
        del memory[name]
    for name, value in after.items():
        if before.get(name) != value:
            memory[name] = value
    return {"tetragon.tally": {"seen": after["seen"], "digest": _digest(after)}}


def _after(event: Event, before: dict[str, Any]) -> dict[str, Any]:
    seen = before.get("seen", 0) + 1
    after = before | {"seen": seen}
    process, parent = event.process, event.parent
    if process is not None and process.exec_id:
        name = f"process/{process.exec_id}"
        if event.name == "process_exit":
            after.pop(name, None)
        else:
            after[name] = {"binary": process.binary, "since": seen, "children": 0}
            processes = sorted(name for name in after if name.startswith("process/"))
            for forgotten in processes[: max(0, len(processes) - MOST)]:
                del after[forgotten]
    if parent is not None:
        name = f"process/{parent.exec_id}"
        if name in after:
            after[name] = after[name] | {"children": after[name]["children"] + 1, "last": seen}
    return after


def _digest(state: dict[str, Any]) -> str:
    return blake2b(orjson.dumps(state, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
