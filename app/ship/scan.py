"""Which files a log and its backups are, and which are gone: found out at a sign of rotation, and now and then."""

import os
import sys
from contextlib import suppress
from typing import Final

from app.ship.backups import (
    Members,
    goes_on,
    is_copy,
    is_same,
    may_become_copy,
    open_any,
    shut,
    signature,
    size_of,
    target_of,
)
from app.ship.book import Place
from app.ship.files import File
from app.ship.logs import Log
from app.ship.numbers import NO_INODE, found_in, found_now, is_elsewhere, renumber
from app.ship.sources import Gzip, Plain, Source, SourceError
from schemas.log import AWAY, LIVE, PACKED, Name, has_number, path_of

LINGER_SECONDS: Final = 10.0  # how long a rotated file is held open after it was read to its end
ABSENT_SECONDS: Final = 10.0  # a file that no scan finds for so long is gone
UNSEEN_SECONDS: Final = 0.5  # without a look, after which more may have been written than is known
HELD_OPEN: Final = 16  # backups of one log that are held open: their disk space stays in use when they are unlinked


def scan(log: Log, now: float, listed: Members) -> None:
    """`listed` are the files beside the log, read from the folder after the log's name was last looked at."""
    log.learned = False
    backups = backups_of(log, listed)
    renumber(log, backups)
    _find_copied(log, backups, now)
    _find_rotated(log, backups)
    _try_broken_again(log, backups)
    _reopen_grown(log, backups)
    log.complete = _open_new(log, backups, now)
    log.files.sort(key=lambda file: file.stamp)
    _retire(log, backups, now)
    unrecognised = any(file.place is None and file.size != 0 and not file.is_damaged() for file in log.files)
    for stamp in log.known.keys() - backups.keys():
        del log.known[stamp]
    _miss(log, now, certain=log.complete and log.follows and not unrecognised)


def backups_of(log: Log, listed: Members) -> Members:
    if not log.follows:
        return log.named
    return log.named | {stamp: names for stamp, names in listed.items() if stamp not in (PACKED, LIVE)}


def open_live(log: Log, now: float) -> None:
    """What was the log until now becomes a backup whose name is not known yet."""
    live = next((file for file in log.files if file.live), None)
    source: Source | None = None
    size: int | None = None
    log.target = target_of(log.path)
    try:
        status = os.stat(log.path)
        if live is not None and (status.st_dev, status.st_ino) == live.inode:
            return
        source = Plain(log.path)
        size = source.size()
    except (FileNotFoundError, NotADirectoryError):
        log.shared.problems.pop(log.path, None)  # there is nothing to read any more
    except (OSError, SourceError) as error:
        log.shared.unreadable(log.path, error)
        return
    if live is not None:
        log.live_went(live, now)
    if source is not None:
        log.shared.solved(log.path)
        file = File(log.path, LIVE, source, source.inode, size=size)
        _choose(log, file, log.path)
        file.identify()
        log.files.append(file)


def _choose(log: Log, file: File, path: str) -> None:
    """What is left out of a file that nobody has begun to read, and what of it is read slowly."""
    choices = log.shared.choices
    first = log.first_seen and log.shared.starting
    if first and choices.backfill is not None:
        file.backlog = sys.maxsize if file.size is None else file.size
    with suppress(OSError):
        old = choices.ignore_older is not None and os.stat(path).st_mtime < log.shared.wall() - choices.ignore_older
        if old or (first and choices.at_end):
            file.pass_to = sys.maxsize if not file.live else _end_of_lines(file)


def _find_copied(log: Log, backups: Members, now: float) -> None:
    """A backup that goes on where a truncated file was left has its bytes: it was copied first."""
    numbers = found_in(backups) if log.is_seeking() else {}
    for file in log.files:
        if file.truncated:
            new = (names for stamp, names in sorted(backups.items()) if not log.has(stamp))
            if any(goes_on(file, names, now) for names in new):
                file.truncated = False
            elif not (is_settled := numbers == found_now(log)) or not file.sought:
                # A folder that changes while it is read may show neither name of a copy that is just being packed, and
                # a copy may get another number before it is opened.
                file.sought |= is_settled
            elif file.place is None and _is_read_elsewhere(log, file):
                file.truncated, file.replaced = False, True
            else:
                _tell_truncated(log, file)
                file.truncated, file.replaced = False, True


def _is_read_elsewhere(log: Log, file: File) -> bool:
    """Of a truncated file of which nothing was read: whether a backup may be its copy, which is read by itself."""
    backups = [other for other in log.files if other is not file and not other.live]
    if not file.identity:
        return any(other.size in (None, file.size) for other in backups)
    places = [other.place.file for other in backups if other.place is not None]
    return any(place.partition(".")[0] == file.identity for place in (*places, *log.known.values()))


def _tell_truncated(log: Log, file: File) -> None:
    place = file.place or Place(file.identity)
    lost = max(file.unread() - file.pass_to, 0)
    if lost:
        log.entry.lose_file(place, lost, "truncated before it was read to its end")
    elif file.place is not None and file.unseen > UNSEEN_SECONDS:
        reason = f"truncated after {file.unseen:.0f} s in which it may have grown, and nobody looked"
        log.entry.lose_file(file.place, 0, reason)


