"""How a log and its backups are named: `x.log` is renamed to `x-<UTC time>.log`, and perhaps packed to `.log.gz`."""

import os.path
import re
from typing import Final, NamedTuple

# Stamps of what has none; the three and the times sort in the order in which the files were written.
PACKED: Final = ""  # x.log.gz, without a time
AWAY: Final = "}"  # held open, and no longer the log; under which name it lies now is not known (yet)
LIVE: Final = "~"  # x.log itself

_BACKUP: Final = re.compile(
    r"(?P<base>.+)-(?P<stamp>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3})(?P<extension>\.(?!gz$)[^./]*)?(?P<gz>\.gz)?"
)


class Name(NamedTuple):
    """`log` is the path that the file had while it was written to."""

    log: str
    stamp: str
    packed: bool


def name_of(path: str) -> Name | None:
    """None for what is still being written by whoever packs it."""
    if path.endswith(".tmp"):
        return None
    backup = _BACKUP.fullmatch(path)
    if backup is not None:
        log = backup["base"] + (backup["extension"] or "")
        return Name(log, backup["stamp"], backup["gz"] is not None)
    if path.endswith(".gz"):
        return Name(path.removesuffix(".gz"), PACKED, packed=True)
    return Name(path, LIVE, packed=False)


def path_of(name: Name) -> str:
    """The inverse of name_of."""
    path = name.log
    if name.stamp not in (PACKED, AWAY, LIVE):
        base, extension = os.path.splitext(name.log)
        path = f"{base}-{name.stamp}{extension}"
    return path + ".gz" if name.packed else path
