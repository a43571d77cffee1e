"""Logs to which nothing happens. They are not looked at before there is a sign of a change.

Someone tells of it, or their turn has come to be asked for, which it does however quiet it is.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from app.ship.backups import Members
from app.ship.logs import Log
from app.ship.scan import backups_of, grown
from app.ship.watching import Watching
from schemas.log import LIVE, PACKED

REST_SECONDS: Final = 10.0  # without a change, after which a log rests
ASKED: Final = 150  # files a look, of logs that rest
ASKING_SHARE: Final = 0.02  # of the time, in which more of those are asked for of which nobody would tell


class Resting:
    def __init__(self, watch: Watching, clock: Callable[[], float]) -> None:
        self._watch = watch
        self._clock = clock
        self._watched = _Turns()
        self._unwatched = _Turns()
        self._deaf: set[str] = set()  # folders of which a change was not told
        self._suspect: set[str] = set()  # watched ones that have changed, and it was not told yet
        self._asked_at = float("inf")
        self._heeded_at = float("-inf")

    def __contains__(self, path: str) -> bool:
        return path in self._watched.logs or path in self._unwatched.logs

    def lay_down(self, log: Log) -> bool:
        """Of a log that may rest, whether it does from now on."""
        watched = log.folder not in self._deaf and self._watch.file(log.path)
        if not _is_as_left(log):  # until it was watched
            self._watch.leave(log.path)
            return False
        log.note()
        (self._watched if watched else self._unwatched).logs[log.path] = log
        return True

    def wake(self, path: str) -> Log | None:
        log = self._watched.logs.pop(path, None)
        if log is not None:
            self._watch.leave(path)
            return log
        return self._unwatched.logs.pop(path, None)

    def told(self, files: Iterable[str], now: float) -> list[Log]:
        """Those of them that have changed, and rest no more."""
        woken = [log for path in files if (log := self.wake(path)) is not None]
        for log in woken:
            _vouch(log, self._heeded_at)
        self._heeded_at = now
        return woken

    def ask(self, now: float) -> list[Log]:
        """Likewise, of some of them, watched or not: a file system may tell of nothing."""
        woken = []
        for path in self._suspect:
            log = self._watched.logs.get(path)
            if log is not None:
                self._expect_nothing_of(log.folder)
                woken.append(log)
        self._suspect.clear()
        began, share = self._clock(), ASKING_SHARE * max(now - self._asked_at, 0.0)
        self._asked_at = now
        for log in self._unwatched.turns(lambda: self._clock() - began < share):
            if not self._is_left(log, now):
                woken.append(log)
        for log in self._watched.turns(lambda: False):
            if not self._is_left(log, now):  # it will be told by the next look that it was seen until now
                self._suspect.add(log.path)
        for log in woken:
            self.wake(log.path)
        return woken

    def ask_all(self) -> list[Log]:
        """Likewise, of all. None of them is watched for certain."""
        woken = []
        for log in [*self._watched.logs.values(), *self._unwatched.logs.values()]:
            self.wake(log.path)
            if not self.lay_down(log):
                woken.append(log)
        return woken

    @staticmethod
    def _is_left(log: Log, now: float) -> bool:
        if not _is_as_left(log):
            return False
        _vouch(log, now)
        _close_inactive(log, now)
        return True

    def _expect_nothing_of(self, folder: str) -> None:
        """Its files are asked for as often as those that cannot be watched."""
        self._deaf.add(folder)
        for log in [log for log in self._watched.logs.values() if log.folder == folder]:
            self.wake(log.path)
            self._unwatched.logs[log.path] = log


class _Turns:
    """`logs` by path, each of which has its turn."""

    def __init__(self) -> None:
        self.logs: dict[str, Log] = {}
        self._left: list[str] = []  # of this round; the last one is next

    def turns(self, more: Callable[[], bool]) -> Iterator[Log]:
        """The next ones, each once at most: about ASKED files, or as long as there may be `more`."""
        files = 0
        for _ in range(len(self.logs)):
            if files >= ASKED and not more():
                return
            self._left = self._left or list(self.logs)
            log = self.logs.get(self._left.pop())
            if log is not None:
                files += _stats(log)
                yield log


def may_rest(log: Log, now: float) -> bool:
    """Whether no look, scan or reading will find anything before its files change, and none has for long."""
    if now - log.stirred_at < REST_SECONDS or not log.complete:
        return False
    if any((log.path, place.file) in log.shared.absent for place in log.entry.places):
        return False
    return len(log.files) <= 1 and all(file.rests() for file in log.files)


def _is_as_left(log: Log) -> bool:
    """Of a log that rests: cheaper than a look, and finds whatever that would."""
    if log.follows:
        live = log.files[0] if log.files else None
        try:
            status = os.stat(log.path)
        except OSError:
            if live is not None:
                return False
        else:
            found = (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns
            if live is None or found != (live.inode, live.size, live.modified):
                return False
    return not log.known or not grown(log, {stamp: log.names(stamp)[:1] for stamp in log.known})


def accounts_for(log: Log, listed: Members) -> bool:
    """Of a log that rests, whether a scan would find no file that came or went."""
    if log.follows and (LIVE in listed) != bool(log.files):
        return False
    if len(listed) <= 1 and not log.known and not log.named:
        return listed.keys() <= {LIVE, PACKED} or not log.follows  # nearly all: ten thousand of them in a row
    return backups_of(log, listed).keys() == log.known.keys()


def _vouch(log: Log, until: float) -> None:
    """Of a log that rests: nothing had happened to it by then, as is known without a look."""
    for file in log.files:
        if file.looked_at is None or file.looked_at < until:
            file.looked_at = until


def _close_inactive(log: Log, now: float) -> None:
    """Of a log that rests."""
    seconds = log.shared.choices.close_inactive
    if log.shared.crowded or (seconds is not None and now - log.stirred_at >= seconds):
        log.close()


def _stats(log: Log) -> int:
    """How many files _is_as_left() asks for."""
    return 1 + len(log.known)
