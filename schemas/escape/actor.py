"""Who does it in a container: its own program, the runtime that makes it, or somebody else."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import dropwhile, islice, takewhile
from typing import Final

from schemas.actor import Actor
from schemas.ancestry.descent import descent
from schemas.lineage import Above, Execution, Lineage, basename
from schemas.places import from_scratch, is_systems
from schemas.privilege.causes import is_planted, is_runtime
from schemas.programs import ACCOUNT_TOOLS, SHELLS

_INIT: Final = ("/dev/fd/", "/memfd:", "/proc/self/", "memfd:")  # where runc executes itself anew

# They are there for anybody, and no container is there for them.
CLIENTS: Final = SHELLS | frozenset(("curl", "nc", "ncat", "netcat", "socat", "telnet", "wget"))
ANYBODYS: Final = CLIENTS | frozenset(
    ("awk", "base64", "busybox", "cat", "chroot", "cp", "crictl", "ctr", "cut", "dd", "docker", "egrep", "env", "find",
     "gawk", "grep", "head", "hexdump", "insmod", "jq", "kubectl", "less", "ln", "ls", "mawk", "more", "mv", "nerdctl",
     "nsenter", "od", "openssl", "podman", "rsync", "scp", "sed", "sort", "strings", "tail", "tar", "tee", "toybox",
     "unshare", "xxd")
)  # fmt: skip
# They read for whoever runs them.
READERS: Final = frozenset(
    ("awk", "base64", "busybox", "cat", "cut", "egrep", "gawk", "grep", "head", "less", "ls", "mawk", "more", "od",
     "readlink", "sed", "sort", "stat", "strings", "tail", "xxd")
)  # fmt: skip
# They do for a storage or network plugin what such a plugin is there for.
_HELPERS: Final = (
    "blkid", "blockdev", "cryptsetup", "e2fsck", "fsck", "iscsiadm", "lsblk", "mke2fs", "mkfs", "modprobe", "mount",
    "multipath", "resize2fs", "tune2fs", "umount", "xfs_",
)  # fmt: skip
# An init container is there to put a file where the node looks for it.
_COPIERS: Final = frozenset(("cp", "install"))
# They watch the node, and are started by others of their kind.
_NODE_AGENTS: Final = (
    "alloy", "auditbeat", "filebeat", "metricbeat", "newrelic-infra", "oneagent", "osqueryd", "otelcol", "packetbeat",
    "process-agent", "promtail", "security-agent", "system-probe", "telegraf", "trace-agent", "vector",
)  # fmt: skip
# They start others, and are what a container begins with.
_STARTERS: Final = SHELLS | frozenset(
    ("catatonit", "docker-init", "dumb-init", "env", "gosu", "npm", "pnpm", "runsv", "runsvdir", "s6-overlay-suexec",
     "s6-supervise", "s6-svscan", "setpriv", "start_runit", "su-exec", "supervisord", "systemd", "tini",
     "tini-static", "yarn")
)  # fmt: skip
_BEGINNERS: Final = ("conmon", "containerd-shim", "crun", "kata", "runc", "youki")
_DAEMONS: Final = ("buildah", "buildkit", "conmon", "containerd", "crio", "crun", "dockerd", "runc")

# Cloud agents of a node, and what asks for its credentials by right.
_OF_THE_CLOUD: Final = (
    "amazon-", "aws", "cloud-init", "ecs-", "google_", "gce-", "kubelet", "nodeadm", "ssm-", "systemd-", "waagent",
    "walinuxagent",
)  # fmt: skip


def is_runtimes(process: Execution, lineage: Lineage) -> bool:
    """It is the runtime's, in the container that it makes or enters; or that of a container with containers in it."""
    parent = lineage.parent
    if parent is None:
        return _is_daemon(process)
    if _begins(process) and (is_runtime(parent) or _is_daemon(parent)):
        return True
    return _is_daemon(process)


def _begins(process: Execution) -> bool:
    if process.name.startswith(_BEGINNERS):
        return not is_planted(process)
    return process.arguments.partition(" ")[0] == "init" and process.binary.startswith(_INIT)


def _is_daemon(execution: Execution) -> bool:
    return (
        bool(execution.container)
        and not execution.joined
        and execution.name.startswith(_DAEMONS)
        and not is_planted(execution)
    )


def is_probes(process: Execution, lineage: Lineage) -> bool:
    """The kubelet's own question whether the container is well, as far as Tetragon can tell."""
    if process.probe:
        return True
    leader = descent(lineage.above, process.container).entry
    return leader is not None and leader.leader is not None and leader.leader.probe


def begins_container(process: Execution, base: Execution, lineage: Lineage) -> bool:
    """`base` started it or was the same process before: the runtime, which may have been in the container already."""
    if not process.container or process.joined:
        return False
    if base.container == process.container and not (base.pid == process.pid and is_runtimes(base, lineage)):
        return False  # as nearly always
    return not is_runtimes(process, lineage)


def is_entry(process: Execution, lineage: Lineage) -> bool:
    """The container began with it."""
    return descent(lineage.above, process.container).boundary == 0


def is_own(process: Execution, lineage: Lineage, actor: Actor) -> bool | None:
    """The program that the container is there for, or a helper of its; None if that is not known."""
    if process.joined or actor.suspicions:
        return False
    above = lineage.above
    parent = lineage.parent
    if process.name.startswith(_HELPERS) and parent is not None and parent.container == process.container:
        return _is_own(above, parent.binary, process.container, 1)
    return _is_own(above, process.binary, process.container, 0)


@lru_cache(maxsize=4096)
def _is_own(above: Above, binary: str, container: str, place: int) -> bool | None:
    """It is the same program as its parents, and all above these in the container only start others.

    A shell below the program is somebody's. `place`: so many parents do not count.
    """
    if basename(binary) in ANYBODYS or from_scratch(binary):
        return False
    inside = descent(above, container).boundary
    others = dropwhile(lambda each: each.binary == binary, islice(_within(above, container), place, None))
    if not all(each.name in _STARTERS for each in others):
        return False
    return True if inside is not None else None


def is_job(process: Execution, lineage: Lineage, actor: Actor) -> bool:
    """It is run by a script, and the container is there for nothing but that."""
    if process.joined or actor.suspicions or from_scratch(process.binary):
        return False
    above = lineage.above
    within = list(_within(above, process.container))
    known = descent(above, process.container).boundary is not None
    return known and bool(within) and all(each.name in _STARTERS for each in within)


def is_deployed(process: Execution, lineage: Lineage, actor: Actor) -> bool:
    """What the container is there for does it: its own program, a tool that it begins with, an agent of the node."""
    if is_own(process, lineage, actor):
        return True
    if process.joined or actor.suspicions:
        return False
    name = process.name
    if name in _COPIERS:
        return is_entry(process, lineage)
    if name in ACCOUNT_TOOLS:
        return is_job(process, lineage, actor)
    return name.startswith(_NODE_AGENTS) and not _below_shell(lineage.above, process.container)


@lru_cache(maxsize=4096)
def _below_shell(above: Above, container: str) -> bool:
    """But for those that the container begins with."""
    later = dropwhile(lambda each: each.name in _STARTERS, reversed(list(_within(above, container))))
    return any(each.name in CLIENTS for each in later)


def _within(above: Above, container: str) -> Iterator[Execution]:
    """Ancestors as far as they are in the container."""
    return takewhile(lambda each: each.container == container, above.ancestors)


def is_clouds(process: Execution) -> bool:
    """On the host, what is there to ask the cloud."""
    return is_systems(process.binary) and process.name.startswith(_OF_THE_CLOUD)
