"""Hooks about files."""

from collections.abc import Sequence
from typing import Any, Final

from schemas.operation.args import PathArgument, TruncatedArgument
from schemas.operation.given import Given, Reader, dentry_path, hooks, kernel_path, user_path
from schemas.operation.shape import O_CREAT, FileKind, Operation

_MAY_EXEC: Final = 1
_MAY_WRITE: Final = 2
_MAY_READ: Final = 4
_MAY_APPEND: Final = 8
_PROT_WRITE: Final = 2
_PROT_EXEC: Final = 4
_MAP_SHARED: Final = 1
_UNCHANGED: Final = (-1, 2**32 - 1)  # an id that chown leaves as it is
_READING_MODULE: Final = 2
_TYPE: Final = 0o170000
_DEVICES: Final = {0o020000: "character", 0o060000: "block"}
_AT_REMOVEDIR: Final = 0x200
# What takes a path as the process wrote it. A text that another hook tells is something else: a name that was resolved.
_OF_TEXTS: Final = ("sys_", "do_", "openat", "open", "path_umount")


def where(given: Given) -> dict[str, Any]:
    """The one file that a hook is about: by the kernel's own path, else by the text that the process passed."""
    if given.paths:
        paths = given.paths[:2]
        return {
            "path": kernel_path(paths[0]) if len(paths) == 1 else _entry(given),
            "permission": paths[-1].permission,
            "truncated": _cut(paths),
        }
    if given.texts and given.hook.startswith(_OF_TEXTS):
        descriptor = given.numbers[given.before - 1] if given.before else None
        path, relative = user_path(given.texts[0], descriptor, given.cwd)
        return {"path": path, "relative": relative}
    return {}


def _cut(paths: Sequence[PathArgument]) -> bool:
    """Of several, one without a path is one that could not be read."""
    return any("unresolvedPathComponents" in path.flags or (not path.path and len(paths) > 1) for path in paths)


def _entry(given: Given) -> str:
    """The kernel tells the directory and the entry in it."""
    return dentry_path(given.paths[0], given.paths[1])


def simple(kind: FileKind) -> Reader:
    def read(given: Given) -> tuple[Operation, ...]:
        return (given.operation(kind, **where(given)),)

    return read


def masked(given: Given) -> tuple[Operation, ...]:
    mask = given.after("mask", 0)
    kind: FileKind = "access"
    if mask is not None:
        if mask & (_MAY_WRITE | _MAY_APPEND):
            kind = "write"
        elif mask & _MAY_READ:
            kind = "read"
        elif mask & _MAY_EXEC:
            kind = "execute"
    return (given.operation(kind, flags=mask, **where(given)),)


def mapped(given: Given) -> tuple[Operation, ...]:
    """A private mapping is read, whatever it is written with: the file stays as it is."""
    protection = given.after("prot", 0) or 0
    shared = (given.after("flags", 1) or 0) & _MAP_SHARED
    about = where(given)
    found: list[Operation] = []
    if protection & _PROT_EXEC:
        found.append(given.operation("mmap_exec", flags=protection, **about))
    if protection & _PROT_WRITE and shared:
        found.append(given.operation("write", flags=protection, **about))
    return tuple(found) or (given.operation("read", flags=protection, **about),)


def opened(given: Given) -> tuple[Operation, ...]:
    flags = given.after("flags", 0)
    kind: FileKind = "create" if flags is not None and flags & O_CREAT else "open"
    mode = given.after("mode", 1) if kind == "create" else None
    return (given.operation(kind, flags=flags, mode=mode, **where(given)),)


def unlinked(given: Given) -> tuple[Operation, ...]:
    kind: FileKind = "rmdir" if (given.after("flags", 0) or 0) & _AT_REMOVEDIR else "unlink"
    return (given.operation(kind, **where(given)),)


def transferred(kind: FileKind) -> Reader:
    def read(given: Given) -> tuple[Operation, ...]:
        size = given.numbers[-1] if len(given.numbers) > given.before else None
        if size is None:
            bytes_of: TruncatedArgument | None = given.first("truncated_bytes_arg")
            size = bytes_of.orig_size if bytes_of is not None else None
        return (given.operation(kind, size=size, **where(given)),)

    return read


