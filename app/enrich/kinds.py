"""The fields that say what kind of event it is: `event.*`, and what only that kind has."""

from typing import Any, Final

import orjson
from msgspec import Raw
from msgspec.structs import fields as members

from app.enrich.operations import add_hash, add_operations
from schemas.document import DATASET
from schemas.operation import DENYING, hook_name, operations
from schemas.tetragon import BODIES, THROTTLED, Body, Event, ProcessExec, ProcessExit, ProcessThrottle, RateLimitInfo
from schemas.times import SECOND, canonical, nanoseconds

Fields = dict[str, Any]

_COMMON: Final = {field.name for field in members(Body)}
# By type the members that are carried as they are: (attribute, name in JSON).
_CARRIED: Final = {
    body: tuple((field.name, field.encode_name) for field in members(body) if field.name not in _COMMON)
    for body in BODIES.values()
}


def _kind(kind: str, category: str, of_type: str) -> Fields:
    return {"module": "tetragon", "dataset": DATASET, "kind": kind, "category": [category], "type": [of_type]}


_EXEC: Final = {**_kind("event", "process", "start"), "action": "exec", "outcome": "success"}
# Found running when Tetragon started. A rule that looks for starts must not see all of them again.
_PROCFS: Final = {**_kind("event", "process", "info"), "action": "already_running"}
_EXIT: Final = {**_kind("event", "process", "end"), "action": "end"}
_DROPPED: Final = {**_kind("metric", "host", "info"), "action": "events_dropped"}
_THROTTLE: Final = _kind("event", "host", "info")
_OTHER: Final = _kind("event", "process", "info")


def add_kind(document: Fields, event: Event, start: int) -> None:
    """Sets `event`, and what it takes of `process` and `tetragon`. `start` is the process's, in ns or 0."""
    body = event.body
    if type(body) is ProcessExec:
        procfs = event.process is not None and "procFS" in event.process.flags
        document["event"] = (_PROCFS if procfs else _EXEC).copy()
    elif type(body) is ProcessExit:
        _add_exit(document, body, event, start)
    elif type(body) is RateLimitInfo:
        document["event"] = _DROPPED.copy()
        dropped = body.number_of_dropped_process_events
        document["tetragon"]["rate_limit_info"] = {"number_of_dropped_process_events": dropped}
    else:
        _add_other(document, event)


def _add_exit(document: Fields, body: ProcessExit, event: Event, start: int) -> None:
    fields = document["event"] = _EXIT.copy()
    process = document.get("process", {})
    if body.signal:
        document["tetragon"]["exit"] = {"signal": body.signal}
    if body.status or not body.signal:
        process["exit_code"] = body.status or 0  # protobuf leaves a zero out, and with a signal it means nothing
    end = nanoseconds(body.time) if body.time else None
    if end is not None:
        process["end"] = canonical(body.time, end)
    elif event.time is not None:
        end = event.time
        process["end"] = document["@timestamp"]
    if end is not None and 0 < start <= end:
        fields["duration"] = end - start
        process["uptime"] = (end - start) // SECOND
    if process:
        document["process"] = process


def _add_other(document: Fields, event: Event) -> None:
    body = event.body
    carried = _carried(body)
    if type(body) is ProcessThrottle:
        fields = document["event"] = _THROTTLE.copy()
        if body.type:
            fields["action"] = body.type.lower()
    else:
        fields = document["event"] = _OTHER.copy()
        _add_action(document, event, carried)
    if "function_name" in carried:
        fields["code"] = carried["function_name"]
    if "message" in carried:
        fields["reason"] = carried["message"]
    if "policy_name" in carried:
        document["rule"] = {"name": carried["policy_name"]}
    if "tags" in carried:
        document["tags"] = list(carried["tags"])
    if type(body) is ProcessThrottle and body.type == THROTTLED:
        document["tags"] = ["fork_storm"]
    if carried:
        document["tetragon"][event.name] = carried


def _add_action(document: Fields, event: Event, carried: Fields) -> None:
    done = operations(event)
    if done:
        add_operations(document, event, done)
    else:
        fields = document["event"]
        action = _action(event, carried)
        if action:
            fields["action"] = action
        if carried.get("action") in DENYING or carried.get("return_action") in DENYING:
            fields["outcome"] = "failure"
            fields["category"] = [*fields["category"], "intrusion_detection"]
            fields["type"] = [*fields["type"], "denied"]
    if "ima_hash" in carried:
        add_hash(document, carried["ima_hash"], carried.get("function_name", ""))


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
        return hook_name(function)
    return str(
        carried.get("event") or carried.get("symbol") or carried.get("name") or event.name.removeprefix("process_")
    )
