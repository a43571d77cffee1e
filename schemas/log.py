"""Tetragon's log: how its files are named, what tells them apart, and whose events they hold.

`x.log` is renamed to `x-<UTC time>.log`, and perhaps packed to `.log.gz`. Others that rotate logs have names of their
own: kubelet `x.log.20260102-150405`, logrotate `x.log-20260102`, or as Docker `x.log.1`, which is `x.log.2` later.
"""

import re
from posixpath import splitext
from typing import Final, NamedTuple

import msgspec

from schemas.envelope import may_hold_parts, text_of
from schemas.record import record_key

HEAD_BYTES: Final = 4096  # of the first line that tell files apart

# Stamps of what has none; the three, the times and the numbers sort in the order in which the files were written.
PACKED: Final = ""  # x.log.gz, without a time
AWAY: Final = "}"  # held open, and no longer the log; under which name it lies now is not known (yet)
LIVE: Final = "~"  # x.log itself

_BACKUP: Final = re.compile(
    r"(?P<base>.+)-(?P<stamp>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3})(?P<extension>\.(?!gz$)[^./]*)?(?P<gz>\.gz)?",
    re.DOTALL,  # a folder's name may have a line end
)
# Only behind another extension: a name may end with a number or a date without being a backup's.
_SUFFIXED: Final = re.compile(
    r"(?P<log>.+\.[A-Za-z]\w*)"
    r"(?:\.(?P<number>0|[1-9]\d{0,3})|(?P<date>[.-](?:\d{8}|\d{4}-\d\d-\d\d)(?:[-_]?\d{2,10})?))(?P<gz>\.gz)?",
    re.ASCII | re.DOTALL,
)
_NUMBER: Final = "#"
_GREATEST: Final = 9999  # of a number; the greater one is the older file


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
    backup = _SUFFIXED.fullmatch(path)
    if backup is not None:
        stamp = backup["date"] or f"{_NUMBER}{_GREATEST - int(backup['number']):04}"
        return Name(backup["log"], stamp, backup["gz"] is not None)
    if path.endswith(".gz"):
        return Name(path.removesuffix(".gz"), PACKED, packed=True)
    return Name(path, LIVE, packed=False)


def path_of(name: Name) -> str:
    """The inverse of name_of."""
    path = name.log
    if has_number(name.stamp):
        path = f"{name.log}.{_GREATEST - int(name.stamp.removeprefix(_NUMBER))}"
    elif name.stamp.startswith((".", "-")):
        path = name.log + name.stamp
    elif name.stamp not in (PACKED, AWAY, LIVE):
        base, extension = splitext(name.log)
        path = f"{base}-{name.stamp}{extension}"
    return path + ".gz" if name.packed else path


def has_number(stamp: str) -> bool:
    """Whether the next rotation gives it to another file."""
    return stamp.startswith(_NUMBER)


class _Envelope(msgspec.Struct):
    node_name: str
    cluster_name: str | None = None


_envelope: Final = msgspec.json.Decoder(_Envelope)


def first_line(head: bytes, *, final: bool) -> bytes | None:
    """What a file is known by, from its first HEAD_BYTES; None while it is not whole. `final`: nothing will follow."""
    line_end = head.find(b"\n") + 1
    if line_end:
        return head[:line_end]
    return head if len(head) >= HEAD_BYTES or (final and head) else None


def key_in(block: bytes) -> bytes | None:
    """The record key that the first decodable line names."""
    wrapped = may_hold_parts(block)
    for line in block.split(b"\n"):
        try:
            envelope = _envelope.decode(text_of(line) if wrapped else line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if envelope.node_name:
            return record_key(envelope.cluster_name, envelope.node_name)
    return None
