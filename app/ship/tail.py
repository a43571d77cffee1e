"""Which logs there are, and when to look at them. Time comes in as seconds of any steady clock.

Most logs of a large folder rest (`app/ship/resting.py`).
"""

import glob
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from stat import S_ISREG
from typing import Final

from app.ship.backups import NO_MEMBERS, Members
from app.ship.book import GONE_KEPT, TOGETHER, Book, told_path
from app.ship.choices import EVERYTHING, Choices
from app.ship.entry import forget
from app.ship.files import Block
from app.ship.globs import Named
from app.ship.journal import Change
from app.ship.logs import Log
from app.ship.pace import Pace
from app.ship.resting import Resting, accounts_for, may_rest
from app.ship.scan import ABSENT_SECONDS, open_live, scan
from app.ship.shared import Shared
from app.ship.watching import Changes, Unwatched, Watching
from schemas.log import LIVE, PACKED, Name, name_of, path_of

_LIVE_ALONE: Final[Members] = {LIVE: []}  # nobody asks for the log's own name; most have nothing beside them


@dataclass(slots=True)
class _Folder:
    path: str
    logs: dict[str, Log] = field(default_factory=dict)  # by path
    pace: Pace = field(default_factory=Pace)


class Tail:
    """Blocks of all lines of all files that the paths and globs name, in the order of each log."""

    def __init__(
        self,
        paths: Sequence[str],
        book: Book,
        *,
        node: str | None,
        host: str,
        once: bool,
        wall: Callable[[], float],
        watch: Watching | None = None,
        choices: Choices = EVERYTHING,
        clock: Callable[[], float] = time.monotonic,
        effort: Callable[[], float] = time.thread_time,
    ) -> None:
        """`clock` is the one of which `now` was read; `effort` is how many seconds of CPU were used so far."""
        self.logs: dict[str, Log] = {}
        self._awake: dict[str, Log] = {}
        self._folders: dict[str, _Folder] = {}
        self._named = [Named(os.path.abspath(path)) for path in paths]
        self._shared = Shared(book, node, host, once, wall, clock, choices)
        self._watch = watch or Unwatched()
        self._resting = Resting(self._watch, clock)
        self._effort = effort
        self._discovery = Pace()
        self._round = Pace()  # of reading all folders
        self._search = Pace()  # for what was missed
        self._noted = False

    @property
    def problems(self) -> dict[str, str]:
        """Sentences about what cannot be read for now, by path."""
        return self._shared.problems

    def heed(self, changes: Changes, now: float) -> bool:
        """Takes in what was seen of folders and files since this was told last. True if the next look cannot wait."""
        self._awake |= {log.path: log for log in self._resting.told(changes.files, now)}
        stirred = [self._stir(path) for path in changes.entries]
        for folder in changes.folders:
            if folder in self._folders or any(named.may_lead(folder) for named in self._named):
                self._discovery.told = True
                stirred.append(True)
        self._search.told |= changes.missed
        return any(stirred) or changes.missed

    def look(self, now: float) -> None:
        """Takes in what has changed on disk. Cheap while nothing has."""
        if self._search.told and self._search.due(now):
            self._search_all(now)
        self._awake |= {log.path: log for log in self._resting.ask(now)}
        unmatched = self._discover(now) if self._discovery.due(now) else None
        for log in [log for log in self._awake.values() if log.look(now)]:
            if log.follows:
                open_live(log, now)
            self._folders[log.folder].pace.told = True
        for log in self._awake.values():
            learned = log.learned and len(log.entry.places) > 1
            self._folders[log.folder].pace.told |= learned or log.is_seeking()
        for (path, _), since in self._shared.absent.items():
            pace = self._folders[self.logs[path].folder].pace
            pace.told |= pace.at < since + ABSENT_SECONDS <= now  # one more reading, and it is gone
        # Read after the logs were opened: what was rotated before that is in them.
        self._read_folders(now)
        if unmatched is not None:
            self._complain(unmatched)
        self._shared.starting = False
        self._noted = self._noted and not self._awake
        if not self._shared.once:
            self._lay_down(now)

    def look_once_more(self, now: float) -> None:
        """When all that is there is known: what is not there is missed."""
        for folder in self._folders.values():
            self._read_folder(folder, now)

    @property
    def scanned(self) -> bool:
        return self._discovery.at != float("-inf")

    def awake(self) -> list[Log]:
        """Those of which a block may come, or has come and is not durable."""
        return list(self._awake.values())

    def finished(self) -> bool:
        return all(log.finished() for log in self.logs.values())

    @property
    def noted(self) -> bool:
        """Whether the book is up to date."""
        return self._noted

    def note(self) -> None:
        """Brings the book up to date for being saved."""
        for log in self._awake.values():
            log.note()
        self._noted = True

    def take_changes(self) -> list[Change]:
        """Of the book, since they were last taken."""
        changes = list(self._shared.changes.values())
        self._shared.changes.clear()
        return changes

    def rewind(self) -> None:
        for log in self._awake.values():
            log.rewind()

    def settle(self, block: Block) -> None:
        block.durable = True
        self.logs[block.file.path].entry.settle(block.file)

    def unread(self) -> int:
        return sum(log.unread() for log in self.logs.values())

    def open_files(self) -> int:
        return sum(file.source is not None for log in self.logs.values() for file in log.files)

    def close(self) -> None:
        for log in self.logs.values():
            log.close()

    # Resting

    def _lay_down(self, now: float) -> None:
        for log in [log for log in self._awake.values() if may_rest(log, now)]:
            if not self._folders[log.folder].pace.told and self._resting.lay_down(log):
                del self._awake[log.path]

    def _wake(self, path: str) -> None:
        log = self._resting.wake(path)
        if log is not None:
            self._awake[path] = log

    def _search_all(self, now: float) -> None:
        """Anything may have changed, and be watched no more."""
        before = self._effort()
        self._discovery.told = True
        for folder in self._folders.values():
            folder.pace.told = True
        self._awake |= {log.path: log for log in self._resting.ask_all()}
        self._search.done(now, self._effort() - before)

    def _stir(self, path: str) -> bool:
        """Whether it is about a file of ours, or one that will be."""
        name = name_of(path)
        if name is None:
            return False
        log = self.logs.get(name.log)
        if log is not None:
            self._wake(log.path)
            self._folders[log.folder].pace.told = True
            self._discovery.told |= bool(self._shared.problems)
            return True
        if any(named.may_name(path) for named in self._named):
            self._discovery.told = True
            return True
        return False

    # Folders and globs

    def _discover(self, now: float) -> list[str]:
        """Which of the paths and globs name nothing that is there."""
        before = self._effort()
        for folder in {folder for named in self._named for folder in named.folders()} | self._folders.keys():
            self._watch.folder(folder)
        unmatched = []
        there = set()
        listed: dict[str, Members] = {}
        for named in self._named:
            is_glob = named.is_glob()
            found = glob.glob(named.path, recursive=True) if is_glob else [named.path]
            if not any(os.path.lexists(match) for match in found):
                unmatched.append(named.path)
            for name in filter(None, map(self._name, found)):
                if is_glob and name.log not in self.logs and _is_no_file(path_of(name)):
                    continue  # it was named among others
                log = self.logs.get(name.log) or self._take_on(name.log)
                there.add(name.log)
                # A glob may find a backup while the log itself is not there, just after a rotation.
                follows = name.stamp == LIVE or (is_glob and fnmatch(name.log, named.path))
                if follows:
                    self._folders[log.folder].pace.told |= not log.follows
                    log.follows = True
                if not follows or name.stamp == PACKED:  # which is a backup for whoever names it
                    listed.setdefault(name.log, {}).setdefault(name.stamp, []).append(name)
        if self._shared.starting:
            for path in self._gone_meanwhile():
                self._take_on(path).follows = True
        for path, by_stamp in listed.items():
            members = {stamp: sorted(names) for stamp, names in by_stamp.items()}
            if members != self.logs[path].named:
                self.logs[path].named = members
                self._wake(path)
                self._folders[self.logs[path].folder].pace.told = True
        if len(self._shared.book.logs) > len(there) + GONE_KEPT + 1:  # and those that were put together
            self._forget_gone(there)
        self._discovery.done(now, self._effort() - before)
        return unmatched

    def _gone_meanwhile(self) -> list[str]:
        """Logs that a glob named before this process began, and names no more: what was unread of them is missed."""
        known = {told_path(path) for path in self.logs}
        return [
            path
            for path, entry in self._shared.book.logs.items()
            if entry.files and path not in known and any(named.may_name(path) for named in self._named)
            if not os.path.lexists(path) and self._name(path) == Name(path, LIVE, packed=False)
        ]

    def _forget_gone(self, there: set[str]) -> None:
        """Where logs come and go, like those of containers, they would be more and more."""
        held = {told_path(path): log for path, log in self.logs.items()}
        gone = [
            path
            for path, entry in self._shared.book.logs.items()
            if path != TOGETHER and not entry.files
            and not ((log := held.get(path)) is not None and (log.path in there or log.holds_files()))
        ]  # fmt: skip
        forgotten = gone[:-GONE_KEPT]
        forget(forgotten, self._shared)
        for log in filter(None, map(held.get, forgotten)):
            self._resting.wake(log.path)
            self._awake.pop(log.path, None)
            folder = self._folders[log.folder]
            del self.logs[log.path], folder.logs[log.path]
            if not folder.logs:
                del self._folders[log.folder]

    def _take_on(self, path: str) -> Log:
        folder = os.path.dirname(path)
        if folder not in self._folders:
            self._watch.folder(folder)
            self._folders[folder] = _Folder(folder)
        folder = self._folders[folder].path
        log = Log(path, folder, self._shared)
        self.logs[path] = self._awake[path] = self._folders[folder].logs[path] = log
        return log

    def _name(self, path: str) -> Name | None:
        """None for what is not read."""
        log = self.logs.get(path)
        if log is not None and log.is_plain:
            return Name(path, LIVE, packed=False)
        name, excludes = name_of(path), self._shared.choices.excludes
        return None if name is None or excludes(path) or (name.log != path and excludes(name.log)) else name

    def _read_folders(self, now: float) -> None:
        if self._round.due(now):
            took = sum([self._read_folder(folder, now) for folder in self._folders.values()])
            self._round.done(now, took)
            return
        for path in {log.folder for log in self._awake.values()}:
            folder = self._folders[path]
            if folder.pace.due(now):
                self._read_folder(folder, now)

    def _read_folder(self, folder: _Folder, now: float) -> float:
        """What it took, in seconds of CPU, without what was done about those that do not rest."""
        before = self._effort()
        listed = self._list(folder.path)
        changed = []
        if listed is not None:
            for log in folder.logs.values():
                if log.target is not None:
                    listed[log.path] = self._beside(log.target) | listed.get(log.path, {})
            changed = [
                path
                for path, log in folder.logs.items()
                if path in self._resting and not accounts_for(log, listed.get(path, NO_MEMBERS))
            ]
        took = self._effort() - before
        folder.pace.done(now, took)
        if listed is not None:
            for path, log in folder.logs.items():
                if path in self._awake:
                    scan(log, now, listed.get(path, {}))
        for path in changed:  # they are looked at first, and the folder read again
            self._wake(path)
            folder.pace.told = True
        return took

    def _list(self, folder: str) -> dict[str, Members] | None:
        """What lies in the folder, by log and stamp; None while it cannot be read, which does not mean empty."""
        try:
            files = os.listdir(folder)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and all(named.folder != folder for named in self._named):
                return {}  # a glob had found it, and it went with all that it held
            self._shared.unreadable(folder, error)
            return None
        self._shared.solved(folder)
        logs: dict[str, Members] = {}
        stem = os.path.join(folder, "")
        for file in files:
            name = self._name(stem + file)
            if name is None or name.log not in self.logs:
                continue
            if name.stamp == LIVE and name.log not in logs:
                logs[name.log] = _LIVE_ALONE
                continue
            if logs.get(name.log, _LIVE_ALONE) is _LIVE_ALONE:
                logs[name.log] = dict(logs.get(name.log, {}))
            names = logs[name.log].setdefault(name.stamp, [])
            names.append(name)
            names.sort()
        return logs

    def _beside(self, target: str) -> Members:
        """The backups of a file that a log is a link to. Where they cannot be listed, the log itself can be read."""
        found: Members = {}
        folder = os.path.dirname(target)
        with suppress(OSError):
            for file in os.listdir(folder):
                path = os.path.join(folder, file)
                name = name_of(path)
                if name is None or name.log != target or self._shared.choices.excludes(path):
                    continue
                if name.stamp not in (LIVE, PACKED):
                    found[name.stamp] = sorted([name, *found.get(name.stamp, [])])
        return found

    def _complain(self, unmatched: list[str]) -> None:
        for named in self._named:
            subject = f"{named.path} (missing)"
            log = self.logs.get(named.path)
            # Between a rotation and the line after it the log itself is not there, and nothing is wrong.
            if named.path not in unmatched or (log is not None and log.holds_files()):
                self._shared.solved(subject)
            elif glob.has_magic(named.folder) or self._list(named.folder) is not None:
                self._shared.problem(
                    subject,
                    f"Path {named.path!r} names no file. Expected the log that Tetragon writes, "
                    "like /var/log/tetragon/tetragon.log; it is looked for every second.",
                )


def _is_no_file(path: str) -> bool:
    """A folder, a pipe, a socket or a device; not what is not there, or cannot be asked for."""
    try:
        return not S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False
