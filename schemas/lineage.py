"""Where a process comes from, as agents see it: immutable, so that an agent can keep or compare it."""

from enum import IntEnum
from functools import lru_cache
from sys import intern
from typing import Final

import msgspec
from msgspec.structs import replace

from schemas.arguments import split_arguments
from schemas.rights import UNKNOWN
from schemas.times import SECOND

STORM: Final = 10 * SECOND  # the time in which siblings are counted


class Source(IntEnum):
    """What an execution is known from; the greater one is believed."""

    STUB = 0  # an event that could tell no more than pid and start
    EMBEDDED = 1  # the parent or process of some other event
    PROCFS = 2  # Tetragon's scan of /proc at its start
    EXEC = 3  # its own exec event


class Execution(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One exec_id: what ran in a process from one exec to the next, or to its exit.

    This is stored in checkpoints. A new member needs a default; a name never changes its meaning.
    """

    exec_id: str = msgspec.field(name="id", default="")
    pid: int | None = None
    parent: str = ""  # exec_id; of the same pid where the parent is only the previous image
    binary: str = ""
    arguments: str = ""
    cwd: str = ""
    start: int = 0  # ns since 1970; 0 if unknown
    uid: int | None = None
    auid: int | None = None
    container: str = ""  # as in Tetragon's `docker`
    node: str = ""  # where it is not the one that the record's key names
    source: Source = Source.STUB
    end: int = 0  # ns since 1970 of its exit, of the next exec in its pid, or of the pid's next use; 0 if unknown
    exited: bool = False  # `end` is the time of an exit event
    rights: str = UNKNOWN  # schemas.rights reads it
    raised: bool = False  # its binary gave it rights: set-id, or capabilities of the file
    joined: bool = False  # in a container, but not begun by the container's first process: exec, a probe, nsenter
    probe: bool = False  # the kubelet's exec probe, as far as Tetragon can tell
    alias: str = ""  # the exec_id that Tetragon calls it by since its restart
    forked: int = 0  # ns since 1970: when its process began, where a scan has told; 0 if unknown

    @property
    def name(self) -> str:
        return basename(self.binary)

    @property
    def args(self) -> tuple[str, ...]:
        """argv as far as Tetragon tells it: the name, then what it took apart."""
        return (self.name, *split_arguments(self.arguments))

    @property
    def command_line(self) -> str:
        return f"{self.name} {self.arguments}" if self.arguments else self.name


def shared(execution: Execution) -> Execution:
    """The same, but what thousands of executions have alike is in memory once."""
    return replace(
        execution,
        binary=intern(execution.binary),
        cwd=intern(execution.cwd),
        container=intern(execution.container),
        rights=intern(execution.rights),
    )


class Above(msgspec.Struct, frozen=True, gc=False, eq=False):
    """The way up, shared by all children of its first: what is made of it can be cached, for it is hashed by identity.

    It holds the effective parents, nearest first; images of one pid count once.
    """

    ancestors: tuple[Execution, ...] = ()
    unknown: str = ""  # the exec_id at which the way ended because nothing is known of it
    unknown_pid: int | None = None  # which may be all that is known there
    complete: bool = False  # the way reached pid 0, 1 or 2


class Lineage(msgspec.Struct, frozen=True, gc=False):
    """A process, what it was before, and what it descends from."""

    process: Execution
    previous: tuple[Execution, ...]  # earlier images of the same pid, oldest first
    above: Above
    suspect: bool  # the parent that Tetragon gave cannot be one; it was left out
    parent_is_previous_image: bool  # nothing is known above the first image
    orphan: bool = False  # the parent had exited before the event
    siblings: int = 0  # what the parent started in STORM before, this process included
    boot: str = ""  # of the machine, RFC 3339 to the second; the same for all that runs until it is booted again

    @property
    def parent(self) -> Execution | None:
        return self.above.ancestors[0] if self.above.ancestors else None

    @property
    def ancestors(self) -> tuple[Execution, ...]:
        return self.above.ancestors


@lru_cache(maxsize=8192)
def basename(binary: str) -> str:
    # Of a kernel thread, Tetragon has the name in brackets: [kworker/0:1].
    return binary if binary.startswith("[") else binary.rpartition("/")[2] or binary
