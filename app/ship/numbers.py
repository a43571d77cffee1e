"""Backups that have numbers, `x.log.1` and so on: after each rotation a number is another file's.

Which one has it now is told by what the system says of the file. Rotation renames one after the other, so a file may
have moved between reading the folder, asking for it and opening it.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from app.ship.backups import Members, is_packed
from app.ship.logs import Log
from app.ship.sources import Gzip, Source, signature_of
from schemas.log import AWAY, Name, has_number, name_of, path_of

NO_INODE: Final = (0, 0)  # of what could not be opened


def renumber(log: Log, backups: Members) -> None:
    """To be called before anything is made of `backups`, as they were found in the folder."""
    files = [file for file in log.files if has_number(file.stamp)]
    known = {stamp: log.known.pop(stamp) for stamp in [*log.known] if has_number(stamp)}
    if not files and not known:
        return
    inodes: dict[tuple[int, int], str] = {}
    signatures: dict[tuple[int, int, int] | None, str] = {}
    for stamp, names in backups.items():
        for name in names if has_number(stamp) else []:
            with suppress(OSError):
                status = os.stat(path_of(name))
                inodes[status.st_dev, status.st_ino] = signatures[signature_of(status)] = stamp
    for file in files:
        stamp = inodes.get(file.inode, AWAY)
        if file.inode != NO_INODE and file.stamp != stamp:
            file.stamp = stamp
            if file.told is not None:  # under a path that is not its own any more
                log.shared.problems.pop(file.told, None)
                file.told, file.broken = None, False
    # An inode is used again for what comes next, and only what is held open keeps its own.
    before, log.signatures = log.signatures, {}
    for old, place in known.items():
        if (signature := before.get(old)) in signatures:
            log.known[signatures[signature]], log.signatures[signatures[signature]] = place, signature


def found_in(backups: Members) -> dict[str, tuple[int, int] | None]:
    """Inodes by path; None of what has no such name any more."""
    return _inodes(path_of(name) for names in backups.values() for name in names if has_number(name.stamp))


def found_now(log: Log) -> dict[str, tuple[int, int] | None]:
    """The same, with the folder read again. Where it differs, a file may have escaped whoever looked for it."""
    logs = {log.path, log.target or log.path}
    found = []
    for folder in map(os.path.dirname, logs):
        with suppress(OSError):
            found += [os.path.join(folder, file) for file in os.listdir(folder)]
    names = filter(None, map(name_of, found))
    numbered = (path_of(name) for name in names if name.log in logs and has_number(name.stamp))
    return _inodes(path for path in numbered if not log.shared.choices.excludes(path))


def _inodes(paths: Iterable[str]) -> dict[str, tuple[int, int] | None]:
    found: dict[str, tuple[int, int] | None] = {}
    for path in paths:
        found[path] = None
        with suppress(OSError):
            status = os.stat(path)
            found[path] = status.st_dev, status.st_ino
    return found


def is_elsewhere(log: Log, name: Name, source: Source) -> bool:
    """Whether it is a file that is known by another name, which it had before it was rotated. `name` is that of the
    backup, or of its plain form."""
    if not has_number(name.stamp):
        return any(other.source is not None and other.inode == source.inode for other in log.files)
    plain = path_of(name._replace(packed=False))
    if isinstance(source, Gzip) and log.follows and os.path.lexists(plain) and not log.shared.choices.excludes(plain):
        return True  # since the folder was read: a file has come to this number, and is being packed
    known = {log.signatures.get(other) for other in log.known}
    return source.signature() in known or any(
        other.inode == source.inode or (not other.live and is_packed(other, source)) for other in log.files
    )
