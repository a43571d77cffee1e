"""Steps of an attack, a line of words each, as the events that Tetragon writes of them with deploy/policies loaded.

Who acts is the program that was started last; `run` starts one below the shell, `shell` another shell, `child` one
below the program, `exec` one in its place. Steps that no policy asks for write nothing.
"""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from examples import activities, hooks
from examples.events import Process
from examples.node import Node
from examples.pods import WORKLOADS
from tests.attacks.policies import is_asked_for

PIDS: Final = range(2_000, 30_000)
PRIVILEGED: Final = ("kube-ops", "tools", "shell", "docker.io/library/debian:13", ("/usr/bin/sleep", "infinity"))
POLICY: Final = "tetrastash"


class Scene:
    def __init__(self, start: str) -> None:
        self.node = Node(1, 1, workloads=(*WORKLOADS, PRIVILEGED), pids=PIDS)
        self.node.pods[-1].is_privileged = True
        activities.boot(self.node)
        self.shell = self.actor = self._begin(start)

    def lines(self, steps: Sequence[str]) -> list[bytes]:
        for step in steps:
            verb, *words = shlex.split(step)
            STEPS[verb](self, *words)
        return [line for _, line in self.node.taken()]

    def _begin(self, start: str) -> Process:
        node = self.node
        init = node.services["/usr/sbin/sshd"].parent
        assert init is not None
        if start in ("user", "root"):
            session = node.clone(node.services["/usr/sbin/sshd"], "/usr/sbin/sshd", "-D", "-R")
            shell = node.clone(session, "/bin/bash", "--login", uid=1000, auid=1000, cwd="/home/ubuntu")
            if start == "user":
                return shell
            sudo = node.clone(shell, "/usr/bin/sudo", "-i", uid=0, is_setuid=True)
            return node.clone(sudo, "/bin/bash", cwd="/root")
        if start == "cron":
            child = node.clone(node.services["/usr/sbin/cron"], "/usr/sbin/cron", "-f")
            return node.clone(child, "/bin/sh", "-c", "job")
        if start.startswith("/"):  # a service of the host, and by whose rights
            binary, _, uid = start.partition(" ")
            return node.clone(init, binary, uid=int(uid or 0))
        if start in ("pod", "exec", "web"):
            main = next(main for _, main in node.containers if main.pod and main.pod.workload == "frontend")
        elif start in ("privileged", "privileged-exec"):
            main = node.containers[-1][1]
        else:
            raise ValueError(start)
        if start.endswith("exec"):
            return self.enter(main)
        if start == "web":
            return node.clone(node.fork(main, uid=33), "/bin/sh", "-c", "id")
        return main

    def enter(self, main: Process) -> Process:
        """A shell beside a container's first process."""
        assert main.parent is not None
        runc = self.node.clone(main.parent, "/usr/bin/runc", "exec", "--process", "/tmp/p", "x")
        return self.node.clone(runc, "/bin/sh", pod=main.pod, in_init_tree=False)

    def call(
        self, name: str, *arguments: tuple[int, str, Any], returned: int | None = 0, syscall: bool = False
    ) -> None:
        """Arguments: the place in the kernel's function, the type, the value."""
        actor = self.actor
        compared = {place: value["daddr"] if kind == "sock" else value for place, kind, value in arguments}
        may_all = actor.uid == 0 and (actor.pod is None or actor.pod.is_privileged)
        if not is_asked_for(name, compared, actor.binary, contained=actor.pod is not None, may_all=may_all):
            return
        body: dict[str, Any] = {
            "function_name": f"__x64_{name}" if syscall else name,
            "args": [_argument(kind, value) for _, kind, value in arguments if kind != "nop"],
            "action": hooks.POST,
            "policy_name": POLICY,
        }
        if returned is not None:
            body |= {"return": {"int_arg": returned}, "return_action": hooks.POST}
        self.node.report("process_kprobe", actor, body)

    def amend(self, **more: Any) -> None:
        """The last execution has more members."""
        time, line = self.node._log.pop()
        event = json.loads(line)
        event["process_exec"]["process"] |= more
        self.node._log.append((time, json.dumps(event).encode()))


def _argument(kind: str, value: Any) -> dict[str, Any]:
    if kind in ("file", "path"):
        return {f"{kind}_arg": {"path": value, "permission": "-rw-r--r--"}}
    if kind == "dentry":
        return {"path_arg": {"path": value}}
    if kind == "unix":
        return {"sockaddrun_arg": {"family": "AF_UNIX", "path": value}}
    return {f"{kind}_arg": value}


