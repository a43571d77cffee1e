"""What a part of a log holds, counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from app.enrich.decode import NoEvent, decode
from schemas.operation import operations
from schemas.tetragon import ABSENT, THROTTLED, Event, Process, ProcessThrottle, RateLimitInfo

# Of a process. Each is there or not by a flag of Tetragon's, by its version, or by what the process is.
FIELDS: Final[Mapping[str, Callable[[Process], object]]] = {
    "exec_id": lambda process: process.exec_id,
    "process_credentials": lambda process: process.raw_credentials is not ABSENT,
    "cap": lambda process: process.raw_cap is not ABSENT,
    "ns": lambda process: process.raw_ns is not ABSENT,
    "pod": lambda process: process.raw_pod is not ABSENT,
    "docker": lambda process: process.docker,
    "user": lambda process: process.user is not None,
    "in_init_tree": lambda process: process.in_init_tree is not None,
    "environment_variables": lambda process: process.environment_variables,
    "binary_properties": lambda process: process.binary_properties is not None,
}
ANCESTORS: Final = "ancestors"  # a member of the event beside the process


@dataclass(slots=True)
class Seen:
    events: Counter[str] = field(default_factory=Counter)  # by name
    processes: int = 0  # events that have one
    host: int = 0  # of these, outside of any container
    fields: Counter[str] = field(default_factory=Counter)  # of FIELDS, and ANCESTORS
    kinds: Counter[str] = field(default_factory=Counter)  # of operations
    policies: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)  # lines that are no events, by reason
    dropped: int = 0  # events that Tetragon left out for their rate
    throttled: int = 0
    first: str = ""
    last: str = ""


def count(events: Iterable[Event], seen: Seen) -> None:
    for event in events:
        seen.events[event.name] += 1
        body = event.body
        if event.timestamp:
            seen.first = min(seen.first or event.timestamp, event.timestamp)
            seen.last = max(seen.last, event.timestamp)
        if isinstance(body, RateLimitInfo):
            seen.dropped += body.number_of_dropped_process_events
        elif isinstance(body, ProcessThrottle):
            seen.throttled += body.type == THROTTLED
        policy = getattr(body, "policy_name", "")
        if policy:
            seen.policies[policy] += 1
        seen.kinds.update(operation.kind for operation in operations(event))
        if event.ancestors:
            seen.fields[ANCESTORS] += 1
        process = event.process
        if process is not None:
            seen.processes += 1
            seen.host += not process.docker and process.raw_pod is ABSENT
            seen.fields.update(name for name, has in FIELDS.items() if has(process))


def events_in(lines: Iterable[bytes], seen: Seen) -> Iterable[Event]:
    """What is no event goes into `seen` by its reason, without the bytes that differ from line to line."""
    for line in lines:
        try:
            yield decode(line)[0]
        except NoEvent as error:
            seen.unreadable[str(error).partition(" (byte ")[0]] += 1
