"""Remembers, changes and forgets, and puts a digest of all that it remembers into every document.

A single event that was missed, taken twice or taken in another order shows in every later document of its node.
"""

from hashlib import blake2b
from typing import Final

import orjson

from agents import Fields, Memory, agent
from schemas.tetragon import Event

MOST: Final = 40  # processes remembered; beyond, the first by name goes


@agent(events=None, adds={"tetragon.tally"}, ttl=120.0)
def tally(event: Event, memory: Memory) -> Fields:
    seen = memory.get("seen", 0) + 1
    memory["seen"] = seen
    process = event.process
    if process is not None and process.exec_id:
        name = f"process/{process.exec_id}"
        if event.name == "process_exit":
            memory.pop(name, None)
        else:
            memory[name] = {"binary": process.binary, "since": seen, "children": 0}
            _forget_beyond_most(memory)
    if event.parent is not None:
        name = f"process/{event.parent.exec_id}"
        parent = memory.get(name)
        if parent is not None:
            memory[name] = parent | {"children": parent["children"] + 1, "last": seen}
    return {"tetragon.tally": {"seen": seen, "digest": _digest(memory)}}


def _forget_beyond_most(memory: Memory) -> None:
    processes = [name for name in memory if name.startswith("process/")]
    for name in processes[: max(0, len(processes) - MOST)]:
        del memory[name]


def _digest(memory: Memory) -> str:
    return blake2b(orjson.dumps(dict(memory), option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
