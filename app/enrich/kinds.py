"""The fields that say what kind of event it is: `event.*`, and what only that kind has."""

import re
from typing import Any, Final

import orjson
from msgspec import Raw
from msgspec.structs import fields as members

from schemas.tetragon import BODIES, Body, Event, ProcessExec, ProcessExit, ProcessThrottle, RateLimitInfo
from schemas.times import SECOND, canonical, nanoseconds

Fields = dict[str, Any]

# The `__x64_` of a system call's function in the kernel is no part of its name.
_ARCHITECTURE: Final = re.compile(r"__(?:x64|ia32|arm64|arm32)_")
_DENYING: Final = frozenset(f"KPROBE_ACTION_{name}" for name in ("SIGKILL", "SIGNAL", "OVERRIDE", "NOTIFYENFORCER"))

_COMMON: Final = {field.name for field in members(Body)}
# By type the members that are carried as they are: (attribute, name in JSON).
_CARRIED: Final = {
    body: tuple((field.name, field.encode_name) for field in members(body) if field.name not in _COMMON)
    for body in BODIES.values()
}


def add_kind(document: Fields, event: Event, start: int) -> None:
    """Fills `event`, `process` and `tetragon` of `document`. `start` is the process's, in ns since 1970 or 0."""
    body = event.body
    if type(body) is ProcessExec:
        _add_exec(document["event"], event)
    elif type(body) is ProcessExit:
        _add_exit(document, body, event, start)
    elif type(body) is RateLimitInfo:
        _describe(document["event"], "metric", "host", "info", "events_dropped")
        document["tetragon"]["rate_limit_info"] = {
            "number_of_dropped_process_events": body.number_of_dropped_process_events
        }
    else:
        _add_other(document, event)


def _describe(fields: Fields, kind: str, category: str, of_type: str, action: str) -> None:
    fields["kind"] = kind
    fields["category"] = [category]
    fields["type"] = [of_type]
    if action:
        fields["action"] = action


def _add_exec(fields: Fields, event: Event) -> None:
    if event.process is not None and "procFS" in event.process.flags:
        # Found running when Tetragon started. A rule that looks for starts must not see all of them again.
        _describe(fields, "event", "process", "info", "already_running")
    else:
        _describe(fields, "event", "process", "start", "exec")
        fields["outcome"] = "success"


def _add_exit(document: Fields, body: ProcessExit, event: Event, start: int) -> None:
    fields = document["event"]
    _describe(fields, "event", "process", "end", "end")
    process = document.setdefault("process", {})
    if body.signal:
        document["tetragon"]["exit"] = {"signal": body.signal}
    if body.status is not None:
        process["exit_code"] = body.status
    elif not body.signal:
        process["exit_code"] = 0  # protobuf leaves a zero out
    end = nanoseconds(body.time) if body.time else None
    if end is not None:
        process["end"] = canonical(body.time, end)
    elif event.time is not None:
        end = event.time
        process["end"] = document["@timestamp"]
    if end is not None and 0 < start <= end:
        fields["duration"] = end - start
        process["uptime"] = (end - start) // SECOND


def _add_other(document: Fields, event: Event) -> None:
    fields = document["event"]
    body = event.body
    carried = _carried(body)
    if type(body) is ProcessThrottle:
        _describe(fields, "event", "host", "info", body.type.lower())
    else:
        _describe(fields, "event", "process", "info", _action(event, carried))
    function = carried.get("function_name")
    if function:
        fields["code"] = function
    if carried.get("message"):
        fields["reason"] = carried["message"]
    if carried.get("policy_name"):
        document["rule"] = {"name": carried["policy_name"]}
    if carried.get("tags"):
        document["tags"] = list(carried["tags"])
    if carried.get("action") in _DENYING or carried.get("return_action") in _DENYING:
        fields["outcome"] = "failure"
    if carried:
        document["tetragon"][event.name] = carried


def _carried(body: Body) -> Fields:
    found: Fields = {}
    for attribute, name in _CARRIED.get(type(body), ()):
        value = getattr(body, attribute)
        if value:
            found[name] = orjson.Fragment(bytes(value)) if isinstance(value, Raw) else value
    return found


def _action(event: Event, carried: Fields) -> str:
    function = carried.get("function_name")
    if function:
        return _ARCHITECTURE.sub("", function, count=1)
    if "event" in carried:
        return str(carried["event"])
    return str(carried.get("symbol") or carried.get("name") or event.name.removeprefix("process_"))
