"""A log and its backups, read one after the other, oldest first, whatever they are called by then."""

import logging
import os
from contextlib import suppress
from typing import Final

from app.ship.backups import NO_MEMBERS, NO_SIGNATURES, Members, is_copy, open_any, shut
from app.ship.book import Place, told_path
from app.ship.entry import Entry
from app.ship.files import Block, File, ReplacedError
from app.ship.shared import Shared
from app.ship.sources import Gzip, Plain, Source, SourceError
from schemas.identity import fingerprint
from schemas.log import AWAY, LIVE, PACKED, Name, first_line, has_number, key_in, name_of, path_of

log: Final = logging.getLogger(__name__)

GRACE_SECONDS: Final = 1.0  # a writer may append a little after a rename; then what has no line end is a line
SKIPPED_BLOCKS: Final = 64  # of a line that is too long, before others have their turn


class Log:
    """Which files they are is told by a scan (`app/ship/scan.py`)."""

    # Ten thousand of them are held in memory.
    __slots__ = (
        "complete", "entry", "files", "first_seen", "folder", "folder_at", "follows", "is_plain", "known", "learned",
        "named", "path", "shared", "signatures", "stirred_at", "target",
    )  # fmt: skip

    def __init__(self, path: str, folder: str, shared: Shared) -> None:
        self.path = path
        self.folder = folder
        self.shared = shared
        self.is_plain = name_of(path) == Name(path, LIVE, packed=False)  # so that it need not be taken apart again
        self.files: list[File] = []  # in the order of reading
        self.target: str | None = None  # of a link, beside which its backups are too
        self.known: dict[str, str] = {}  # stamp → Place.file, of files that need no more reading
        self.signatures = NO_SIGNATURES  # by stamp, of known files that a rotation will give another one
        self.named: Members = NO_MEMBERS  # backups that were named one by one
        self.follows = False  # the log itself was named, and so all its backups
        self.learned = False  # since the last scan, which file one is: now it can be told which ones are not there
        self.complete = False  # whether the last scan knew what to make of every file
        self.folder_at = 0  # when the folder had last changed, while the log is not there
        self.stirred_at = float("-inf")  # when a look last found something new
        self.first_seen = shared.starting and told_path(path) not in shared.book.logs
        self.entry = Entry(path, shared)

    def close(self) -> None:
        for file in self.files:
            shut(file)

    def look(self, now: float) -> bool:
        """Takes in how the open files have grown. True if the log's name has come to mean another file."""
        moved = self._look(now)
        if moved:
            self.stirred_at = now
        return moved

    def _look(self, now: float) -> bool:
        live = None
        for file in self.files:
            if file.live:
                live = file
            elif file.source is not None:
                try:
                    size = file.source.size()
                    if isinstance(file.source, Gzip) and file.source.has_changed():
                        file.size = None
                except OSError as error:  # a handle may become stale
                    self.broken(file, error)
                    continue
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
        live.unseen, live.looked_at = self.shared.clock() - (now if live.looked_at is None else live.looked_at), now
        modified, live.modified = live.modified != status.st_mtime_ns, status.st_mtime_ns
        if modified:
            self.stirred_at = now
        has_shrunk = status.st_size < max(live.cursor, live.size or 0)
        if has_shrunk or (modified and status.st_size == live.cursor and self._is_another(live)):
            self._replaced(live)
            return True
        if modified and live.place is None and not live.identify():
            self._replaced(live)
            return True
        live.size = status.st_size
        return False

    def _is_another(self, file: File) -> bool:
        """Whether a file that is open no longer holds what was read of it: it was truncated."""
        try:
            if file.source is None or file.place is None:
                return False
            return not file.holds_seam(file.source) or not self._begins_as_it_did(file, final=False)
        except (OSError, SourceError):
            return False  # reading on will meet the same

    def live_went(self, live: File, now: float) -> None:
        """Its name has come to mean another file, or none."""
        if self._is_another(live):  # since before it was rotated
            live.unseen = max(live.unseen, self.shared.clock() - (now if live.looked_at is None else live.looked_at))
            self._replaced(live)
            return
        live.stamp, live.away = AWAY, now
        with suppress(OSError):  # the next look will meet the same
            size = None if live.source is None else live.source.size()
            live.size = live.size if size is None else size  # it may have grown before it was rotated

    def _folder_changed(self) -> bool:
        """A log may come and be rotated away between two looks at its name."""
        before = self.folder_at
        with suppress(OSError):
            self.folder_at = os.stat(os.path.dirname(self.path)).st_mtime_ns
        return self.folder_at != before

    def next_block(self, now: float) -> Block | None:
        """The next lines in order; they may be looked at until the next block of any log is asked for."""
        for file in self.files:
            final = self.final(file, now)
            try:
                block = self._read(file, final=final)
            except ReplacedError:
                if file.looked_at is not None:
                    file.unseen = max(file.unseen, self.shared.clock() - file.looked_at)
                self._replaced(file)
                return None
            except (OSError, SourceError) as error:
                self.broken(file, error)
                continue
            if file.told is not None and not file.broken:
                self.shared.solved(file.told)
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
        if file.place is None and file.live and (not file.identify() or (file.source.size() or 0) < (file.size or 0)):
            raise ReplacedError  # since the last look
        if file.place is None and not self.recognise(file, final=final):
            if file.size is None:
                file.size = 0  # packed, and nothing in it
            return None
        if file.pass_to:
            log.info("Left out path=%r bytes=%d", file.path, file.pass_over(self.shared.buffer))
            self.entry.keep(file)
        if file.live and not file.cursor and not self._begins_as_it_did(file, final=final):
            raise ReplacedError
        block = file.next_block(self.shared.buffer, final=final)
        for _ in range(SKIPPED_BLOCKS):
            if block is not None or file.too_long_from is None or not (file.size is None or file.unread()):
                break
            block = file.next_block(self.shared.buffer, final=final)
        if block is not None and not block.lost and not file.key:
            self._give_key(file, block)
        return block

    def final(self, file: File, now: float) -> bool:
        """Whether nothing more will be written to the file."""
        if self.shared.once or isinstance(file.source, Gzip):
            return True
        return file.away is not None and now - file.away >= GRACE_SECONDS

    def _give_key(self, file: File, block: Block) -> None:
        assert file.place is not None
        node = self.shared.node
        file.key = node.encode() if node else key_in(bytes(block.value)) or self.shared.host.encode()
        file.place.key = file.key.decode()

    def backfills(self) -> bool:
        """Whether what is read next is to be read slowly."""
        for file in self.files:
            if not file.read_out(final=True):
                return file.cursor < file.backlog
        return False

    def rewind(self) -> None:
        """Back to what is durable, after sending has failed."""
        for file in self.files:
            if file.replaced and file.place is not None and file.flying:
                gone = file.cursor - file.place.position
                self.entry.lose_file(file.place, gone, "truncated while Kafka had not yet acknowledged it")
                file.rewind()
                self.entry.keep(file)
            file.rewind()

    def finished(self) -> bool:
        """Everything that is there was read, and is durable."""
        return all(file.read_out(final=True) and not file.flying for file in self.files)

    def is_seeking(self) -> bool:
        """Where the bytes of a truncated file went."""
        return any(file.truncated for file in self.files)

    def holds_files(self) -> bool:
        return bool(self.files or self.known)

    def note(self) -> None:
        """Brings the book up to date for being saved."""
        for file in self.files:
            file.note()

    def unread(self) -> int:
        return sum(file.unread() for file in self.files)

    def names(self, stamp: str) -> list[Name]:
        """Under which a backup may lie, the plain one first."""
        if stamp == PACKED:
            return [Name(self.path, stamp, packed=True)]
        names = [Name(self.path, stamp, packed) for packed in (False, True)]
        if self.target is None or any(os.path.lexists(path_of(name)) for name in names):
            return names
        return [name._replace(log=self.target) for name in names]

    def know(self, stamp: str, place: Place | None, source: Source | None) -> None:
        """That the file needs no more reading."""
        self.known[stamp] = "" if place is None else place.file
        if has_number(stamp):
            with suppress(OSError):
                signature = None if source is None else source.signature()
                self.signatures = {**self.signatures, stamp: signature}

    def has(self, stamp: str) -> bool:
        return stamp in self.known or any(file.stamp == stamp for file in self.files)

    def recognise(self, file: File, *, final: bool) -> bool:
        """Finds the file's place in the book, or begins one; False while its first line is not whole."""
        line = first_line(file.head(), final=final)
        if line is None:
            return False
        identity = fingerprint(line)
        taken = {other.place.file for other in self.files if other.place is not None} | set(self.known.values())
        for place in self.entry.alike(identity):
            if place.file not in taken and file.adopt(place):
                break
        else:
            file.place = self.entry.begin(identity, taken)
        file.identity = ""  # ten thousand of them would be a megabyte
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
        names = self.names(file.stamp)
        source = Plain(file.path) if file.live else open_any(names)
        if has_number(file.stamp) and file.place is not None and not is_copy(file, source):
            source.close()
            raise FileNotFoundError(file.path)  # the number is another file's since the last scan
        file.inode = source.inode
        size = source.size()  # it may have grown while it was closed
        file.size = file.size if size is None else size
        return source

    def _replaced(self, file: File) -> None:
        """The file was truncated: what comes now is another file, which begins at 0."""
        shut(file)
        file.truncated, file.sought, file.stamp, file.away = True, False, AWAY, 0.0

    def broken(self, file: File, error: OSError | SourceError, path: str | None = None) -> None:
        """It is tried again, and missed if it goes. `path` is what could not be read, if it is not the usual one."""
        source = file.source
        shut(file)
        if isinstance(error, FileNotFoundError):
            return  # the next scan will miss it
        if path is None:
            path = file.path if file.live else path_of(self.names(file.stamp)[-isinstance(error, SourceError)])
        self.shared.unreadable(path, error)
        file.broken, file.told = True, path
        # Damage stays until the file is another one, which it may be already: it may still be written. What the system
        # refuses now it may grant in a second.
        damaged = (source.seen,) if isinstance(source, Gzip) else None
        file.broken_signature = damaged if isinstance(error, SourceError) else ()
