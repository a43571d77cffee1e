"""What programs do, written down line by line, as the events by which Tetragon tells of it.

A script has blocks, each on a machine of its own:

    = what is going on
    pod IMAGE [ns=NAMESPACE] [privileged] [shared=pid,net] [caps=NET_ADMIN]      or: host
      {uid=33} /usr/sbin/nginx -g "daemon off;"      a program, started by the one that it stands below
        open /proc/1/fd/1                            what it does: a verb of _DEEDS and what that needs
        => /usr/sbin/nginx                           it executes another program in its place
    ? RULE why                                       a medium finding that is wanted, and all that are found
    ! RULE                                           a grave one that is wanted

Of a program, `uid=`, `auid=`, `cwd=` and `setuid` may be said; of one that begins in a pod, `joined` (it came later,
from outside) and `probe`; of a deed `failed`. All that a hook of deploy/policies could tell is told, whatever the paths
to which the policy confines it.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from examples import activities, hooks
from examples.events import Process
from examples.node import Changes, Node
from examples.pods import Pod, pod_of

PIDS: Final = range(2_000, 30_000)

_OPTIONS: Final = re.compile(r"\{([^}]*)\} *")
_CLONES: Final = {"mnt": 0x2_0000, "cgroup": 0x200_0000, "uts": 0x400_0000, "ipc": 0x800_0000, "user": 0x1000_0000,
                  "pid": 0x2000_0000, "net": 0x4000_0000}  # fmt: skip
_OPENING: Final = {"r": 0, "w": 1, "rw": 2, "c": 0o102}
_BIND: Final = 0x1000
_HERE: Final = -100  # AT_FDCWD


class Line(NamedTuple):
    number: int
    depth: int  # how many processes of the script it is below
    text: str


class Block(NamedTuple):
    """`wanted` has by rule of a finding what is said about it, `graves` the rules of which a grave one is wanted."""

    title: str
    where: str
    lines: list[Line]
    wanted: dict[str, str]
    graves: list[str]


def blocks(file: Path) -> list[Block]:
    """Raises ValueError, naming the line."""
    found: list[Block] = []
    for number, written in enumerate(file.read_text().splitlines(), start=1):
        text = written.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("= "):
            found.append(Block(text[2:], "", [], {}, []))
        elif not found:
            raise ValueError(f"{file.name}:{number}: {text!r} stands before the first block; expected `= title`")
        elif text.startswith("? "):
            rule, _, why = text[2:].partition(" ")
            found[-1].wanted[rule] = why
        elif text.startswith("! "):
            found[-1].graves.append(text[2:])
        elif not found[-1].where:
            found[-1] = found[-1]._replace(where=text)
        else:
            depth = (len(written) - len(written.lstrip(" "))) // 2 - 1
            found[-1].lines.append(Line(number, depth, text))
    return found


def told(block: Block) -> tuple[str, list[bytes]]:
    """The node's name and its log."""
    node = Node(1, 1, pids=PIDS)
    activities.boot(node)
    teller = _Teller(node, block.where)
    for line in block.lines:
        try:
            teller.tell(line)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ValueError(f"{block.title}, line {line.number}: {line.text!r} is nothing known: {error!r}") from error
    return node.name, [line for _, line in node.taken()]


