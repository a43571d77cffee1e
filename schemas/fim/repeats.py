"""Whether a process does once more what it did a moment ago: a file that is read or written on and on."""

from collections.abc import MutableMapping
from typing import Any, Final
from zlib import crc32

from schemas.operation import Operation
from schemas.times import SECOND

WINDOW: Final = 60 * SECOND  # since it was done first
REPEATED: Final = frozenset(("access", "open", "read", "write"))

_LONGEST: Final = 512  # characters of a path that is worth keeping
_RENAMING: Final = frozenset(("link", "mount", "rename", "symlink", "umount"))
_BOTH_ENDS: Final = frozenset(("rename", "umount"))
_NAMES: Final = 64  # of one node that are remembered to have got another file
_LATEST: Final = "n"  # when any name did, and when one did of which nobody knows where it is


def is_repeated(
    operation: Operation, exec_id: str, time: int | None, memory: MutableMapping[str, Any], slots: int, of: str = ""
) -> bool:
    """`memory` gets at most `slots` entries: what two touches share, only the latest has. So a repeat may be taken for
    none, but never anything else for a repeat. `of` keeps those apart who ask.
    """
    path = operation.path
    if operation.kind not in REPEATED or time is None or not path or len(path) > _LONGEST:
        return False
    if operation.relative or operation.truncated or "/cwd" in path or "/fd/" in path:
        return False  # another file may be called so a moment later
    done = f"{of} {exec_id} {operation.kind} {operation.flags} {operation.failed} {path}"
    slot = f"r{crc32(done.encode()) % slots}"
    known = memory.get(slot)
    if known is not None and known[0] == done and 0 <= time - known[1] < WINDOW:
        latest = memory.get(_LATEST)
        if latest is None or latest[0] < known[1] or not _is_another(path, known[1], latest[1], memory):
            return True
    memory[slot] = [done, time]
    return False


def note_name(operation: Operation, time: int | None, memory: MutableMapping[str, Any]) -> None:
    """Behind a name that was linked, renamed or mounted over is another file: to touch that is no repeat."""
    if operation.kind not in _RENAMING or operation.failed or time is None:
        return
    _, unknown = memory.get(_LATEST) or (0, 0)
    for path in (operation.target, operation.path if operation.kind in _BOTH_ENDS else ""):
        if path.startswith("/") and "/." not in path and "//" not in path and not operation.relative:
            memory[_name(path.rstrip("/"))] = time
        elif path:
            unknown = time
    memory[_LATEST] = [time, unknown]


def _is_another(path: str, since: int, unknown: int, memory: MutableMapping[str, Any]) -> bool:
    head = path
    while head and unknown < since:
        if (memory.get(_name(head)) or 0) >= since:
            return True
        head = head[: head.rfind("/")] if "/" in head else ""
    return unknown >= since


def _name(path: str) -> str:
    return f"n{crc32(path.encode()) % _NAMES}"
