"""What an exec_id says by itself: base64 of `<node>:<ns since boot>:<pid>`."""

import binascii
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.times import SECOND

TICK: Final = SECOND // 100  # of the starts that /proc tells, and so of the names that a scan gives


class ExecId(NamedTuple):
    node: str
    since_boot: int  # ns; 0: Tetragon did not know the process, and the pid is all there is
    pid: int


@lru_cache(maxsize=4096)
def decode_exec_id(exec_id: str) -> ExecId | None:
    """None for one that another program made up."""
    try:
        text = binascii.a2b_base64(exec_id, strict_mode=True).decode()
        node, since_boot, pid = text.rsplit(":", 2)
        return ExecId(node, int(since_boot), int(pid))
    except ValueError:
        return None