class _Teller:
    def __init__(self, node: Node, where: str) -> None:
        kind, *words = where.split()
        self._node = node
        self._pod: Pod | None = None
        journald = node.services["/usr/lib/systemd/systemd-journald"]
        root = journald.parent or journald
        if kind == "pod":
            self._pod = _pod(node, words)
            of_pod = ("-namespace", "k8s.io", "-id", self._pod.container_id)
            root = node.clone(root, "/usr/bin/containerd-shim-runc-v2", *of_pod)
        elif kind != "host":
            raise ValueError(f"{where!r}: expected `host` or `pod IMAGE`")
        self._line: list[Process] = [root]  # by depth; each is the parent of the next

    def tell(self, line: Line) -> None:
        found = _OPTIONS.search(line.text)
        options = found if found is not None and found.start() in (0, len("=> ")) else None
        given = dict(each.partition("=")[::2] for each in options[1].split()) if options else {}
        text = line.text[: options.start()] + line.text[options.end() :] if options else line.text
        del self._line[line.depth + 1 :]
        above = self._line[line.depth]
        if text.startswith(("/", "=> ", "memfd:")):
            self._line.append(self._begun(above, text, given))
            if text.startswith("=> "):
                self._line[line.depth] = self._line[-1]
                del self._line[-1]
            return
        verb, _, rest = text.partition(" ")
        words = shlex.split(rest)
        if verb == "exit":
            self._node.exit(above)
        else:
            self._report(above, _DEEDS[verb](self._node, above, *words), failed="failed" in given)

    def _begun(self, above: Process, text: str, given: Mapping[str, str]) -> Process:
        changes: Changes = {}
        for name in ("uid", "auid"):
            if name in given:
                changes[name] = int(given[name])
        if "cwd" in given:
            changes["cwd"] = given["cwd"]
        if "setuid" in given:
            changes |= {"is_setuid": True, "uid": 0}
        if self._pod is not None and above.pod is None:
            changes |= {"pod": self._pod, "in_init_tree": "joined" not in given, "is_probe": "probe" in given}
        binary, *arguments = shlex.split(text.removeprefix("=> "))
        run = self._node.exec if text.startswith("=> ") else self._node.clone
        return run(above, binary, *arguments, **changes)

    def _report(self, process: Process, hook: "Hook", *, failed: bool) -> None:
        body: dict[str, Any] = {"function_name": hook.function, "args": hook.arguments, "action": hooks.POST}
        body["policy_name"] = f"tetrastash-{hook.policy}"
        if hook.returns or failed:
            body |= {"return": {"int_arg": hooks.EACCES if failed else 0}, "return_action": hooks.POST}
        self._node.report("process_kprobe", process, body)


def _pod(node: Node, words: list[str]) -> Pod:
    image, *options = words
    given = dict(each.partition("=")[::2] for each in options)
    name = image.rpartition("/")[2].partition(":")[0]
    pod = pod_of(node.random, (given.get("ns", "default"), name, name, image, ()), number=20)
    pod.is_privileged = "privileged" in given
    pod.shared = frozenset({"time", "user", *filter(None, given.get("shared", "").split(","))})
    pod.capabilities = tuple(f"CAP_{each}" for each in given.get("caps", "").split(",") if each)
    return pod


class Hook(NamedTuple):
    policy: str
    function: str
    arguments: list[dict[str, Any]]
    returns: bool = False


_Deed = Callable[..., Hook]


def _number(value: int, label: str) -> dict[str, Any]:
    return {"int_arg": value, "label": label}


def _file(path: str, permission: str = "-rw-r--r--") -> dict[str, Any]:
    return {"file_arg": {"path": path, "permission": permission}}


def _entry(path: str, permission: str = "") -> list[dict[str, Any]]:
    """The folder, and what the kernel calls an entry in it."""
    folder, _, name = path.rpartition("/")
    return [
        {"path_arg": {"path": folder or "/", "permission": "drwxr-xr-x"}},
        {"path_arg": {"path": f"/{name}", "permission": permission}},
    ]


def _masked(mask: int) -> _Deed:
    def deed(_node: Node, _process: Process, path: str, permission: str = "-rw-r--r--") -> Hook:
        arguments = [_file(path, permission), _number(mask, "mask")]
        return Hook("file-integrity", "security_file_permission", arguments)

    return deed


def _mapped(_node: Node, _process: Process, path: str) -> Hook:
    """As code, for itself alone: what a loader does with a library."""
    arguments = [_file(path), {"uint_arg": 5, "label": "prot"}, {"uint_arg": 2, "label": "flags"}]
    return Hook("file-integrity", "security_mmap_file", arguments)