def _run(scene: Scene, binary: str, *arguments: str) -> None:
    scene.actor = scene.node.clone(scene.shell, binary, *arguments)


def _shell(scene: Scene, binary: str, *arguments: str) -> None:
    scene.shell = scene.actor = scene.node.clone(scene.shell, binary, *arguments)


def _child(scene: Scene, binary: str, *arguments: str) -> None:
    scene.actor = scene.node.clone(scene.actor, binary, *arguments)


def _exec(scene: Scene, binary: str, *arguments: str) -> None:
    scene.actor = scene.node.exec(scene.actor, binary, *arguments)


def _root(scene: Scene, binary: str, *arguments: str) -> None:
    scene.actor = scene.node.clone(scene.actor, binary, *arguments, uid=0)


def _setuid(scene: Scene, binary: str, *arguments: str) -> None:
    scene.actor = scene.node.clone(scene.shell, binary, *arguments, uid=0, is_setuid=True)


def _unlinked(scene: Scene, binary: str, *arguments: str) -> None:
    scene.actor = scene.node.clone(scene.actor, binary, *arguments)
    scene.amend(binary_properties={"file": {"inode": {"number": "9", "links": 0}}})


def _with(scene: Scene, variable: str) -> None:
    name, _, value = variable.partition("=")
    scene.amend(environment_variables=[{"Key": name, "Value": value}])


def _enter(scene: Scene) -> None:
    scene.shell = scene.actor = scene.enter(scene.shell)


def _move(scene: Scene, folder: str) -> None:
    scene.shell.cwd = scene.actor.cwd = folder


def _in(path: str) -> tuple[str, str]:
    """The folder, and the entry as its mount has it."""
    return path.rpartition("/")[0] or "/", path


def _permission(mask: int) -> Callable[..., None]:
    def step(scene: Scene, path: str) -> None:
        scene.call("security_file_permission", (0, "file", path), (1, "int", mask))

    return step


def _entry(hook: str, *more: tuple[int, str, Any]) -> Callable[..., None]:
    def step(scene: Scene, path: str) -> None:
        folder, name = _in(path)
        scene.call(hook, (0, "path", folder), (1, "dentry", name), *more, returned=None)

    return step


def _put(scene: Scene, path: str) -> None:
    STEPS["create"](scene, path)
    STEPS["write"](scene, path)


def _truncate(scene: Scene, path: str) -> None:
    scene.call("security_file_truncate", (0, "file", path), returned=None)
    scene.call("security_path_truncate", (0, "path", path), returned=None)


def _rename(scene: Scene, old: str, new: str) -> None:
    (was, old_name), (becomes, new_name) = _in(old), _in(new)
    ends = ((0, "path", was), (1, "dentry", old_name), (2, "path", becomes), (3, "dentry", new_name))
    scene.call("security_path_rename", *ends, returned=None)


def _link(scene: Scene, old: str, new: str) -> None:
    folder, name = _in(new)
    scene.call("security_path_link", (0, "dentry", old), (1, "path", folder), (2, "dentry", name), returned=None)


def _symlink(scene: Scene, old: str, new: str) -> None:
    folder, name = _in(new)
    scene.call("security_path_symlink", (0, "path", folder), (1, "dentry", name), (2, "string", old), returned=None)


def _chmod(scene: Scene, mode: str, path: str) -> None:
    scene.call("security_path_chmod", (0, "path", path), (1, "uint", int(mode, 8)), returned=None)


def _chown(scene: Scene, uid: str, path: str) -> None:
    scene.call("security_path_chown", (0, "path", path), (1, "uint", int(uid)), (2, "uint", 0), returned=None)


def _setxattr(scene: Scene, path: str, name: str) -> None:
    scene.call("sys_setxattr", (0, "string", path), (1, "string", name), returned=None, syscall=True)


def _map(scene: Scene, path: str) -> None:
    scene.call("security_mmap_file", (0, "file", path), (1, "uint", 5), (2, "uint", 2), returned=None)


def _open(scene: Scene, path: str, flags: str = "0") -> None:
    arguments = ((0, "int", -100), (1, "string", path), (2, "int", int(flags)))
    scene.call("sys_openat", *arguments, returned=3, syscall=True)
    scene.call("security_file_open", (0, "file", path))


