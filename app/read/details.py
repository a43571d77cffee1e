"""What an event is about, beside its process: words for a line, already safe for a terminal."""

import signal
from collections.abc import Callable
from typing import Final

from app.read.escape import shown
from app.read.fields import Document, number, text, texts

_MOST: Final = 6  # capabilities; root has forty
_IDS: Final = ("real", "effective", "saved", "fs")


def details(document: Document) -> list[str]:
    kind = text(document, "tetragon.operation.kind")
    return _BY_KIND.get(kind, _path)(document) if kind else _without_operation(document)


def arguments(document: Document) -> list[str]:
    return [shown(each) for each in texts(document, "process.args")[1:]]


def _without_operation(document: Document) -> list[str]:
    event = text(document, "tetragon.event")
    if event == "process_throttle":
        step = text(document, "event.action").removeprefix("throttle_")
        return [*([shown(step)] if step else []), *_told(document, f"tetragon.{event}.cgroup")]
    if event == "rate_limit_info":
        return _told(document, "tetragon.rate_limit_info.number_of_dropped_process_events")
    if event in ("process_uprobe", "process_usdt"):
        return _told(document, *(f"tetragon.{event}.{name}" for name in ("path", "provider", "name", "symbol")))
    if event == "process_tracepoint":
        return _told(document, *(f"tetragon.{event}.{name}" for name in ("subsys", "event")))
    return _told(document, "event.action")


def _told(document: Document, *fields: str) -> list[str]:
    return [shown(value) for field in fields if (value := text(document, field))]


def _path(document: Document) -> list[str]:
    path = text(document, "file.path") or text(document, "tetragon.operation.path")
    return [*([shown(path)] if path else []), *_bytes(document)]


def _bytes(document: Document) -> list[str]:
    size = number(document, "tetragon.operation.size")
    return [f"{size} bytes"] if size is not None else []


def _attributes(document: Document) -> list[str]:
    owner = ":".join(texts(document, "file.uid") + texts(document, "file.gid"))
    name = _told(document, "tetragon.operation.name")
    mode = _told(document, "file.mode") if text(document, "tetragon.operation.kind") == "chmod" else []
    return [*_path(document), *name, *mode, *([shown(owner)] if owner else [])]


def _moved(document: Document) -> list[str]:
    old = _told(document, "file.Ext.original.path")
    return _arrow([*old, *_told(document, "file.path")]) or _ends(document)


def _linked(document: Document) -> list[str]:
    return _arrow(_told(document, "file.path", "file.target_path")) or _ends(document)


def _ends(document: Document) -> list[str]:
    return _told(document, "tetragon.operation.path", "tetragon.operation.target", "tetragon.operation.name")


def _arrow(ends: list[str]) -> list[str]:
    return [ends[0], "->", ends[1]] if len(ends) == 2 else ends


def _flow(document: Document) -> list[str]:
    transport = _told(document, "network.transport") or _told(document, "network.type")
    ends = [end for side in ("source", "destination") if (end := _end(document, side))]
    return [*transport, *_arrow(ends), *_bytes(document)]


def _end(document: Document, side: str) -> str:
    address, port = text(document, f"{side}.address") or text(document, f"{side}.ip"), text(document, f"{side}.port")
    host = f"[{address}]" if ":" in address and port else address
    return shown(f"{host}:{port}" if port else host) if host or port else ""


def _ids(document: Document) -> list[str]:
    asked = {name: number(document, f"tetragon.operation.ids.{name}") for name in _IDS}
    told = {name: each for name, each in asked.items() if each is not None}
    if list(told) == ["effective"]:
        return [str(told["effective"])]
    return [f"{name}={each}" for name, each in told.items()]


def _credentials(document: Document) -> list[str]:
    held = {name: number(document, f"tetragon.operation.credentials.{name}") for name in ("uid", "euid", "gid", "egid")}
    return [f"{name}={each}" for name, each in held.items() if each is not None]


def _capabilities(document: Document) -> list[str]:
    gained = texts(document, "tetragon.privilege.capabilities.gained")
    lost = texts(document, "tetragon.privilege.capabilities.lost")
    changed = [shown(f"+{each}") for each in gained] + [shown(f"-{each}") for each in lost]
    held = changed or [shown(each) for each in texts(document, "tetragon.operation.capabilities.effective")]
    return held if len(held) <= _MOST else [*held[:_MOST], f"and {len(held) - _MOST} more"]


def _namespaces(document: Document) -> list[str]:
    names = texts(document, "tetragon.operation.namespaces")
    return [shown(",".join(names))] if names else []


def _bpf(document: Document) -> list[str]:
    names = ("program_type", "program", "map_type", "map", "command")
    count = number(document, "tetragon.operation.bpf.instructions")
    told = _told(document, *(f"tetragon.operation.bpf.{name}" for name in names))
    return [*told, *([f"instruction count {count}"] if count is not None else [])]


def _module(document: Document) -> list[str]:
    return _told(document, "tetragon.operation.name", "tetragon.operation.module.tainted") or _path(document)


def _signalled(document: Document) -> list[str]:
    asked, pid = number(document, "tetragon.operation.request"), number(document, "tetragon.operation.pid")
    return [*([_signal(asked)] if asked is not None else []), *([f"pid {pid}"] if pid is not None else [])]


def _signal(asked: int) -> str:
    return signal.Signals(asked).name if asked in set(signal.Signals) else str(asked)


def _traced(document: Document) -> list[str]:
    asked, pid = number(document, "tetragon.operation.request"), number(document, "tetragon.operation.pid")
    return [*([f"request {asked}"] if asked is not None else []), *([f"pid {pid}"] if pid is not None else [])]


def _syscall(document: Document) -> list[str]:
    return _told(document, "tetragon.operation.name", "tetragon.operation.request")


def _asked_for(document: Document) -> list[str]:
    return _told(document, "dns.question.name") or _flow(document)


def _named(document: Document) -> list[str]:
    return _told(document, "tetragon.operation.name")


_FLOWS: Final = ("accept", "bind", "connect", "disconnect", "drop", "listen", "receive", "send", "socket")
_ATTRIBUTES: Final = ("chmod", "chown", "removexattr", "setattr", "setxattr", "utimes")

_BY_KIND: Final[dict[str, Callable[[Document], list[str]]]] = {
    **dict.fromkeys(_FLOWS, _flow),
    **dict.fromkeys(_ATTRIBUTES, _attributes),
    "rename": _moved,
    "link": _linked,
    "symlink": _linked,
    "mount": _ends,
    "pivot_root": _ends,
    "setuid": _ids,
    "setgid": _ids,
    "credentials": _credentials,
    "setcap": _capabilities,
    "capable": _named,
    "setns": _namespaces,
    "unshare": _namespaces,
    "bpf": _bpf,
    "dns": _asked_for,
    "perf_event": _named,
    "module": _module,
    "module_load": _module,
    "module_request": _module,
    "module_unload": _module,
    "signal": _signalled,
    "ptrace": _traced,
    "vm_write": _traced,
    "syscall": _syscall,
}
