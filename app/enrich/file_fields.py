"""ECS's `file.*` of an operation."""

from typing import Any, Final

from schemas.operation import Operation

Fields = dict[str, Any]

_DELETED: Final = " (deleted)"  # the kernel's, behind the path of a file that has no name any more
_UNRESOLVED: Final = "/"  # told of what lies in no file system: a pipe, a socket
_TYPES: Final = {"-": "file", "d": "dir", "l": "symlink", "b": "block", "c": "char", "p": "fifo", "s": "socket"}
_NAMING: Final = ("rename", "link", "symlink")
_SPECIAL: Final = ((3, "sS", 0o4000), (6, "sS", 0o2000), (9, "tT", 0o1000))


def file_fields(operation: Operation) -> Fields:
    """Nothing for a path that is known only below a directory that is not."""
    kind = operation.kind
    path = operation.path
    fields: Fields = {}
    if kind in _NAMING and operation.target:
        path = operation.target
        if kind == "rename":
            fields["Ext"] = {"original": _original(operation.path)} if operation.path else {}
        elif operation.path:
            fields["target_path"] = operation.path
    permission = operation.permission
    if not path or (operation.relative and not path.startswith("/")):
        return {}
    if path == _UNRESOLVED and permission and permission[0] != "d":
        return {}
    fields.update(_names(path))
    if permission and permission[0] in _TYPES:
        fields["type"] = _TYPES[permission[0]]
    elif kind == "symlink":
        fields["type"] = "symlink"
    elif kind in ("mkdir", "rmdir"):
        fields["type"] = "dir"
    mode = operation.mode if operation.mode is not None else mode_of(permission)
    if mode is not None:
        fields["mode"] = f"{mode & 0o7777:04o}"
    if operation.user is not None:
        fields["uid"] = str(operation.user)
    if operation.group is not None:
        fields["gid"] = str(operation.group)
    return fields


def _names(path: str) -> Fields:
    directory, _, name = path.removesuffix(_DELETED).rpartition("/")
    fields: Fields = {"path": path}
    if name:
        fields["name"] = name
        stem, dot, extension = name.rpartition(".")
        if stem and dot and extension:
            fields["extension"] = extension
    if path[0] == "/":
        fields["directory"] = directory or "/"
    return fields


def _original(path: str) -> Fields:
    fields = _names(path)
    fields.pop("directory", None)
    return fields


def mode_of(permission: str) -> int | None:
    """Of nine letters behind the type, as ls has them; None of anything else."""
    if len(permission) != 10:
        return None
    bits = 0
    for letter in permission[1:]:
        bits = bits << 1 | (letter not in "-ST")
    for place, letters, bit in _SPECIAL:
        if permission[place] in letters:
            bits |= bit
    return bits