def _mount(scene: Scene, source: str, target: str, kind: str = "", flags: str = "0") -> None:
    arguments = ((0, "string", source), (1, "string", target), (2, "string", kind), (3, "size", int(flags, 0)))
    scene.call("sys_mount", *arguments, syscall=True)


def _chroot(scene: Scene, path: str) -> None:
    scene.call("sys_chroot", (0, "string", path), syscall=True)


def _socket(scene: Scene, host: str, port: str, own_port: int = 40_404) -> dict[str, Any]:
    return {
        "family": "AF_INET",
        "type": "SOCK_STREAM",
        "protocol": "IPPROTO_TCP",
        "saddr": hooks.address(scene.node, scene.actor),
        "sport": own_port,
        "daddr": host,
        "dport": int(port),
        "cookie": 0xFFFF_8880_0000_0000 + scene.node.random.getrandbits(34) * 64,
        "state": "TCP_SYN_SENT",
    }


def _connect(scene: Scene, host: str, port: str) -> None:
    scene.call("tcp_connect", (0, "sock", _socket(scene, host, port)), returned=None)


def _listen(scene: Scene, port: str) -> None:
    scene.call("inet_csk_listen_start", (0, "sock", _socket(scene, "0.0.0.0", "0", int(port))), returned=None)


def _unix(scene: Scene, path: str) -> None:
    scene.call("security_socket_connect", (1, "unix", path))


def _ptrace(scene: Scene, request: str) -> None:
    scene.call("sys_ptrace", (0, "int", int(request, 0)), (1, "int", 4711), syscall=True)


def _module(scene: Scene, name: str, path: str, *tainted: str) -> None:
    if path == "-":
        scene.call("security_kernel_load_data", (0, "int", 2))
    else:
        scene.call("security_kernel_read_file", (0, "file", path), (1, "int", 2))
    about = {"name": name, "tainted": list(tainted), "signature_ok": not tainted}
    scene.call("do_init_module", (0, "module", about), returned=None)


def _bpf(scene: Scene, kind: str) -> None:
    about = {"ProgType": f"BPF_PROG_TYPE_{kind}", "InsnCnt": 99, "ProgName": "x"}
    scene.call("bpf_check", (1, "bpf_attr", about), returned=None)


def _ids(scene: Scene, uid: str) -> None:
    scene.call("__sys_setuid", (0, "int", int(uid)))


def _creds(scene: Scene, uid: str) -> None:
    ids = dict.fromkeys(("uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid"), int(uid))
    scene.call("commit_creds", (0, "process_credentials", ids), returned=None)
    scene.actor.uid = int(uid)


def _setns(scene: Scene, kind: str) -> None:
    scene.call("sys_setns", (0, "int", 3), (1, "int", int(kind, 0)), syscall=True)


def _unshare(scene: Scene, flags: str) -> None:
    scene.call("sys_unshare", (0, "int", int(flags, 0)), syscall=True)
    if int(flags, 0) & 0x10000000:
        scene.call("create_user_ns", (0, "nop", None), returned=None)


STEPS: Final[Mapping[str, Callable[..., None]]] = {
    "run": _run,
    "shell": _shell,
    "child": _child,
    "exec": _exec,
    "root": _root,
    "setuid": _setuid,
    "unlinked": _unlinked,
    "with": _with,
    "enter": _enter,
    "move": _move,
    "read": _permission(4),
    "write": _permission(2),
    "create": _entry("security_path_mknod", (2, "uint", 0o100644)),
    "mkdir": _entry("security_path_mkdir", (2, "uint", 0o755)),
    "unlink": _entry("security_path_unlink"),
    "rmdir": _entry("security_path_rmdir"),
    "put": _put,
    "truncate": _truncate,
    "rename": _rename,
    "link": _link,
    "symlink": _symlink,
    "chmod": _chmod,
    "chown": _chown,
    "setxattr": _setxattr,
    "map": _map,
    "open": _open,
    "mount": _mount,
    "chroot": _chroot,
    "connect": _connect,
    "listen": _listen,
    "unix": _unix,
    "ptrace": _ptrace,
    "module": _module,
    "bpf": _bpf,
    "ids": _ids,
    "creds": _creds,
    "setns": _setns,
    "unshare": _unshare,
}
