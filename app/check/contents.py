"""What the log lacks, which agent is blind for it, and what would feed it: a table, and how it is read."""

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from app.check.finding import Finding, failed, ok, warning
from app.check.seen import ANCESTORS, FIELDS, Seen

ENOUGH: Final = 20  # events, before what does not occur among them means anything
HOOKED: Final = ("process_kprobe", "process_tracepoint", "process_lsm", "process_uprobe", "process_usdt")
POLICIES: Final = "deploy/policies"


class Field(NamedTuple):
    """A field of a process that Tetragon writes only if it is told to."""

    name: str
    blind: str
    feed: str


class Kinds(NamedTuple):
    """Operations that only a TracingPolicy makes Tetragon write."""

    kinds: tuple[str, ...]
    blind: str
    policy: str


class Member(NamedTuple):
    """Events that Tetragon writes unless it is told not to."""

    event: str
    blind: str


MEMBERS: Final = (
    Member("process_exec", "ancestry knows processes only by the way, and no start of one shows"),
    Member("process_exit", "no end, duration or exit code of a process shows, and ancestry takes the dead for living"),
)
_UNFILTERED: Final = (
    "Let Tetragon export {event}: --export-allowlist (Helm: tetragon.exportAllowList) must name {name}, "
    "and --export-denylist must not."
)

WANTED: Final = (
    Field(
        "exec_id",
        "ancestry and privilege cannot follow any process",
        "Take exec_id out of Tetragon's --field-filters (Helm: tetragon.fieldFilters).",
    ),
    Field(
        "process_credentials",
        "privilege knows no ids but the effective user's, no capabilities, and no set-id or fileless execution",
        "Start Tetragon with --enable-process-cred (Helm: tetragon.enableProcessCred=true).",
    ),
    Field(
        "ns",
        "privilege sees no change of namespaces, and no step out of a container",
        "Start Tetragon with --enable-process-ns (Helm: tetragon.enableProcessNs=true).",
    ),
    Field(
        ANCESTORS,
        "ancestry knows what is above a parent only where it has seen it start",
        "Start Tetragon with --enable-ancestors=base (Helm: tetragon.processAncestors.enabled=base).",
    ),
    Field(
        "in_init_tree",
        "ancestry does not tell a session in a container, like kubectl exec, from the container's own processes",
        "Expected Tetragon 1.3 or later.",
    ),
    Field(
        "user",
        "documents have numbers for users, and no user.name",
        "Start Tetragon with --username-metadata=unix; it works where Tetragon runs on the host itself.",
    ),
)
_ALWAYS: Final = frozenset(("exec_id", "process_credentials", "ns"))  # on the first exec already

_CHANGES: Final = (
    "chmod", "chown", "create", "link", "mkdir", "removexattr", "rename", "rmdir", "setattr", "setxattr", "symlink",
    "truncate", "unlink", "utimes", "write",
)  # fmt: skip
FED: Final = (
    Kinds(
        _CHANGES,
        "fim sees no change of a file",
        "file-integrity.yaml",
    ),
    Kinds(("open", "read"), "fim sees nobody read a secret", "file-integrity.yaml"),
    Kinds(
        ("credentials", "setcap", "setgid", "setns", "setuid", "unshare"),
        "privilege sees only what differs from one execution to the next",
        "privilege.yaml",
    ),
    Kinds(
        ("accept", "connect", "listen"),
        "network is blind: no connection shows, and no finding about one",
        "network.yaml",
    ),
    Kinds(
        ("disconnect",),
        "network tells of no connection how long it was",
        "network.yaml",
    ),
)


def content_findings(seen: Seen, read: str) -> Iterator[Finding]:
    """`read` says which part of which files was counted."""
    total, unreadable = seen.events.total(), seen.unreadable.total()
    if unreadable:
        yield _unreadable(seen, total, unreadable)
    if not total:
        if not unreadable:
            yield warning("events", f"none in {read}.", "Expected some soon after Tetragon has started.")
        return
    span = f", from {seen.first} to {seen.last}" if seen.first else ""
    told = f"{total:,} in {read}{span}: {_counts(seen.events)}"
    yield Finding("ok", "events", told, figures=figures(seen))
    if seen.processes:
        yield ok("fields", _shares(seen))
    yield from _losses(seen)
    yield from _missing(seen)


