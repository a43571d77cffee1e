"""A log and its backups: which files they are, in which order they are read, and what vanished unread."""

import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from app.ship.backups import NO_MEMBERS, Members, goes_on, is_copy, is_same, open_any, shut, signature, size_of
from app.ship.book import LOSSES_KEPT, LogBook, Loss, Place, Totals
from app.ship.files import Block, File, ReplacedError
from app.ship.journal import Change
from app.ship.shared import Shared
from app.ship.sources import Gzip, Plain, Source, SourceError
from schemas.identity import fingerprint
from schemas.log import AWAY, LIVE, PACKED, Name, first_line, key_in, name_of, path_of

log: Final = logging.getLogger(__name__)

GRACE_SECONDS: Final = 1.0  # a writer may append a little after a rename; then what has no line end is a line
LINGER_SECONDS: Final = 10.0  # how long a rotated file is held open after it was read to its end
ABSENT_SECONDS: Final = 10.0  # a file that no scan finds for so long is gone
UNSEEN_SECONDS: Final = 0.5  # without a look, after which more may have been written than is known
SKIPPED_BLOCKS: Final = 64  # of a line that is too long, before others have their turn
REST_SECONDS: Final = 10.0  # without a change, after which a log is looked at only when there is a sign of one
HELD_OPEN: Final = 16  # backups of one log that are held open: their disk space stays in use when they are unlinked