def truncated(given: Given) -> tuple[Operation, ...]:
    return (given.operation("truncate", size=given.after("length", 0), **where(given)),)


def with_mode(kind: FileKind) -> Reader:
    def read(given: Given) -> tuple[Operation, ...]:
        mode = given.after("mode", 0)
        return (given.operation(kind, mode=mode & 0o7777 if mode is not None else None, **where(given)),)

    return read


def made(given: Given) -> tuple[Operation, ...]:
    """A file, a pipe, a socket, or a device: that has a number, which this end of the kernel tells as programs do."""
    mode = given.after("mode", 0)
    if mode is None:
        return (given.operation("create", **where(given)),)
    name = _DEVICES.get(mode & _TYPE, "")
    device = given.after("dev", 1) if name else None
    if device is not None:
        name = f"{name} {device >> 8 & 0xFFF}:{device & 0xFF | device >> 12 & 0xFFF00}"
    return (given.operation("create", mode=mode & 0o7777, name=name, **where(given)),)


def owned(given: Given) -> tuple[Operation, ...]:
    user, group = given.after("uid", 0), given.after("gid", 1)
    return (
        given.operation(
            "chown",
            user=None if user in _UNCHANGED else user,
            group=None if group in _UNCHANGED else group,
            **where(given),
        ),
    )


def with_attribute(kind: FileKind) -> Reader:
    """The name of an attribute is a text, behind the path's where that is one too."""

    def read(given: Given) -> tuple[Operation, ...]:
        if given.paths:
            name = given.texts[0] if given.texts else ""
            return (given.operation(kind, name=name, **where(given)),)
        if given.texts and (
            len(given.texts) == 1 or given.hook.startswith("sys_f")
        ):  # of a hook on the attribute's name alone, or on a descriptor
            return (given.operation(kind, name=given.texts[0]),)
        name = given.texts[1] if given.texts else ""
        return (given.operation(kind, name=name, **where(given)),)

    return read


def paired(kind: FileKind) -> Reader:
    """Two names of one file, with or without the directories they are in."""

    def read(given: Given) -> tuple[Operation, ...]:
        paths = given.paths
        if len(paths) >= 4:
            first, second = dentry_path(paths[0], paths[1]), dentry_path(paths[2], paths[3])
        elif len(paths) == 3:  # link: the file, and where its new name goes
            first, second = kernel_path(paths[0]), dentry_path(paths[1], paths[2])
        elif paths:
            first, second = kernel_path(paths[0]), kernel_path(paths[1]) if len(paths) == 2 else ""
        else:
            return (given.operation(kind, **texts_of(given)),)
        return (given.operation(kind, path=first, target=second, truncated=_cut(paths)),)

    return read


def texts_of(given: Given) -> dict[str, Any]:
    """Two names as the process wrote them, each perhaps with a descriptor before it."""
    if not given.texts:
        return {}
    numbers = given.numbers
    first, relative = user_path(given.texts[0], numbers[0] if given.before else None, given.cwd)
    if len(given.texts) == 1:
        return {"path": first, "relative": relative}
    second, second_relative = user_path(given.texts[1], numbers[given.before] if given.between else None, given.cwd)
    absolute = "" if relative == second_relative else "target" if relative else "path"
    return {"path": first, "target": second, "relative": relative or second_relative, "absolute": absolute}


def symlinked(given: Given) -> tuple[Operation, ...]:
    """What a symlink points to is a text that need be no path; the link comes behind it."""
    if given.paths:
        link = kernel_path(given.paths[0]) if len(given.paths) == 1 else _entry(given)
        return (given.operation("symlink", path=given.texts[0] if given.texts else "", target=link),)
    if len(given.texts) < 2:
        return (given.operation("symlink", path=given.texts[0] if given.texts else ""),)
    descriptor = given.numbers[0] if given.numbers else None
    link, relative = user_path(given.texts[1], descriptor, given.cwd)
    absolute = "path" if relative else ""  # it counts from the link
    return (given.operation("symlink", path=given.texts[0], target=link, relative=relative, absolute=absolute),)