def _find_rotated(log: Log, backups: Members) -> None:
    new = {stamp: names for stamp, names in sorted(backups.items()) if not log.has(stamp)}
    for file in log.files:
        if file.stamp == AWAY and not file.replaced and not file.truncated:
            if file.place is None and file.source is not None:
                with suppress(OSError, SourceError):  # reading will meet the same
                    log.recognise(file, final=False)
            file.stamp = next((stamp for stamp, names in new.items() if is_same(file, names)), AWAY)
            new.pop(file.stamp, None)


def _try_broken_again(log: Log, backups: Members) -> None:
    for file in log.files:
        if file.broken:
            names = [Name(file.path, LIVE, packed=False)] if file.live else backups.get(file.stamp, [])
            changed = signature(names)
            if file.broken_signature is None:
                file.broken_signature = changed
            elif file.broken_signature != changed:
                file.broken = False


def _reopen_grown(log: Log, backups: Members) -> None:
    for stamp in grown(log, backups):
        del log.known[stamp]


def grown(log: Log, backups: Members) -> list[str]:
    """Stamps of those read to their end that a writer who kept them open has written to after all."""
    places = {place.file: place for place in log.entry.places}
    grown = []
    for stamp, names in backups.items():
        place = places.get(log.known.get(stamp, ""))
        if place is not None and any(not name.packed and size_of(name) > place.position for name in names):
            grown.append(stamp)
    return grown


def _open_new(log: Log, backups: Members, now: float) -> bool:
    """False when one could not be opened, so that it is not known which file it is."""
    complete = True
    live = next((file for file in log.files if file.live), None)
    for stamp, names in sorted(backups.items()):
        if log.has(stamp):
            continue
        file = File(log.path, stamp, None, NO_INODE, away=now, size=None)
        try:
            file.source = source = open_any(names)
            if is_elsewhere(log, names[0], source) or (live is not None and _is_being_copied(log, live, source)):
                # It had another name until a moment ago, or the log is being copied and will be truncated: the next
                # look will find out.
                source.close()
                complete = False
                continue
            file.inode, file.size = source.inode, source.size()
            _choose(log, file, path_of(names[0]))
            log.recognise(file, final=log.final(file, now))
            has_grown = file.place is not None and _has_grown(source, file.place)
        except FileNotFoundError:
            complete &= not has_number(stamp)  # it may have another one by now
            continue
        except (OSError, SourceError) as error:
            with suppress(OSError):
                status = os.stat(path_of(names[0]))
                file.inode = status.st_dev, status.st_ino
            log.broken(file, error, path_of(names[0]))
            log.files.append(file)
            continue
        log.shared.solved(path_of(names[0]))
        if file.place is not None and file.place.ended and not file.unread() and not has_grown:
            log.know(stamp, file.place, source)
            shut(file)
            continue
        log.files.append(file)
        if sum(other.away is not None and other.source is not None for other in log.files) > HELD_OPEN:
            shut(file)
    return complete


def _is_being_copied(log: Log, live: File, source: Source) -> bool:
    return is_copy(live, source) or (not log.shared.once and may_become_copy(live, source, log.shared.wall()))


def _has_grown(source: Source, place: Place) -> bool:
    """Of a packed file, which tells its size at its end alone: whether it is another one than was read."""
    return isinstance(source, Gzip) and not source.states(place.size)


def _retire(log: Log, backups: Members, now: float) -> None:
    """Forgets files that are durable to their end, and those that cannot be opened any more."""
    for file in list(log.files):
        log.entry.keep_end(file)
        if file.away is None or file.flying or file.truncated:
            continue
        rested = log.shared.once or file.replaced or now - file.away > LINGER_SECONDS
        ended = file.replaced or file.size == 0 if file.place is None else file.place.ended
        vanished = file.source is None and not file.replaced and signature(backups.get(file.stamp, [])) == ()
        if not (rested and ended) and not vanished:
            continue
        if vanished and file.place is None:
            log.entry.lose_file(Place("", size=file.size or 0), file.size or 0, "vanished before it was read")
        if file.stamp != AWAY and not vanished:
            log.know(file.stamp, file.place, file.source)
        shut(file)
        if file.told is not None:
            log.shared.problems.pop(file.told, None)  # nobody can do anything about it any more
        log.files.remove(file)


def _miss(log: Log, now: float, *, certain: bool) -> None:
    """Strikes out the places of files that are gone; those not read to their end are known losses. Unless it is
    `certain`, a file that was not found may be there all the same."""
    present = {file.place.file for file in log.files if file.place is not None} | set(log.known.values())
    absent = log.shared.absent
    for place in list(log.entry.places):
        if place.file in present:
            absent.pop((log.path, place.file), None)
        elif not certain:
            continue
        elif log.shared.once or now - absent.setdefault((log.path, place.file), now) >= ABSENT_SECONDS:
            absent.pop((log.path, place.file), None)
            log.entry.strike(place)
            if not place.ended:
                log.entry.lose_file(place, place.size - place.position, "vanished before its end was read")


def _end_of_lines(file: File) -> int:
    """Where the last line begins that may go on. Raises OSError."""
    assert file.source is not None
    end = file.size or 0
    chunk = bytearray(64 * 1024)
    while end > 0:
        start = max(end - len(chunk), 0)
        got = file.source.read(start, memoryview(chunk)[: end - start])
        found = chunk.rfind(b"\n", 0, got)
        if found >= 0:
            return start + found + 1
        end = start
    return 0
