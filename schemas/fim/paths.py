"""One spelling for a path, whoever saw it from wherever. Text alone decides: no file system is asked."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from schemas.fim.patterns import Glob, glob, without_alias

DELETED: Final = " (deleted)"  # the kernel's suffix for a name that is gone

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


def spelled(parts: Sequence[str]) -> str:
    return "/" + "/".join(parts)


def index_roots(roots: Iterable[Sequence[str]]) -> Roots:
    """The longest first, so that /host/root is not /host with a folder root in it."""
    found: dict[str, list[Root]] = {}
    for parts in sorted(roots, key=len, reverse=True):
        found.setdefault(parts[0], []).append([glob(part) if "*" in part else part for part in parts])
    return found


def normalise(path: str, roots: Roots) -> Normal:
    """A path without a slash at its beginning counts from the root: where it began is not known."""
    parts: Sequence[str] = path.removeprefix("/").split("/")
    if "" in parts or "." in parts or ".." in parts:
        parts = _resolved(parts)
    deleted = bool(parts) and parts[-1].endswith(DELETED)
    if deleted:
        parts = _without_suffix(parts)
    parts, via = _rooted(parts, roots)
    return Normal(tuple(parts), via, deleted)


def _resolved(parts: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part not in {"", "."}:
            kept.append(part)
    return kept


def _without_suffix(parts: Sequence[str]) -> list[str]:
    kept = list(parts)
    while kept and kept[-1].endswith(DELETED):
        # What is left may be a name like any other, or nothing, a dot or two.
        last = kept.pop().removesuffix(DELETED)
        if last == "..":
            del kept[-1:]
        elif last not in {"", "."}:
            kept.append(last)
    return kept


def _rooted(parts: Sequence[str], roots: Roots) -> tuple[Sequence[str], tuple[str, ...]]:
    via: tuple[str, ...] = ()
    while parts:
        if parts[0] == "var":
            parts = without_alias(parts)
        length = _root(parts, roots[parts[0]]) if parts[0] in roots else 0
        if not length:
            break
        via += tuple(parts[:length])
        parts = parts[length:]
    return parts, via


def _root(parts: Sequence[str], candidates: Sequence[Root]) -> int:
    """How many parts of the path are a root's; 0 if it lies under none."""
    for root in candidates:
        if len(root) <= len(parts) and _shows(root, parts):
            return len(root)
    return 0


def _shows(root: Root, parts: Sequence[str]) -> bool:
    for place in range(len(root) - 1, -1, -1):  # the last tells most
        wanted = root[place]
        if not (wanted == parts[place] if isinstance(wanted, str) else wanted(parts[place])):
            return False
    return True
