"""Root may read and write everything; a user who may not is needed to see what is told then."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_UID: Final = 65534


@contextmanager
def nobody() -> Iterator[None]:
    """Files are opened as user nobody meanwhile; without root, as whoever runs the test."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(_UID)
    try:
        yield
    finally:
        os.seteuid(before)
