"""One spelling for a path, whoever saw it from wherever. Text alone decides: no file system is asked."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from schemas.fim.patterns import ALIASES, Glob, glob

DELETED: Final = " (deleted)"  # the kernel's suffix for a name that is gone
_OWN_ROOTS: Final = re.compile(r"(?:/proc/(?:self|thread-self)(?:/task/[^/]+)?/root)*")
_LINKS: Final = ("root", "cwd")  # of a process, to folders that the kernel alone knows

Root: TypeAlias = Sequence[str | Glob]
Roots: TypeAlias = Mapping[str, Sequence[Root]]  # by the first part


class Normal(msgspec.Struct, frozen=True, gc=False):
    """Parts of a path from the root on; `via` has those of the folders under which it was seen, if they show a root."""

    parts: tuple[str, ...]
    via: tuple[str, ...] = ()
    deleted: bool = False

    @property
    def path(self) -> str:
        return spelled(self.parts)


def leads_out(via: str) -> bool:
    """To another root than the process's own, as /proc/self/root is."""
    return _OWN_ROOTS.fullmatch(via) is None


def spelled(parts: Sequence[str]) -> str:
    return "/" + "/".join(parts)


def index_roots(roots: Iterable[Sequence[str]]) -> Roots:
    """The longest first, so that /host/root is not /host with a folder root in it."""
    found: dict[str, list[Root]] = {}
    for parts in sorted(roots, key=len, reverse=True):
        found.setdefault(parts[0], []).append([glob(part) if "*" in part else part for part in parts])
    return found


def behind_unknown(parts: Sequence[str]) -> Sequence[str]:
    """What lies below another process's working directory, or below a descriptor: nobody but the kernel knows where."""
    start = 1 if parts[:2] == ("dev", "fd") else 4 if parts[2:3] == ("task",) else 2
    if parts[:1] != ("proc",) and start != 1:
        return ()
    if parts[start : start + 1] == ("cwd",):
        return parts[start + 1 :]
    return parts[start + 2 :] if parts[start : start + 1] == ("fd",) else ()


def normalise(path: str, roots: Roots) -> Normal:
    """A path without a slash at its beginning counts from the root: where it began is not known."""
    parts = path.removeprefix("/").split("/")
    if "" in parts or "." in parts or ".." in parts:
        parts = _resolved(parts)
    deleted = bool(parts) and parts[-1].endswith(DELETED)
    if deleted:
        parts = _without_suffix(parts)
    start = _start(parts, roots)
    return Normal(tuple(parts[start:]), tuple(parts[:start]), deleted)


def _resolved(parts: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part == "..":
            _climb(kept)
        elif part not in {"", "."}:
            kept.append(part)
    return kept


def _climb(kept: list[str]) -> None:
    """To the folder above; of a link that every kernel or distribution has, above where it leads to.

    Above a root is that root. What is above a working directory or a descriptor is no better known than that is.
    """
    length = 2 if kept[-2:-1] == ["fd"] else 1
    before = kept[-length - 4 : -length]
    of_process = before[-2:-1] == ["proc"] or (before[:1] == ["proc"] and before[2:3] == ["task"])
    if (of_process and (length == 2 or kept[-1] in _LINKS)) or (length == 2 and before == ["dev"]):
        return
    instead = ALIASES.get(tuple(kept)) if len(kept) == 2 else None
    if instead is not None:
        kept[:] = instead
    del kept[-1:]


def _without_suffix(parts: Sequence[str]) -> list[str]:
    kept = list(parts)
    while kept and kept[-1].endswith(DELETED):
        # What is left may be a name like any other, or nothing, a dot or two.
        last = kept.pop()
        end = len(last)
        while last.endswith(DELETED, 0, end):
            end -= len(DELETED)
        if last[:end] == "..":
            del kept[-1:]
        elif last[:end] not in {"", "."}:
            kept.append(last[:end])
    return kept


def _start(parts: list[str], roots: Roots) -> int:
    """How many parts lead to the innermost root. An alias on the way is replaced."""
    start = 0
    while start < len(parts):
        first = parts[start]
        if first == "var" and (instead := ALIASES.get((first, *parts[start + 1 : start + 2]))) is not None:
            parts[start : start + 2] = instead
            first = parts[start]
        length = _root(parts, start, roots[first]) if first in roots else 0
        if not length:
            break
        start += length
    return start


def _root(parts: Sequence[str], start: int, candidates: Sequence[Root]) -> int:
    """How many parts of the path are a root's; 0 if none is there."""
    for root in candidates:
        if len(root) <= len(parts) - start and _shows(root, parts, start):
            return len(root)
    return 0


def _shows(root: Root, parts: Sequence[str], start: int) -> bool:
    for place in range(len(root) - 1, -1, -1):  # the last tells most
        wanted, part = root[place], parts[start + place]
        if not (wanted == part if isinstance(wanted, str) else wanted(part)):
            return False
    return True