def figures(seen: Seen) -> dict[str, dict[str, int]]:
    return {
        "events": dict(seen.events.most_common()),
        "fields": {name: seen.fields[name] for name in (*FIELDS, ANCESTORS)},
        "operations": dict(seen.kinds.most_common()),
        "policies": dict(seen.policies.most_common()),
    }


def _unreadable(seen: Seen, total: int, unreadable: int) -> Finding:
    reason, lines = seen.unreadable.most_common(1)[0]
    if not total:
        return failed(
            "events",
            f"none of {unreadable:,} lines is an event: {reason}.",
            "Expected what Tetragon writes to its --export-filename: one JSON object a line.",
        )
    return warning(
        "events",
        f"{unreadable:,} of {unreadable + total:,} lines are no events, {lines:,} of them for: {reason}.",
        "`tetrastash enrich --rejected FILE` writes them into a file, with their reasons.",
    )


def _losses(seen: Seen) -> Iterator[Finding]:
    if seen.dropped:
        yield warning(
            "events",
            f"Tetragon left out {seen.dropped:,} of them for its rate limit.",
            "Raise --export-rate-limit, or set it to -1 (Helm: tetragon.exportRateLimit).",
        )
    if seen.throttled:
        yield warning(
            "events",
            f"Tetragon throttled cgroups ({seen.throttled:,} in all), and left out their events meanwhile.",
            "Raise --cgroup-rate.",
        )


def _missing(seen: Seen) -> Iterator[Finding]:
    enough = seen.processes >= ENOUGH
    for event, blind in MEMBERS:
        if enough and not seen.events[event]:
            todo = _UNFILTERED.format(event=event, name=event.upper())
            yield warning("events", f"no {event}: {blind}.", todo)
    if enough and not seen.host:
        yield warning(
            "events",
            "none of a process outside of containers: what happens on the node itself does not show, in no agent.",
            "Take the empty namespace out of Tetragon's --export-denylist: Helm's default, tetragon.exportDenyList, "
            "names it, with cilium and kube-system.",
        )
    for wanted in WANTED:
        if not seen.fields[wanted.name] and seen.processes and _expected(wanted.name, seen):
            yield warning("fields", f"no {wanted.name}: {wanted.blind}.", wanted.feed)
    if enough:
        yield from _unfed(seen)


def _expected(name: str, seen: Seen) -> bool:
    """Whether it would occur in such events."""
    if name in _ALWAYS:
        return name == "exec_id" or seen.events["process_exec"] > 0
    if seen.processes < ENOUGH:
        return False
    if name == "in_init_tree":
        return seen.fields["docker"] > 0
    return name != "user" or (seen.host > 0 and not seen.fields["pod"])


def _unfed(seen: Seen) -> Iterator[Finding]:
    if not any(seen.events[name] for name in HOOKED):
        yield warning(
            "operations",
            "no event of a TracingPolicy: fim and network are blind, privilege sees only what differs from one "
            "execution to the next, and no mount or kernel module shows.",
            f"Load the policies in {POLICIES}/, or those of them that you want: kubectl apply -f, or "
            "`tetra tracingpolicy add`.",
        )
        return
    for fed in FED:
        if not any(seen.kinds[kind] for kind in fed.kinds):
            yield warning(
                "operations",
                f"none of {', '.join(fed.kinds)}: {fed.blind}. Either there was none, or no policy asks for it.",
                f"{POLICIES}/{fed.policy} asks for it.",
            )


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counted.most_common())


def _shares(seen: Seen) -> str:
    shares = {name: seen.fields[name] for name in (*FIELDS, ANCESTORS)}
    there = ", ".join(
        f"{name} {max(round(100 * number / seen.processes), 1)} %" for name, number in shares.items() if number
    )
    absent = ", ".join(name for name, number in shares.items() if not number)
    return f"{there or 'none'}{f'; not one {absent}' if absent else ''}"
