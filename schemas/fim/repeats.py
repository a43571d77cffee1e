"""Whether a process does once more what it did a moment ago: a file that is read or written on and on."""

from collections.abc import MutableMapping
from typing import Any, Final
from zlib import crc32

from schemas.operation import Operation
from schemas.times import SECOND

WINDOW: Final = 60 * SECOND  # since it was done first
REPEATED: Final = frozenset(("access", "open", "read", "write"))

_LONGEST: Final = 512  # characters of a path that is worth keeping


def is_repeated(
    operation: Operation, exec_id: str, time: int | None, memory: MutableMapping[str, Any], slots: int, of: str = ""
) -> bool:
    """`memory` gets at most `slots` entries: what two touches share, only the latest has. So a repeat may be taken for
    none, but never anything else for a repeat. `of` keeps those apart who ask.
    """
    if operation.kind not in REPEATED or time is None or not operation.path or len(operation.path) > _LONGEST:
        return False
    done = f"{of} {exec_id} {operation.kind} {operation.flags} {operation.failed} {operation.path}"
    slot = f"r{crc32(done.encode()) % slots}"
    known = memory.get(slot)
    if known is not None and known[0] == done and 0 <= time - known[1] < WINDOW:
        return True
    memory[slot] = [done, time]
    return False
