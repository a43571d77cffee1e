"""Hooks of files: the function, its arguments, the operation."""

from typing import Any, Final

from tests.schemas.operation.told import FILE, PLAIN

ETC = '{"path_arg":{"path":"/etc"}}'
NEW = '{"path_arg":{"path":"/new"}}'

FILES: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("security_file_permission", FILE + ',{"int_arg":4}', {"kind": "read", "flags": 4, **PLAIN}),
    ("security_file_permission", FILE + ',{"int_arg":10}', {"kind": "write", "flags": 10, **PLAIN}),
    ("security_file_permission", FILE + ',{"int_arg":1}', {"kind": "execute", "flags": 1, **PLAIN}),
    ("security_file_permission", FILE, {"kind": "access", **PLAIN}),
    ("security_file_open", FILE, {"kind": "open", **PLAIN}),
    ("fd_install", '{"int_arg":5},' + FILE, {"kind": "open", **PLAIN}),
    ("security_mmap_file", FILE + ',{"uint_arg":1},{"uint_arg":2}', {"kind": "read", "flags": 1, **PLAIN}),
    ("security_mmap_file", FILE + ',{"uint_arg":5},{"uint_arg":2}', {"kind": "mmap_exec", "flags": 5, **PLAIN}),
    ("security_mmap_file", FILE + ',{"uint_arg":3},{"uint_arg":1}', {"kind": "write", "flags": 3, **PLAIN}),
    ("security_mmap_file", FILE + ',{"uint_arg":3},{"uint_arg":2}', {"kind": "read", "flags": 3, **PLAIN}),
    ("do_splice", FILE + ',{"size_arg":"1"}', {"kind": "splice", "size": 1, **PLAIN}),
    ("__x64_sys_splice", FILE + ',{"size_arg":"1"}', {"kind": "splice", "size": 1, **PLAIN}),
    (
        "__x64_sys_mknod",
        '{"string_arg":"/d"},{"int_arg":25008},{"uint_arg":2049}',
        {"kind": "create", "path": "/d", "mode": 0o660, "name": "block 8:1"},
    ),
    (
        "__x64_sys_mknodat",
        '{"int_arg":-100},{"string_arg":"/d"},{"int_arg":8624,"label":"mode"},{"uint_arg":1048576,"label":"dev"}',
        {"kind": "create", "path": "/d", "mode": 0o660, "name": "character 0:256"},
    ),
    (
        "__x64_sys_mknodat",
        '{"int_arg":-100},{"string_arg":"/d"},{"int_arg":4516},{"uint_arg":0}',
        {"kind": "create", "path": "/d", "mode": 0o644},
    ),
    (
        "security_path_mknod",
        ETC + "," + NEW + ',{"uint_arg":25008}',
        {"kind": "create", "path": "/etc/new", "mode": 0o660, "name": "block"},
    ),
    ("security_path_truncate", ETC, {"kind": "truncate", "path": "/etc"}),
    (
        "__x64_sys_openat",
        '{"int_arg":-100},{"string_arg":"a/b"},{"int_arg":577},{"int_arg":420}',
        {"kind": "create", "path": "/home/user/a/b", "relative": True, "flags": 577, "mode": 420},
    ),
    (
        "__arm64_sys_openat",
        '{"int_arg":7},{"string_arg":"b"},{"int_arg":1}',
        {"kind": "open", "path": "b", "relative": True, "flags": 1},
    ),
    ("__x64_sys_openat", '{"string_arg":"/b"},{"int_arg":0}', {"kind": "open", "path": "/b", "flags": 0}),
    (
        "__x64_sys_openat",
        '{"int_arg":2,"label":"flags"},{"string_arg":"/b"}',
        {"kind": "open", "path": "/b", "flags": 2},
    ),
    ("do_sys_open", '{"string_arg":"./b"}', {"kind": "open", "path": "/home/user/b", "relative": True}),
    (
        "__x64_sys_write",
        FILE + ',{"bytes_arg":"YQ=="},{"size_arg":"1"}',
        {"kind": "write", "size": 1, **PLAIN},
    ),
    ("__x64_sys_write", '{"int_arg":3},{"bytes_arg":"YQ=="},{"size_arg":"1"}', {"kind": "write", "size": 1}),
    ("vfs_read", FILE + ',{"size_arg":4096}', {"kind": "read", "size": 4096, **PLAIN}),
    ("security_path_unlink", ETC + ',{"path_arg":{"path":"/x"}}', {"kind": "unlink", "path": "/etc/x"}),
    ("security_inode_unlink", '{"path_arg":{"path":"/etc/x"}}', {"kind": "unlink", "path": "/etc/x"}),
    ("__x64_sys_unlinkat", '{"int_arg":-100},{"string_arg":"/x"},{"int_arg":0}', {"kind": "unlink", "path": "/x"}),
    ("__x64_sys_unlinkat", '{"int_arg":-100},{"string_arg":"/x"},{"int_arg":512}', {"kind": "rmdir", "path": "/x"}),
    ("security_path_rmdir", ETC, {"kind": "rmdir", "path": "/etc"}),
    (
        "security_path_mkdir",
        '{"path_arg":{"path":"/d"}},{"uint_arg":493}',
        {"kind": "mkdir", "path": "/d", "mode": 493},
    ),
    ("security_inode_create", ETC + ',{"uint_arg":33188}', {"kind": "create", "path": "/etc", "mode": 0o644}),
    ("security_path_rename", ETC + "," + NEW, {"kind": "rename", "path": "/etc", "target": "/new"}),
    (
        "security_path_rename",
        ETC + ',{"path_arg":{"path":"/a"}},' + NEW + ',{"path_arg":{"path":"/b"}}',
        {"kind": "rename", "path": "/etc/a", "target": "/new/b"},
    ),
    (
        "__x64_sys_renameat2",
        '{"int_arg":-100},{"string_arg":"a"},{"int_arg":5},{"string_arg":"b"},{"uint_arg":0}',
        {"kind": "rename", "path": "/home/user/a", "target": "b", "relative": True},
    ),
    (
        "__x64_sys_renameat2",
        '{"string_arg":"a"},{"string_arg":"/b"},{"uint_arg":1}',
        {"kind": "rename", "path": "/home/user/a", "target": "/b", "relative": True, "absolute": "target"},
    ),
    (
        "__x64_sys_renameat2",  # without the descriptors, the number is no descriptor of the second name
        '{"string_arg":"a"},{"string_arg":"b"},{"uint_arg":1}',
        {"kind": "rename", "path": "/home/user/a", "target": "/home/user/b", "relative": True},
    ),
    (
        "security_path_link",
        '{"path_arg":{"path":"/etc/shadow"}},' + NEW + ',{"path_arg":{"path":"/s"}}',
        {"kind": "link", "path": "/etc/shadow", "target": "/new/s"},
    ),
    (
        "__x64_sys_linkat",
        '{"int_arg":-100},{"string_arg":"/etc/passwd"},{"int_arg":-100},{"string_arg":"p"},{"int_arg":0}',
        {"kind": "link", "path": "/etc/passwd", "target": "/home/user/p", "relative": True, "absolute": "path"},
    ),
    (
        "__x64_sys_symlinkat",
        '{"string_arg":"../etc"},{"int_arg":-100},{"string_arg":"/l"}',
        {"kind": "symlink", "path": "../etc", "target": "/l"},
    ),
    ("security_path_chmod", ETC + ',{"uint_arg":2541}', {"kind": "chmod", "path": "/etc", "mode": 0o4755}),
    (
        "__x64_sys_fchmodat",
        '{"int_arg":-100},{"string_arg":"/a"},{"uint_arg":511}',
        {"kind": "chmod", "path": "/a", "mode": 0o777},
    ),
    (
        "security_path_chown",
        ETC + ',{"uint_arg":0},{"uint_arg":4294967295}',
        {"kind": "chown", "path": "/etc", "user": 0},
    ),
    (
        "security_inode_setxattr",
        ETC + ',{"string_arg":"security.capability"}',
        {"kind": "setxattr", "path": "/etc", "name": "security.capability"},
    ),
    (
        "__x64_sys_setxattr",
        '{"string_arg":"/a"},{"string_arg":"user.b"}',
        {"kind": "setxattr", "path": "/a", "name": "user.b"},
    ),
    ("security_inode_copy_up_xattr", '{"string_arg":"user.b"}', {"kind": "setxattr", "name": "user.b"}),
    ("security_inode_follow_link", ETC, {"kind": "access", "path": "/etc"}),
    ("security_bprm_check", '{"linux_binprm_arg":{"path":"/bin/a"}}', {"kind": "execute", "path": "/bin/a"}),
    ("security_bprm_check", '{"string_arg":"sshd"}', {"kind": "execute"}),  # a name that the policy had resolved
    ("security_nobody_knows", FILE, {"kind": "access", **PLAIN}),
]
