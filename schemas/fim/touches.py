"""The files that an operation touches."""

from collections.abc import Iterator
from typing import Final

from schemas.operation import Operation

_TWO_ENDED: Final = frozenset({"rename", "link", "symlink"})
_LAYERED: Final = frozenset({"aufs", "overlay", "overlayfs"})  # file systems made of folders that lie elsewhere
MS_REMOUNT: Final = 0x20
_MS_BIND: Final = 0x1000
_WITHOUT_A_TOUCH: Final = frozenset({"chdir", "chroot", "close", "pivot_root", "umount"})


def touches(operation: Operation) -> Iterator[tuple[str, bool]]:
    """Paths, a new name first, and whether that end is changed. To link to a file is no change of it."""
    if operation.kind in _WITHOUT_A_TOUCH:
        return
    if operation.kind == "connect":
        # Whoever connects to the runtime's socket can do what a writer of its state can, and more.
        if operation.socket is not None and operation.socket.path.startswith("/"):
            yield operation.socket.path, False
        return
    if operation.target and (operation.kind in _TWO_ENDED or covers(operation)):
        yield operation.target, True
    if operation.path:
        yield pointed_to(operation), operation.changes_file and operation.kind not in {"link", "symlink"}


def covers(operation: Operation) -> bool:
    """A mount of one place over another: whoever reads the file that was there reads this one from now on."""
    source, name = operation.path, operation.name
    if operation.kind != "mount" or not source or (operation.flags or 0) & MS_REMOUNT:
        return False
    if name in _LAYERED:
        return True
    if source.startswith("/dev/"):
        return False
    if not source.startswith("/") and not (operation.flags or 0) & _MS_BIND:
        return False  # `proc` and the like are no folders
    return source.rstrip("/") != operation.target.rstrip("/")


def pointed_to(operation: Operation) -> str:
    """What a symbolic link says counts from where the link is."""
    if operation.kind != "symlink" or operation.path.startswith("/"):
        return operation.path
    return f"{operation.target.rpartition('/')[0]}/{operation.path}"
