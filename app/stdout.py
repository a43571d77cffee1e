"""Stdout into a pipe whose reader may have had enough."""

import contextlib
import os
import select
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def until_closed() -> Iterator[None]:
    """Ends the body, quietly, at the first write after the reader has gone."""
    try:
        yield
    except BrokenPipeError:
        # Python would complain once more when it closes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_closed() -> bool:
    """Whether the reader has gone, without a write."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
