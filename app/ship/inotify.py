"""Linux's inotify: folders are watched for what comes and goes, files that rest for the first write."""

import asyncio
import errno
import logging
import os
from contextlib import suppress
from typing import Final

from inotify_simple import INotify, flags

from app.ship.watching import Changes, Unwatched, Watching

log: Final = logging.getLogger(__name__)

# Not MODIFY: a busy log would tell of every write.
_FOLDER: Final = int(
    flags.CREATE | flags.MOVED_FROM | flags.MOVED_TO | flags.DELETE
    | flags.DELETE_SELF | flags.MOVE_SELF | flags.ONLYDIR
)  # fmt: skip
# ATTRIB tells of an unlink: the file is held open, so that DELETE_SELF does not come. All but one only matter where
# the name is a link to a file elsewhere.
_FILE: Final = int(flags.MODIFY | flags.ATTRIB | flags.MOVE_SELF | flags.DELETE_SELF | flags.ONESHOT)
_GONE: Final = int(flags.IGNORED | flags.UNMOUNT | flags.DELETE_SELF | flags.MOVE_SELF)


def watching() -> Watching:
    """Whatever this system has."""
    try:
        return Inotify()
    except (OSError, AttributeError) as error:  # AttributeError: this is no Linux
        log.warning("Rotation is noticed by looking only: inotify is not available reason=%r", str(error))
        return Unwatched()


class Inotify:
    """Two queues: the one of folders wakes, the one of files is only read when it is time to look."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._folders = INotify(nonblocking=True)
        try:
            self._files = INotify(nonblocking=True)
        except OSError:
            self._folders.close()
            raise
        self._folder_paths: dict[int, list[str]] = {}  # several where one is a link to the other
        self._folder_numbers: dict[str, int] = {}
        self._file_paths: dict[int, str] = {}
        self._file_numbers: dict[str, int] = {}
        self._refused = False

    def folder(self, path: str) -> bool:
        number = self._add(self._folders, path, _FOLDER)
        before = self._folder_numbers.get(path)
        if number != before and before is not None:
            self._leave_folder(path, before)
        if number is None:
            return False
        if number != before:
            self._folder_numbers[path] = number
            self._folder_paths.setdefault(number, []).append(path)
        return True

    def file(self, path: str) -> bool:
        number = self._add(self._files, path, _FILE)
        if number is not None and self._file_numbers.get(path) == number:
            return True
        self.leave(path)
        if number is None or number in self._file_paths:
            return False  # in the latter case it is watched already, for another name of it
        self._file_numbers[path], self._file_paths[number] = number, path
        return True

    def leave(self, path: str) -> None:
        number = self._file_numbers.pop(path, None)
        if number is not None:
            del self._file_paths[number]
            with suppress(OSError):  # it may have told just now, and be over
                self._files.rm_watch(number)

    def changes(self) -> Changes:
        files: set[str] = set()
        entries: set[str] = set()
        folders: set[str] = set()
        missed = False
        for event in self._files.read(timeout=0):
            missed |= bool(event.mask & flags.Q_OVERFLOW)
            path = self._file_paths.get(event.wd)
            if path is not None:
                files.add(path)
                self.leave(path)
        for event in self._folders.read(timeout=0):
            missed |= bool(event.mask & flags.Q_OVERFLOW)
            for path in list(self._folder_paths.get(event.wd, ())):
                if event.mask & _GONE:
                    folders.add(path)
                    self._leave_folder(path, event.wd)
                else:
                    (folders if event.mask & flags.ISDIR else entries).add(os.path.join(path, event.name))
        return Changes(frozenset(files), frozenset(entries), frozenset(folders), missed)

    async def told(self, seconds: float) -> bool:
        loop = asyncio.get_running_loop()
        told = asyncio.Event()
        loop.add_reader(self._folders.fileno(), told.set)
        try:
            async with asyncio.timeout(seconds):
                await told.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._folders.fileno())
        return True

    def close(self) -> None:
        self._folders.close()
        self._files.close()

    def _add(self, queue: INotify, path: str, mask: int) -> int | None:
        try:
            return int(queue.add_watch(path, mask))
        except OSError as error:
            if error.errno == errno.ENOSPC and not self._refused:
                self._refused = True
                log.warning(
                    "Some files are looked at more slowly: the system watches no more for this user. "
                    "More by: sysctl fs.inotify.max_user_watches"
                )
            return None

    def _leave_folder(self, path: str, number: int) -> None:
        del self._folder_numbers[path]
        paths = self._folder_paths[number]
        paths.remove(path)
        if not paths:
            del self._folder_paths[number]
            with suppress(OSError):
                self._folders.rm_watch(number)
