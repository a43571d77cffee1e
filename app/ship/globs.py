"""Paths and globs as a user names them, and which folders may bring what they name."""

import glob
import os
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Final


class Named:
    """One absolute path or glob."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.folder, self._file = os.path.split(path)
        self.magic: Final = glob.has_magic(path)
        self._folders = self._folder_patterns()

    def is_glob(self) -> bool:
        """A file may be called as a glob is written."""
        return self.magic and not os.path.lexists(self.path)

    def folders(self) -> list[str]:
        """Those in which something may come that is named: that is there, or leads there. Some may be files."""
        found = []
        for pattern in self._folders:
            found += glob.glob(pattern, recursive=True) if glob.has_magic(pattern) else [pattern]
        return found

    def may_name(self, path: str) -> bool:
        """Of an entry of one of the folders. True too often, never too seldom."""
        return self.magic and self._leads_to(path) and fnmatch(os.path.basename(path), self._file)

    def may_lead(self, folder: str) -> bool:
        """Of a folder that came or went, whether that changes what is named. True too often, never too seldom."""
        return folder == self.folder or (glob.has_magic(self.folder) and self._leads_to(folder))

    def _leads_to(self, path: str) -> bool:
        return path.startswith(self._folders[0].rstrip("/") + "/")

    def _folder_patterns(self) -> list[str]:
        """The first has no magic."""
        root, *parts = PurePosixPath(self.folder).parts
        patterns = [root]
        for part in parts:
            longer = os.path.join(patterns[-1], part)
            if glob.has_magic(longer):
                patterns.append(longer)
            else:
                patterns = [longer]
        return patterns