class Log:
    """Reads the files one after the other, oldest first, whatever they are called by then."""

    # Ten thousand of them are held in memory.
    __slots__ = (
        "_complete", "_entry", "_first_seen", "_folder_at", "_known", "_shared", "_stirred_at",
        "files", "folder", "follows", "is_plain", "learned", "named", "path",
    )  # fmt: skip

    def __init__(self, path: str, folder: str, shared: Shared) -> None:
        self.path = path
        self.folder = folder
        self.is_plain = name_of(path) == Name(path, LIVE, packed=False)  # so that it need not be taken apart again
        self.files: list[File] = []  # in the order of reading
        self.follows = False  # the log itself was named, and so all its backups
        self.learned = False  # since the last scan, which file one is: now it can be told which ones are not there
        self.named: Members = NO_MEMBERS  # backups that were named one by one
        self._shared = shared
        self._known: dict[str, str] = {}  # stamp → Place.file, of files that need no more reading
        self._folder_at = 0  # when the folder had last changed, while the log is not there
        self._complete = False  # whether the last scan knew what to make of every file
        self._stirred_at = float("-inf")  # when a look last found something new
        self._first_seen = shared.starting and path not in shared.book.logs
        self._entry = shared.book.logs.setdefault(path, LogBook())

    def close(self) -> None:
        for file in self.files:
            shut(file)

    # Many times a second

    def look(self, now: float) -> bool:
        """Takes in how the open files have grown. True if the log's name has come to mean another file."""
        moved = self._look(now)
        if moved:
            self._stirred_at = now
        return moved

    def _look(self, now: float) -> bool:
        live = None
        for file in self.files:
            if file.live:
                live = file
            elif file.source is not None:
                size = file.source.size()
                file.size = file.size if size is None else size
        try:
            status = os.stat(self.path)
        except OSError:
            return live is not None or (self.follows and self._folder_changed())
        if live is None:
            return self.follows
        if (status.st_dev, status.st_ino) != live.inode:
            return True
        # The process may have been stopped after `now` was read.
        live.unseen, live.looked_at = self._shared.clock() - (now if live.looked_at is None else live.looked_at), now
        modified, live.modified = live.modified != status.st_mtime_ns, status.st_mtime_ns
        if modified:
            self._stirred_at = now
        if status.st_size < live.cursor or (modified and status.st_size == live.cursor and not self._holds(live)):
            self._replaced(live)
            return True
        live.size = status.st_size
        return False

    @staticmethod
    def _holds(file: File) -> bool:
        try:
            return file.source is None or file.holds_seam(file.source)
        except OSError:
            return True  # reading on will meet the same

    def _folder_changed(self) -> bool:
        """A log may come and be rotated away between two looks at its name."""
        before = self._folder_at
        with suppress(OSError):
            self._folder_at = os.stat(os.path.dirname(self.path)).st_mtime_ns
        return self._folder_at != before

    def next_block(self, now: float) -> Block | None:
        """The next lines in order; they may be looked at until the next block of any log is asked for."""
        for file in self.files:
            final = self._final(file, now)
            try:
                block = self._read(file, final=final)
            except ReplacedError:
                if file.looked_at is not None:
                    file.unseen = max(file.unseen, self._shared.clock() - file.looked_at)
                self._replaced(file)
                return None
            except (OSError, SourceError) as error:
                self._broken(file, error)
                continue
            if file.told is not None and not file.broken:
                self._shared.solved(file.told)
                file.told = None
            if block is not None:
                return block
            if not file.read_out(final=final):
                return None
        return None

    def _read(self, file: File, *, final: bool) -> Block | None:
        if file.replaced or file.broken or file.truncated:
            return None
        if file.source is None:
            file.source = self._open_again(file)
        if file.place is None and not self._recognise(file, final=final):
            if file.size is None:
                file.size = 0  # packed, and nothing in it
            return None
        if file.pass_to:
            log.info("Left out path=%r bytes=%d", file.path, file.pass_over(self._shared.buffer))
            self._keep(file)
        if file.live and not file.cursor and not self._begins_as_it_did(file, final=final):
            raise ReplacedError
        block = file.next_block(self._shared.buffer, final=final)
        for _ in range(SKIPPED_BLOCKS):
            if block is not None or file.too_long_from is None or not file.unread():
                break
            block = file.next_block(self._shared.buffer, final=final)
        if block is not None and not block.lost and not file.key:
            self._give_key(file, block)
        return block

    def _final(self, file: File, now: float) -> bool:
        """Whether nothing more will be written to the file."""
        if self._shared.once or isinstance(file.source, Gzip):
            return True
        return file.away is not None and now - file.away >= GRACE_SECONDS

    def _give_key(self, file: File, block: Block) -> None:
        assert file.place is not None
        node = self._shared.node
        file.key = node.encode() if node else key_in(bytes(block.value)) or self._shared.host.encode()
        file.place.key = file.key.decode()

    def settle(self, file: File) -> None:
        """To be called when a block of the file has become durable."""
        assert file.place is not None
        totals = self._totals(file.place)
        for lost in file.settle(totals):
            self._lose(file.place, lost.position, lost.length, "the line is longer than can be sent")
        self._keep(file)
        self._change.totals[self._key(file.place)] = totals

    def rewind(self) -> None:
        """Back to what is durable, after sending has failed."""
        for file in self.files:
            if file.replaced and file.place is not None and file.flying:
                gone = file.cursor - file.place.position
                self._lose_file(file.place, gone, "truncated while Kafka had not yet acknowledged it")
            file.rewind()

    def finished(self) -> bool:
        """Everything that is there was read, and is durable."""
        return all(file.read_out(final=True) and not file.flying for file in self.files)

    def holds_files(self) -> bool:
        return bool(self.files or self._known)

    def note(self) -> None:
        """Brings the book up to date for being saved."""
        for file in self.files:
            file.note()

    def unread(self) -> int:
        return sum(file.unread() for file in self.files)

    # While nothing happens

    def rests(self, now: float) -> bool:
        """Whether no look, scan or reading will find anything before its files change, and none has for long."""
        if now - self._stirred_at < REST_SECONDS or not self._complete:
            return False
        if any((self.path, place.file) in self._shared.absent for place in self._entry.files):
            return False
        return len(self.files) <= 1 and all(file.rests() for file in self.files)

    def is_as_left(self) -> bool:
        """Of a log that rests: cheaper than a look, and finds whatever that would."""
        if self.follows:
            live = self.files[0] if self.files else None
            try:
                status = os.stat(self.path)
            except OSError:
                if live is not None:
                    return False
            else:
                found = (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns
                if live is None or found != (live.inode, live.size, live.modified):
                    return False
        return not self._known or not self._grown({stamp: [Name(self.path, stamp, False)] for stamp in self._known})

    @property
    def stats(self) -> int:
        """How many files is_as_left() asks for."""
        return 1 + len(self._known)

    def accounts_for(self, listed: Members) -> bool:
        """Of a log that rests, whether a scan would find no file that came or went."""
        if self.follows and (LIVE in listed) != bool(self.files):
            return False
        if len(listed) <= 1 and not self._known and not self.named:
            return listed.keys() <= {LIVE, PACKED} or not self.follows  # nearly all: ten thousand of them in a row
        return self._backups(listed).keys() == self._known.keys()

    def vouch(self, until: float) -> None:
        """Of a log that rests: nothing had happened to it by then, as is known without a look."""
        for file in self.files:
            if file.looked_at is None or file.looked_at < until:
                file.looked_at = until

    def close_inactive(self, now: float) -> None:
        """Of a log that rests."""
        seconds = self._shared.choices.close_inactive
        if seconds is not None and now - self._stirred_at >= seconds:
            self.close()

    # At a sign of rotation, and now and then

    def scan(self, now: float, listed: Members) -> None:
        """`listed` are the files beside the log, read from the folder after the log's name was last looked at."""
        self.learned = False
        backups = self._backups(listed)
        self._find_copied(backups, now)
        self._find_rotated(backups)
        self._try_broken_again(backups)
        self._reopen_grown(backups)
        self._complete = self._open_new(backups, now)
        self.files.sort(key=lambda file: file.stamp)
        self._retire(backups, now)
        unrecognised = any(file.place is None and file.size != 0 for file in self.files)
        if self._complete and self.follows and not unrecognised:
            self._miss(backups, now)

    def _backups(self, listed: Members) -> Members:
        if not self.follows:
            return self.named
        return self.named | {stamp: names for stamp, names in listed.items() if stamp not in (PACKED, LIVE)}

    def open_live(self, now: float) -> None:
        """What was the log until now becomes a backup whose name is not known yet."""
        live = next((file for file in self.files if file.live), None)
        source: Source | None = None
        try:
            status = os.stat(self.path)
            if live is not None and (status.st_dev, status.st_ino) == live.inode:
                return
            source = Plain(self.path)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, SourceError) as error:
            self._shared.unreadable(self.path, error)
            return
        if live is not None:
            live.stamp, live.away = AWAY, now
            if live.source is not None:
                live.size = live.source.size()  # it may have grown before it was rotated
        if source is not None:
            self._shared.solved(self.path)
            file = File(self.path, LIVE, source, source.inode, size=source.size())
            self._choose(file, self.path)
            self.files.append(file)

    def _choose(self, file: File, path: str) -> None:
        """What is left out of a file that nobody has begun to read, and what of it is read slowly."""
        choices = self._shared.choices
        first = self._first_seen and self._shared.starting
        if first and choices.backfill is not None:
            file.backlog = sys.maxsize if file.size is None else file.size
        with suppress(OSError):
            old = (
                choices.ignore_older is not None and os.stat(path).st_mtime < self._shared.wall() - choices.ignore_older
            )
            if old or (first and choices.at_end):
                file.pass_to = sys.maxsize if not file.live else _end_of_lines(file)

    def backfills(self) -> bool:
        """Whether what is read next is to be read slowly."""
        for file in self.files:
            if not file.read_out(final=True):
                return file.cursor < file.backlog
        return False

    def _find_copied(self, backups: Members, now: float) -> None:
        """A backup that goes on where a truncated file was left has its bytes: it was copied first."""
        for file in self.files:
            if file.truncated:
                new = (names for stamp, names in sorted(backups.items()) if not self._has(stamp))
                if not any(goes_on(file, names, now) for names in new):
                    self._tell_truncated(file)
                    file.replaced = True
                file.truncated = False

    def _tell_truncated(self, file: File) -> None:
        if file.place is not None and file.unread():
            self._lose_file(file.place, file.unread(), "truncated before it was read to its end")
        elif file.place is not None and file.unseen > UNSEEN_SECONDS:
            reason = f"truncated after {file.unseen:.0f} s in which it may have grown, and nobody looked"
            self._lose_file(file.place, 0, reason)

    def _find_rotated(self, backups: Members) -> None:
        new = {stamp: names for stamp, names in sorted(backups.items()) if not self._has(stamp)}
        for file in self.files:
            if file.stamp == AWAY and not file.replaced and not file.truncated:
                if file.place is None and file.source is not None:
                    with suppress(OSError, SourceError):  # reading will meet the same
                        self._recognise(file, final=False)
                file.stamp = next((stamp for stamp, names in new.items() if is_same(file, names)), AWAY)
                new.pop(file.stamp, None)

    def _has(self, stamp: str) -> bool:
        return stamp in self._known or any(file.stamp == stamp for file in self.files)

    def _try_broken_again(self, backups: Members) -> None:
        for file in self.files:
            if file.broken:
                names = [Name(file.path, LIVE, packed=False)] if file.live else backups.get(file.stamp, [])
                changed = signature(names)
                if file.broken_signature is None:
                    file.broken_signature = changed
                elif file.broken_signature != changed:
                    file.broken = False

    def _reopen_grown(self, backups: Members) -> None:
        for stamp in self._grown(backups):
            del self._known[stamp]

    def _grown(self, backups: Members) -> list[str]:
        """Stamps of those read to their end that a writer who kept them open has written to after all."""
        places = {place.file: place for place in self._entry.files}
        grown = []
        for stamp, names in backups.items():
            place = places.get(self._known.get(stamp, ""))
            if place is not None and any(not name.packed and size_of(name) > place.position for name in names):
                grown.append(stamp)
        return grown

    def _open_new(self, backups: Members, now: float) -> bool:
        """False when one could not be opened, so that it is not known which file it is."""
        complete = True
        live = next((file for file in self.files if file.live), None)
        for stamp, names in sorted(backups.items()):
            if self._has(stamp):
                continue
            try:
                source = open_any(names)
                was_live = any(other.source is not None and other.inode == source.inode for other in self.files)
                if was_live or (live is not None and is_copy(live, source)):
                    # It was the log until a moment ago, or the log is being copied and will be truncated: the next
                    # look will find out.
                    source.close()
                    complete = False
                    continue
                file = File(self.path, stamp, source, source.inode, away=now, size=source.size())
                self._choose(file, path_of(names[0]))
                self._recognise(file, final=self._final(file, now))
            except FileNotFoundError:
                continue
            except (OSError, SourceError) as error:
                self._shared.unreadable(path_of(names[0]), error)
                complete = False
                continue
            self._shared.solved(path_of(names[0]))
            if file.place is not None and file.place.ended and not file.unread():
                shut(file)
                self._known[stamp] = file.place.file
                continue
            self.files.append(file)
            if sum(other.away is not None and other.source is not None for other in self.files) > HELD_OPEN:
                shut(file)
        return complete

    def _retire(self, backups: Members, now: float) -> None:
        """Forgets files that are durable to their end, and those that cannot be opened any more."""
        for file in list(self.files):
            self._note_end(file)
            if file.away is None or file.flying:
                continue
            rested = self._shared.once or file.replaced or now - file.away > LINGER_SECONDS
            ended = file.replaced or file.size == 0 if file.place is None else file.place.ended
            vanished = file.source is None and not file.replaced and signature(backups.get(file.stamp, [])) == ()
            if not (rested and ended) and not vanished:
                continue
            if vanished and file.place is None:
                self._lose_file(Place("", size=file.size or 0), file.size or 0, "vanished before it was read")
            shut(file)
            self.files.remove(file)
            if file.stamp != AWAY and not vanished:
                self._known[file.stamp] = "" if file.place is None else file.place.file

    def _miss(self, backups: Members, now: float) -> None:
        """Strikes out the places of files that are gone; those not read to their end are known losses."""
        for stamp in self._known.keys() - backups.keys():
            del self._known[stamp]
        present = {file.place.file for file in self.files if file.place is not None} | set(self._known.values())
        absent = self._shared.absent
        for place in list(self._entry.files):
            if place.file in present:
                absent.pop((self.path, place.file), None)
            elif self._shared.once or now - absent.setdefault((self.path, place.file), now) >= ABSENT_SECONDS:
                absent.pop((self.path, place.file), None)
                self._entry.files.remove(place)
                self._change.strike(place)
                if not place.ended:
                    self._lose_file(place, place.size - place.position, "vanished before its end was read")

    # One file

    def _recognise(self, file: File, *, final: bool) -> bool:
        """Finds the file's place in the book, or begins one; False while its first line is not whole."""
        line = first_line(file.head(), final=final)
        if line is None:
            return False
        identity = fingerprint(line)
        taken = {other.place.file for other in self.files if other.place is not None} | set(self._known.values())
        alike = [place for place in self._entry.files if place.file.partition(".")[0] == identity]
        for place in sorted(alike, key=lambda place: place.position, reverse=True):
            if place.file not in taken and file.adopt(place):
                self.learned = True
                return True
        names = taken | {place.file for place in alike}
        name, number = identity, 0
        while name in names:
            number += 1
            name = f"{identity}.{number}"
        file.place = Place(name)
        self._entry.files.append(file.place)
        self._change.keep(file.place)
        self.learned = True
        return True

    def _begins_as_it_did(self, file: File, *, final: bool) -> bool:
        """Of what nothing was read yet there is no seam to know it again by."""
        line = first_line(file.head(), final=final)
        return line is None or file.place is None or file.place.begins(line)

    def _open_again(self, file: File) -> Source:
        """Raises FileNotFoundError where the file is not to be found any more."""
        if file.stamp == AWAY:
            raise FileNotFoundError(file.path)  # nobody knows its name
        names = [Name(self.path, file.stamp, packed) for packed in (False, True)]
        source = Plain(file.path) if file.live else open_any(names)
        size = source.size()  # it may have grown while it was closed
        file.size = file.size if size is None else size
        return source

    @property
    def _change(self) -> Change:
        return self._shared.change_of(self.path)

    def _keep(self, file: File) -> None:
        file.note()
        if file.place is not None:
            self._change.keep(file.place)

    def _note_end(self, file: File) -> None:
        """That nothing more will come of it is known for good; how it grows need not be, before it is read."""
        ended = file.place is not None and file.place.ended
        file.note()
        if file.place is not None and file.place.ended != ended:
            self._change.keep(file.place)

    def _replaced(self, file: File) -> None:
        """The file was truncated: what comes now is another file, which begins at 0."""
        shut(file)
        file.truncated, file.stamp, file.away = True, AWAY, 0.0

    def _broken(self, file: File, error: OSError | SourceError) -> None:
        shut(file)
        if isinstance(error, FileNotFoundError):
            return  # the next scan will miss it
        path = file.path if file.live else path_of(Name(self.path, file.stamp, isinstance(error, SourceError)))
        self._shared.unreadable(path, error)
        file.broken, file.told = True, path
        # Damage stays until the file is another one; what the system refuses now it may grant in a second.
        file.broken_signature = None if isinstance(error, SourceError) else ()

    def _totals(self, place: Place) -> Totals:
        return self._entry.totals.setdefault(self._key(place), Totals())

    def _key(self, place: Place) -> str:
        """A file of which nothing was read has that of the others."""
        before = next((key for key in self._entry.totals if key != self._shared.host), "")
        return place.key or self._shared.node or before or self._shared.host

    def _lose_file(self, place: Place, lost: int, reason: str) -> None:
        totals = self._totals(place)
        totals.lost_files += 1
        totals.lost_bytes += lost
        self._change.totals[self._key(place)] = totals
        self._lose(place, place.position, lost, reason)

    def _lose(self, place: Place, position: int, lost: int, reason: str) -> None:
        at = datetime.fromtimestamp(self._shared.wall(), UTC).isoformat(timespec="milliseconds")
        loss = Loss(at, self.path, place.file, self._key(place), position, lost, reason)
        self._shared.book.losses.append(loss)
        self._change.losses.append(loss)
        del self._shared.book.losses[:-LOSSES_KEPT]
        log.error(
            "Known loss path=%r file=%s key=%r position=%d bytes=%d reason=%r",
            self.path, place.file, self._key(place), position, lost, reason,
        )  # fmt: skip


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
