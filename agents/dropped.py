"""Whether a program that is executed was put there a moment ago, and by whom.

A file that somebody creates, writes, renames or links is remembered for ten minutes, by its path and container; what a
package manager installs is not. An execution of it has the tag `drop_and_exec`, and `tetragon.dropped` has

- `by` the entity_id of the process that touched it last, and `executable` that process's;
- `age` how long before, in milliseconds.

It is a finding, but of what a compiler or a linker made: critical if a program wrote it that brings things from
elsewhere, high if it lies where anyone may write or hidden, else medium.
"""

from typing import Final

from agents import FINDINGS, Fields, Memory, agent
from schemas.actor import actor_of
from schemas.finding import Finding
from schemas.lineage import Lineage, Source, basename
from schemas.operation import Operation, operations
from schemas.places import from_scratch
from schemas.programs import BUILDERS, FETCHERS, is_installer
from schemas.tetragon import Event, ProcessExec
from schemas.times import SECOND

KEPT: Final = 600.0  # seconds
AGAIN: Final = 60 * SECOND  # a file that is written on and on is noted once a minute

_NOTHING: Final[Fields] = {}
_NAMING: Final = frozenset(("link", "rename", "symlink"))
_PUTTING: Final = _NAMING | {"create", "write"}
_NOT_FOR_PROGRAMS: Final = ("/dev/null", "/dev/pts/", "/proc/", "/sys/", "/var/log/")
_LONGEST: Final = 512  # characters of a path that is worth remembering


@agent(
    events={"process_exec", "process_kprobe", "process_lsm", "process_tracepoint"},
    adds={"tags", "tetragon.dropped", FINDINGS},
    ttl=KEPT,
)
def dropped(event: Event, lineage: Lineage, memory: Memory) -> Fields:
    if type(event.body) is ProcessExec:
        return _executed(event, lineage, memory)
    for operation in operations(event):
        if operation.kind in _PUTTING and not operation.failed:
            _put(operation, event, lineage, memory)
    return _NOTHING


def _put(operation: Operation, event: Event, lineage: Lineage, memory: Memory) -> None:
    path = operation.target if operation.kind in _NAMING else operation.path
    if not path.startswith("/") or path.startswith(_NOT_FOR_PROGRAMS) or len(path) > _LONGEST:
        return
    time = event.time
    if time is None or event.process is None or actor_of(event.process, lineage).packaging:
        return
    process = lineage.process
    place = f"{process.container}:{path}"
    known = memory.get(place)
    if known is None or known[0] != process.exec_id or not 0 <= time - known[2] < AGAIN:
        memory[place] = [process.exec_id, process.binary, time]


def _executed(event: Event, lineage: Lineage, memory: Memory) -> Fields:
    process = lineage.process
    if process.source is Source.PROCFS:
        return _NOTHING  # it was found, not begun
    known = memory.get(f"{process.container}:{process.binary}")
    if known is None:
        return _NOTHING
    by, executable, time = known
    told = {"by": by, "executable": executable, "age": max(0, (event.time or time) - time) * 1000 // SECOND}
    return {
        "tags": ["drop_and_exec"],
        "tetragon.dropped": {name: value for name, value in told.items() if value != ""},
        FINDINGS: _found(executable, process.binary),
    }


def _found(executable: str, binary: str) -> list[Finding]:
    by = basename(executable)
    if by in BUILDERS:
        return []
    installed = is_installer(by) and not from_scratch(executable)  # pip, with what it needs for a build
    severity = 4 if by in FETCHERS else 3 if from_scratch(binary) and not installed else 2
    reason = f"It runs a file that {by or 'another program'} put there within the last ten minutes"
    shown = ["process.executable", "tetragon.dropped.age", *(["tetragon.dropped.executable"] if by else [])]
    return [Finding("dropped.executed", severity, reason, shown, ["T1105"])]
