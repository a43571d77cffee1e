"""What Tetragon writes: one event a line, protobuf's JSON, every member optional.

Names are Tetragon's. A string, a list or an object that is absent and one that is empty are the same to protobuf, so
strings are never None; numbers and booleans that tell zero from absent are. Every member of every version is listed:
a line with another one is decoded leniently (app/enrich/decode.py), which is slower and keeps that member aside.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Raw, field

from schemas.lenient import decode_leniently

UInt32: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]  # 64 bits are a string in protobuf's JSON
Time: TypeAlias = str  # RFC 3339; schemas.times reads it

UNSET_UID: Final = 2**32 - 1  # of auid: nobody logged in
ABSENT: Final = Raw()

T = TypeVar("T", bound=msgspec.Struct)


class _Message(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    pass


class Image(_Message, frozen=True):
    id: str = ""
    name: str = ""


class SecurityContext(_Message, frozen=True):
    privileged: bool = False


class Container(_Message, frozen=True):
    id: str = ""  # <runtime>://<64 hex digits>
    name: str = ""
    image: Image | None = None
    start_time: Time = ""
    pid: UInt32 | None = None  # in the container's own pid namespace
    maybe_exec_probe: bool = False
    security_context: SecurityContext | None = None


class Pod(_Message, frozen=True):
    namespace: str = ""
    name: str = ""
    uid: str = ""
    container: Container | None = None
    pod_labels: Mapping[str, str] = {}
    pod_annotations: Mapping[str, str] = {}
    labels: Sequence[str] = ()  # up to Tetragon 1.0
    workload: str = ""
    workload_kind: str = ""


class Capabilities(_Message, frozen=True):
    permitted: Sequence[str] = ()
    effective: Sequence[str] = ()
    inheritable: Sequence[str] = ()


class Namespace(_Message, frozen=True):
    inum: UInt32 = 0
    is_host: bool = False


class Namespaces(_Message, frozen=True):
    uts: Namespace | None = None
    ipc: Namespace | None = None
    mnt: Namespace | None = None
    pid: Namespace | None = None
    pid_for_children: Namespace | None = None
    net: Namespace | None = None
    time: Namespace | None = None
    time_for_children: Namespace | None = None
    cgroup: Namespace | None = None
    user: Namespace | None = None


class UserNamespace(_Message, frozen=True):
    level: UInt32 | None = None
    uid: UInt32 | None = None
    gid: UInt32 | None = None
    ns: Namespace | None = None


class Credentials(_Message, frozen=True):
    uid: UInt32 | None = None
    gid: UInt32 | None = None
    euid: UInt32 | None = None
    egid: UInt32 | None = None
    suid: UInt32 | None = None
    sgid: UInt32 | None = None
    fsuid: UInt32 | None = None
    fsgid: UInt32 | None = None
    securebits: Sequence[str] = ()
    caps: Capabilities | None = None
    user_ns: UserNamespace | None = None


class Inode(_Message, frozen=True):
    number: Raw = ABSENT
    links: UInt32 = 0


class BinaryFile(_Message, frozen=True):
    inode: Inode | None = None
    path: str = ""


class BinaryProperties(_Message, frozen=True):
    setuid: UInt32 | None = None
    setgid: UInt32 | None = None
    privileges_changed: Sequence[str] = ()
    file: BinaryFile | None = None  # of a binary without a name: memfd, shm, deleted


class User(_Message, frozen=True):
    name: str = ""


class EnvironmentVariable(_Message, frozen=True):
    key: str = field(default="", name="Key")
    value: str = field(default="", name="Value")


class Process(_Message, frozen=True):
    exec_id: str = ""
    pid: UInt32 | None = None
    tid: UInt32 | None = None
    uid: UInt32 | None = None  # the effective one
    auid: UInt32 | None = None
    cwd: str = ""
    binary: str = ""
    arguments: str = ""  # argv[1:]; schemas.arguments splits it
    flags: str = ""
    start_time: Time = ""
    # Most of a line's bytes, and the same in many lines: decoded on demand, by the properties below.
    raw_pod: Raw = field(default=ABSENT, name="pod")
    docker: str = ""  # the first 24 or 31 digits of the container's id
    parent_exec_id: str = ""
    refcnt: UInt32 = 0
    raw_cap: Raw = field(default=ABSENT, name="cap")
    raw_ns: Raw = field(default=ABSENT, name="ns")
    raw_credentials: Raw = field(default=ABSENT, name="process_credentials")
    binary_properties: BinaryProperties | None = None
    user: User | None = None
    in_init_tree: bool | None = None
    environment_variables: Sequence[EnvironmentVariable] = ()

    @property
    def pod(self) -> Pod | None:
        return _decoded(Pod, self.raw_pod)

    @property
    def cap(self) -> Capabilities | None:
        return _decoded(Capabilities, self.raw_cap)

    @property
    def ns(self) -> Namespaces | None:
        return _decoded(Namespaces, self.raw_ns)

    @property
    def process_credentials(self) -> Credentials | None:
        return _decoded(Credentials, self.raw_credentials)


@lru_cache(maxsize=4096)
def decode_part(wanted: type[T], raw: bytes) -> tuple[T | None, Mapping[str, Raw]]:
    """The second is what does not fit, named by its path within; None has all of it there, under an empty path."""
    other: dict[str, Raw] = {}
    return decode_leniently(raw, wanted, "", other), other


def _decoded(wanted: type[T], raw: Raw) -> T | None:
    return decode_part(wanted, bytes(raw))[0] if raw is not ABSENT else None


class Body(_Message, frozen=True):
    """What every event may have, and all that is known of an event that no version of Tetragon is known to write."""

    process: Process | None = None
    parent: Process | None = None
    ancestors: Sequence[Process] = ()  # from the grandparent on, nearest first


class ProcessExec(Body, frozen=True):
    pass


class ProcessExit(Body, frozen=True):
    signal: str = ""
    status: UInt32 | None = None
    time: Time = ""


class ProcessKprobe(Body, frozen=True):
    function_name: str = ""
    args: Raw = ABSENT
    returned: Raw = field(default=ABSENT, name="return")
    action: str = ""
    kernel_stack_trace: Raw = ABSENT
    user_stack_trace: Raw = ABSENT
    stack_trace: Raw = ABSENT  # up to Tetragon 1.0
    policy_name: str = ""
    return_action: str = ""
    message: str = ""
    tags: Sequence[str] = ()
    data: Raw = ABSENT


class ProcessTracepoint(Body, frozen=True):
    subsys: str = ""
    event: str = ""
    args: Raw = ABSENT
    policy_name: str = ""
    action: str = ""
    message: str = ""
    tags: Sequence[str] = ()


class ProcessUprobe(Body, frozen=True):
    path: str = ""
    symbol: str = ""
    policy_name: str = ""
    message: str = ""
    args: Raw = ABSENT
    tags: Sequence[str] = ()
    offset: Raw = ABSENT
    ref_ctr_offset: Raw = ABSENT
    action: str = ""
    data: Raw = ABSENT


class ProcessUsdt(Body, frozen=True):
    path: str = ""
    provider: str = ""
    name: str = ""
    policy_name: str = ""
    message: str = ""
    args: Raw = ABSENT
    tags: Sequence[str] = ()
    action: str = ""
    flags: Raw = ABSENT


class ProcessLsm(Body, frozen=True):
    function_name: str = ""
    policy_name: str = ""
    message: str = ""
    args: Raw = ABSENT
    action: str = ""
    tags: Sequence[str] = ()
    ima_hash: str = ""


class ProcessLoader(Body, frozen=True):
    path: str = ""
    buildid: str = ""


THROTTLED: Final = "THROTTLE_START"


class ProcessThrottle(Body, frozen=True):
    type: str = ""
    cgroup: str = ""


class RateLimitInfo(Body, frozen=True):
    number_of_dropped_process_events: Count = 0


class AggregationInfo(_Message, frozen=True):
    count: Count = 0


class Line(_Message, frozen=True):
    """One line; exactly one of the first members is there."""

    process_exec: ProcessExec | None = None
    process_exit: ProcessExit | None = None
    process_kprobe: ProcessKprobe | None = None
    process_tracepoint: ProcessTracepoint | None = None
    process_uprobe: ProcessUprobe | None = None
    process_usdt: ProcessUsdt | None = None
    process_lsm: ProcessLsm | None = None
    process_loader: ProcessLoader | None = None
    process_throttle: ProcessThrottle | None = None
    rate_limit_info: RateLimitInfo | None = None
    node_name: str = ""
    time: Time = ""
    aggregation_info: AggregationInfo | None = None
    cluster_name: str = ""
    raw_node_labels: Raw = field(default=ABSENT, name="node_labels")  # the same on all lines of a node


BODIES: Final[Mapping[str, type[Body]]] = {
    "process_exec": ProcessExec,
    "process_exit": ProcessExit,
    "process_kprobe": ProcessKprobe,
    "process_tracepoint": ProcessTracepoint,
    "process_uprobe": ProcessUprobe,
    "process_usdt": ProcessUsdt,
    "process_lsm": ProcessLsm,
    "process_loader": ProcessLoader,
    "process_throttle": ProcessThrottle,
    "rate_limit_info": RateLimitInfo,
}


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event as agents see it."""

    name: str  # of the member that brought it, like process_exec; unknown ones too
    body: Body  # one of BODIES, a plain Body for an unknown event
    process: Process | None
    parent: Process | None
    ancestors: Sequence[Process]
    node_name: str
    cluster_name: str
    raw_node_labels: Raw
    time: int | None  # ns since 1970; None if absent or not between 1970 and 2262
    timestamp: str  # the same as text; empty if None
    aggregated: int  # how many events of the same kind Tetragon counted into this one; 0 if it did not
    other: Mapping[str, Raw]  # what no member above holds: unknown, or of an unexpected shape; by path

    @property
    def node_labels(self) -> Mapping[str, str]:
        return decode_labels(bytes(self.raw_node_labels)) or {} if self.raw_node_labels is not ABSENT else {}


@lru_cache(maxsize=1024)
def decode_labels(raw: bytes) -> Mapping[str, str] | None:
    """None if they are no labels."""
    try:
        return msgspec.json.decode(raw, type=dict[str, str])
    except msgspec.ValidationError:
        return None