def _made(function: str, kind: int, default: str) -> _Deed:
    def deed(_node: Node, _process: Process, path: str, mode: str = default) -> Hook:
        arguments = [*_entry(path), {"uint_arg": kind | int(mode, 8), "label": "mode"}]
        return Hook("file-integrity", function, arguments)

    return deed


def _removed(function: str) -> _Deed:
    return lambda _node, _process, path: Hook("file-integrity", function, _entry(path, "-rw-r--r--"))


def _paired(function: str) -> _Deed:
    def deed(_node: Node, _process: Process, old: str, new: str) -> Hook:
        first = _entry(old, "-rw-r--r--")
        return Hook("file-integrity", function, [*(first if function.endswith("rename") else first[1:]), *_entry(new)])

    return deed


def _symlinked(_node: Node, _process: Process, target: str, path: str) -> Hook:
    return Hook("file-integrity", "security_path_symlink", [*_entry(path), {"string_arg": target}])


def _path_changed(function: str, *labels: str, base: int = 10) -> _Deed:
    def deed(_node: Node, _process: Process, path: str, *values: str) -> Hook:
        permission = values[len(labels)] if len(values) > len(labels) else "-rw-r--r--"
        named = zip(labels, values, strict=False)
        arguments = [{"uint_arg": int(value, base), "label": label} for label, value in named]
        return Hook("file-integrity", function, [{"path_arg": {"path": path, "permission": permission}}, *arguments])

    return deed


def _capable(_node: Node, _process: Process, path: str) -> Hook:
    return Hook("file-integrity", "__x64_sys_setxattr", [{"string_arg": path}, {"string_arg": "security.capability"}])


def _opened_at(_node: Node, _process: Process, path: str, how: str = "r") -> Hook:
    arguments = [_number(_HERE, "dfd"), {"string_arg": path}, _number(_OPENING[how], "flags")]
    return Hook("escape", "__x64_sys_openat", arguments, returns=True)


def _opened(_node: Node, _process: Process, path: str, permission: str = "-r--r--r--") -> Hook:
    return Hook("escape", "security_file_open", [_file(path, permission)], returns=True)


def _mounted(_node: Node, _process: Process, source: str, target: str, kind: str = "", flags: str = "") -> Hook:
    bits = _BIND if kind == "bind" else int(flags or "0", 16)
    texts = [{"string_arg": source}, {"string_arg": target}, {"string_arg": "" if kind == "bind" else kind}]
    return Hook("escape", "__x64_sys_mount", [*texts, {"size_arg": bits, "label": "flags"}], returns=True)


def _moved_mount(_node: Node, _process: Process, source: str, target: str) -> Hook:
    paths = [{"path_arg": {"path": each, "permission": "drwxr-xr-x"}} for each in (source, target)]
    return Hook("escape", "security_move_mount", paths, returns=True)


def _texts(function: str, policy: str = "escape") -> _Deed:
    return lambda _node, _process, *texts: Hook(policy, function, [{"string_arg": each} for each in texts], True)


def _asked(function: str) -> _Deed:
    return lambda _node, _process, *ids: Hook("privilege", function, [{"int_arg": int(each)} for each in ids], True)


def _flags(kinds: str) -> int:
    return sum(_CLONES[each] for each in kinds.split(","))


def _joined(_node: Node, _process: Process, kind: str) -> Hook:
    return Hook("privilege", "__x64_sys_setns", [{"int_arg": 7}, _number(_flags(kind), "nstype")], returns=True)


def _unshared(_node: Node, _process: Process, kinds: str) -> Hook:
    return Hook("privilege", "__x64_sys_unshare", [_number(_flags(kinds), "flags")], returns=True)


def _new_users(_node: Node, _process: Process) -> Hook:
    return Hook("privilege", "create_user_ns", [])


def _module_file(_node: Node, _process: Process, path: str) -> Hook:
    return Hook("kernel", "security_kernel_read_file", [_file(path), _number(2, "id")], returns=True)