def kernel_read(given: Given) -> tuple[Operation, ...]:
    """The kernel reads files for itself: firmware, modules, certificates."""
    if given.after("id", 0) == _READING_MODULE:
        return (given.operation("module_load", **where(given)),)
    return (given.operation("read", **where(given)),)


# LSM's hooks are kprobes too, by the name of the function that calls them: `security_` is left out of both.
FILE_HOOKS: Final[dict[str, Reader]] = {
    **hooks(masked, "file_permission inode_permission"),
    **hooks(mapped, "mmap_file vm_mmap_pgoff"),
    **hooks(simple("open"), "file_open file_post_open fd_install vfs_open do_dentry_open sys_open_by_handle_at"),
    **hooks(opened, "sys_open sys_openat sys_openat2 do_sys_open do_sys_openat2 do_filp_open"),
    **hooks(with_mode("create"), "sys_creat inode_create inode_mknod vfs_create"),
    **hooks(made, "path_mknod sys_mknod sys_mknodat"),
    **hooks(with_mode("mkdir"), "path_mkdir inode_mkdir vfs_mkdir do_mkdirat sys_mkdir sys_mkdirat"),
    **hooks(transferred("read"), "sys_read sys_pread64 sys_readv sys_preadv ksys_read vfs_read vfs_readv"),
    **hooks(transferred("read"), "sys_preadv2 vfs_iter_read tty_read"),
    **hooks(transferred("splice"), "do_splice sys_splice"),
    **hooks(transferred("write"), "sys_write sys_pwrite64 sys_writev sys_pwritev ksys_write vfs_write vfs_writev"),
    **hooks(transferred("write"), "sys_pwritev2 vfs_iter_write tty_write"),
    **hooks(truncated, "path_truncate file_truncate do_truncate vfs_truncate sys_truncate sys_ftruncate"),
    **hooks(simple("close"), "sys_close filp_close"),
    **hooks(simple("unlink"), "path_unlink inode_unlink vfs_unlink do_unlinkat sys_unlink"),
    **hooks(unlinked, "sys_unlinkat"),
    **hooks(simple("rmdir"), "path_rmdir inode_rmdir vfs_rmdir do_rmdir sys_rmdir"),
    **hooks(paired("rename"), "path_rename inode_rename do_renameat2 sys_rename sys_renameat sys_renameat2"),
    **hooks(paired("link"), "path_link inode_link vfs_link do_linkat sys_link sys_linkat"),
    **hooks(symlinked, "path_symlink inode_symlink vfs_symlink do_symlinkat sys_symlink sys_symlinkat"),
    **hooks(with_mode("chmod"), "path_chmod chmod_common sys_chmod sys_fchmod sys_fchmodat sys_fchmodat2"),
    **hooks(owned, "path_chown chown_common sys_chown sys_fchown sys_lchown sys_fchownat"),
    **hooks(simple("setattr"), "inode_setattr notify_change"),
    **hooks(with_attribute("setxattr"), "inode_setxattr inode_copy_up_xattr vfs_setxattr sys_setxattr sys_lsetxattr"),
    **hooks(with_attribute("setxattr"), "sys_fsetxattr sys_setxattrat"),
    **hooks(with_attribute("removexattr"), "inode_removexattr vfs_removexattr sys_removexattr sys_lremovexattr"),
    **hooks(with_attribute("removexattr"), "sys_fremovexattr sys_removexattrat"),
    **hooks(simple("utimes"), "sys_utime sys_utimes sys_futimesat sys_utimensat vfs_utimes"),
    **hooks(simple("access"), "sys_access sys_faccessat sys_faccessat2 sys_stat sys_lstat sys_newstat sys_newlstat"),
    **hooks(simple("access"), "sys_newfstatat sys_statx inode_getattr inode_follow_link inode_readlink"),
    **hooks(simple("access"), "sys_readlink sys_readlinkat sys_getdents64"),
    **hooks(simple("execute"), "bprm_check bprm_check_security bprm_creds_from_file bprm_creds_for_exec"),
    **hooks(simple("execute"), "sys_execve sys_execveat sched_process_exec"),
    **hooks(simple("chdir"), "sys_chdir sys_fchdir"),
    **hooks(simple("chroot"), "path_chroot sys_chroot"),
    **hooks(kernel_read, "kernel_read_file kernel_post_read_file"),
}
