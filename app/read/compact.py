"""A document as one line, as `tetra getevents -o compact` shows an event."""

import errno
from collections.abc import Mapping
from typing import Final

from app.read.details import arguments, details
from app.read.escape import shown
from app.read.fields import Document, number, text, texts
from app.read.findings import findings, tag
from app.read.paint import Paint, plain

# By kind of operation: what stands before the verb, and the verb where tetra has another than the documents.
SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    "access": ("📚", ""), "chdir": ("📂", ""), "chmod": ("🔖", ""), "chown": ("🔖", ""), "chroot": ("📂", ""),
    "close": ("📪", ""), "create": ("📝", ""), "execute": ("🚀", ""), "link": ("🔗", ""), "mkdir": ("📁", ""),
    "mmap_exec": ("🧬", "mmap"), "open": ("📬", ""), "read": ("📚", ""), "removexattr": ("🔖", ""),
    "rename": ("🚚", ""), "rmdir": ("🚮", ""), "setattr": ("🔖", ""), "setxattr": ("🔖", ""), "splice": ("📚", ""),
    "symlink": ("🔗", ""),
    "truncate": ("📝", ""), "unlink": ("🚮", ""), "utimes": ("🔖", ""), "write": ("📝", ""),
    "accept": ("🔌", ""), "bind": ("🔌", ""), "connect": ("🔌", ""), "disconnect": ("🧹", "close"),
    "dns": ("📖", ""), "drop": ("⛔", ""), "listen": ("🔌", ""), "receive": ("📥", "recvmsg"),
    "send": ("📤", "sendmsg"), "socket": ("🔌", ""),
    "capable": ("🔑", ""), "credentials": ("🔑", "creds"), "setcap": ("🔑", "capset"), "setgid": ("🔑", ""),
    "setns": ("🔧", ""), "setuid": ("🔑", ""), "unshare": ("🔧", ""),
    "bpf": ("🐝", ""), "module": ("🧩", ""), "module_load": ("🧩", "insmod"), "module_request": ("🧩", "modreq"),
    "module_unload": ("🧩", "rmmod"), "mount": ("💾", ""), "perf_event": ("🐝", "perf"), "pivot_root": ("💾", ""),
    "ptrace": ("🔍", ""), "signal": ("⚡", ""), "syscall": ("☎", ""), "umount": ("💾", ""),
    "vm_write": ("🔍", "vm_writev"),
}  # fmt: skip
# By event, where no operation is known.
_EVENTS: Final = {
    "process_exec": ("🚀", "process"),
    "process_exit": ("💥", "exit"),
    "process_loader": ("🧬", "loader"),
    "process_lsm": ("🔒", "LSM"),
    "process_throttle": ("🧬", "throttle"),
    "process_tracepoint": ("⁉", "tracepoint"),
    "process_uprobe": ("🕵", "uprobe"),
    "process_usdt": ("🕵", "usdt"),
    "rate_limit_info": ("🧬", "dropped"),
}
_OWN_SIGN: Final = ("process_lsm",)  # an operation that a security module was asked about
_MAP: Final = ("🗺", "bpf")


def compact(document: Document, paint: Paint = plain, room: int | None = None) -> str:
    """`room` is how many characters arguments may take; nothing else is ever cut."""
    told = _painted(" ".join(_words(document)), paint, room)
    parts = [_verb(document, paint), _where(document, paint), _binary(document, paint), told, _status(document, paint)]
    return " ".join(part for part in (*parts, *(tag(each, paint) for each in findings(document))) if part)


def _verb(document: Document, paint: Paint) -> str:
    event, kind = text(document, "tetragon.event"), text(document, "tetragon.operation.kind")
    own, verb = _EVENTS.get(event, ("❓", event.removeprefix("process_") or "event"))
    sign = own
    if kind in SIGNS and event != "process_loader":
        sign, verb = SIGNS[kind]
        verb = verb or kind
    if kind == "bpf" and text(document, "tetragon.operation.bpf.map_type"):
        sign, verb = _MAP
    return paint(f"{own if event in _OWN_SIGN else sign} {shown(verb):<7}", "blue")


def _where(document: Document, paint: Paint) -> str:
    namespace, pod = text(document, "kubernetes.namespace"), text(document, "kubernetes.pod.name")
    place = f"{namespace}/{pod}" if namespace and pod else pod or text(document, "host.name")
    return paint(shown(place), "green") if place else ""


def _binary(document: Document, paint: Paint) -> str:
    binary = text(document, "process.executable") or text(document, "process.name")
    return paint(shown(binary), "magenta") if binary else ""


def _words(document: Document) -> list[str]:
    event = text(document, "tetragon.event")
    return arguments(document) if event in ("process_exec", "process_exit") else details(document)


def _painted(words: str, paint: Paint, room: int | None) -> str:
    return paint(words if room is None or len(words) <= room else f"{words[: room - 1]}…", "cyan")


def _status(document: Document, paint: Paint) -> str:
    if text(document, "event.action") == "already_running":
        return paint("[already running]", "dim")
    if text(document, "tetragon.event") == "process_exit":
        ended = text(document, "tetragon.exit.signal") or text(document, "process.exit_code")
        return paint(shown(ended), "red") if ended else ""
    if "denied" in texts(document, "event.type"):
        return paint("denied", "red")
    if text(document, "event.outcome") == "failure":
        returned = number(document, "tetragon.operation.returned")
        return paint(errno.errorcode.get(-returned, str(returned)) if returned is not None else "failed", "red")
    return ""