def _module(_node: Node, _process: Process, name: str, *tainted: str) -> Hook:
    return Hook("kernel", "do_init_module", [{"module_arg": {"name": name, "tainted": list(tainted)}}])


def _module_asked(_node: Node, _process: Process, name: str) -> Hook:
    return Hook("kernel", "security_kernel_module_request", [{"string_arg": name}])


def _program(_node: Node, _process: Process, kind: str, name: str) -> Hook:
    about = {"ProgType": f"BPF_PROG_TYPE_{kind}", "InsnCnt": 120, "ProgName": name}
    return Hook("kernel", "bpf_check", [{"bpf_attr_arg": about}])


def _traced(_node: Node, process: Process, request: str, pid: str = "") -> Hook:
    numbers = [_number(int(request), "request"), _number(int(pid) if pid else process.pid + 1, "pid")]
    return Hook("kernel", "__x64_sys_ptrace", numbers, returns=True)


def _socket(function: str, policy: str, state: str) -> _Deed:
    def deed(node: Node, process: Process, host: str, port: str) -> Hook:
        away = not state.endswith("LISTEN")
        sock = {
            "family": "AF_INET",
            "type": "SOCK_DGRAM" if policy.endswith("udp") else "SOCK_STREAM",
            "protocol": "IPPROTO_UDP" if policy.endswith("udp") else "IPPROTO_TCP",
            "saddr": hooks.address(node, process) if away else host,
            "daddr": host if away else "0.0.0.0",
            "sport": node.random.randrange(32_768, 61_000) if away else int(port),
            "dport": int(port) if away else 0,
            "cookie": 0xFFFF_8880_0000_0000 + node.random.getrandbits(34) * 64,
            "state": state,
        }
        return Hook(policy, function, [{"sock_arg": sock}])

    return deed


def _unix(_node: Node, _process: Process, path: str) -> Hook:
    address = {"family": "AF_UNIX", "path": path}
    return Hook("network-unix", "unix_stream_connect", [{"sockaddrun_arg": address}], returns=True)


_DEEDS: Final[Mapping[str, _Deed]] = {
    "bpf": _program,
    "chmod": _path_changed("security_path_chmod", "mode", base=8),
    "chown": _path_changed("security_path_chown", "uid", "gid"),
    "chroot": _texts("__x64_sys_chroot"),
    "connect": _socket("tcp_connect", "network", "TCP_SYN_SENT"),
    "create": _made("security_path_mknod", 0o100000, "644"),
    "file-capability": _capable,
    "link": _paired("security_path_link"),
    "listen": _socket("inet_csk_listen_start", "network", "TCP_LISTEN"),
    "map": _mapped,
    "mkdir": _made("security_path_mkdir", 0, "755"),
    "module": _module,
    "module-asked": _module_asked,
    "module-file": _module_file,
    "mount": _mounted,
    "move-mount": _moved_mount,
    "open": _opened,
    "openat": _opened_at,
    "pivot-root": _texts("__x64_sys_pivot_root"),
    "ptrace": _traced,
    "read": _masked(hooks.MAY_READ),
    "rename": _paired("security_path_rename"),
    "rmdir": _removed("security_path_rmdir"),
    "setgid": _asked("__sys_setgid"),
    "setns": _joined,
    "setresgid": _asked("__sys_setresgid"),
    "setresuid": _asked("__sys_setresuid"),
    "setuid": _asked("__sys_setuid"),
    "symlink": _symlinked,
    "truncate": _path_changed("security_path_truncate"),
    "udp": _socket("udp_sendmsg", "network-udp", "TCP_CLOSE"),
    "umount": _texts("__x64_sys_umount"),
    "unix": _unix,
    "unlink": _removed("security_path_unlink"),
    "unshare": _unshared,
    "user-namespace": _new_users,
    "write": _masked(hooks.MAY_WRITE),
}
