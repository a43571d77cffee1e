"""Stdout into a pipe whose reader may have had enough, or onto a disk that is full."""

import contextlib
import errno
import os
import select
import sys
from collections.abc import Iterator
from typing import Final

from app.errors import Stop

_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


@contextlib.contextmanager
def until_closed() -> Iterator[None]:
    """Ends the body at the first write after the reader has gone, quietly. Raises Stop when there is no room."""
    try:
        yield
    except BrokenPipeError:
        _write_no_more()
    except OSError as error:
        if not is_full(error):
            raise
        _write_no_more()
        raise Stop(
            f"What it tells cannot be written: {error.strerror}. Expected a file on a disk with room, or a pipe."
        ) from error


def _write_no_more() -> None:
    """Python would complain once more when it closes stdout at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_full(error: Exception) -> bool:
    """Whether it is of a disk, and not of the network."""
    return isinstance(error, OSError) and error.errno in _FULL


def is_closed() -> bool:
    """Whether the reader has gone, without a write."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
