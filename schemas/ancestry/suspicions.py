"""What is suspicious about an execution itself: where its file lies, what it is called, and what it descends from."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from schemas.ancestry.descent import NEAR
from schemas.finding import Finding
from schemas.lineage import Lineage
from schemas.places import is_hidden, is_stray, is_systems
from schemas.programs import BUILDERS
from schemas.shells import archives_log, awaits_commands, is_shell, makes_picture, runs_script_below, sends_mail

_WEB: Final = frozenset(("apache2", "httpd", "lighttpd", "nginx", "php-cgi"))
_WEB_FAMILIES: Final = ("gunicorn", "php-fpm", "tomcat", "uwsgi")
# Build tools and CI servers are programs of theirs, and run scripts all day.
_TOOLS: Final = frozenset(("java", "node"))


def suspicions(tags: Sequence[str], lineage: Lineage) -> list[Finding]:
    """`tags` are those of this execution. What is found at Tetragon's start is no execution."""
    if JUDGES.keys().isdisjoint(tags):
        return []
    found = (JUDGES[tag](tags, lineage) for tag in tags if tag in JUDGES)
    return [each for each in found if each is not None]


def _shell_under_server(_: Sequence[str], lineage: Lineage) -> Finding | None:
    process = lineage.process
    if sends_mail(process.binary, process.arguments):
        return None
    started = next((each for each in lineage.ancestors[:NEAR] if not is_shell(each)), None)
    server = started.name if started is not None else ""
    web = server in _WEB or server.startswith(_WEB_FAMILIES)
    severity = 4 if web else 2 if server in _TOOLS else 3
    given = process.binary, process.arguments
    if (web and makes_picture(*given)) or (server == "postgres" and archives_log(*given)):
        severity = 2
    elif server == "splunkd" and started is not None:
        folder, _, within = started.binary.rpartition("/bin/")
        if within == server and is_systems(folder) and runs_script_below(folder, process.binary, process.arguments):
            severity = 2  # of an app of its own
    reason = f"The server {server} started a shell"
    shown = ["process.name", "process.command_line", "tetragon.lineage.names"]
    return Finding("ancestry.shell_under_server", severity, reason, shown, ["T1505.003" if web else "T1059.004"])


def _exec_from_scratch(tags: Sequence[str], lineage: Lineage) -> Finding | None:
    binary, parent = lineage.process.binary, lineage.parent
    if not is_stray(binary):
        return None
    if "pkg_mgr_descendant" in tags or (parent is not None and parent.name in BUILDERS):
        return None
    severity = 2 if _is_app_image(lineage) else 3
    where, technique = ("is hidden", "T1564.001") if is_hidden(binary) else ("lies where anyone may write", "T1059")
    return Finding("ancestry.exec_from_scratch", severity, f"Its file {where}", ["process.executable"], [technique])


def _is_app_image(lineage: Lineage) -> bool:
    """Somebody who logged in runs one, which has mounted itself: any program could say so."""
    process = lineage.process
    if not process.uid or process.auid is None or not process.binary.startswith("/tmp/.mount_"):
        return False
    mount = process.binary.split("/")[2].removeprefix(".mount_")
    begun = next((each for each in (*lineage.previous, *lineage.ancestors) if each.name.endswith(".AppImage")), None)
    return begun is not None and not is_stray(begun.binary) and mount.startswith(begun.name[:6])


def _fileless_exec(*_: object) -> Finding:
    shown = ["process.executable", "tags"]  # without credentials its path is all that tells
    return Finding("ancestry.fileless_exec", 4, "It runs from memory, without a file", shown, ["T1620"])


def _deleted_binary_exec(*_: object) -> Finding:
    shown = ["process.executable", "tags"]
    return Finding("ancestry.deleted_binary_exec", 3, "Its file was deleted before it ran", shown, ["T1070.004"])


def _kernel_thread_masquerade(*_: object) -> Finding:
    reason = "A program is named like a thread of the kernel"
    return Finding("ancestry.kernel_thread_masquerade", 4, reason, ["process.command_line"], ["T1036"])


def _container_exec_session(_: Sequence[str], lineage: Lineage) -> Finding | None:
    """A shell to type into. With a command, it may as well be a probe that Tetragon does not know for one."""
    process, parent = lineage.process, lineage.parent
    if parent is not None and parent.joined:
        return None  # the session's first told it
    if not (is_shell(process) and awaits_commands(process.binary, process.arguments)):
        return None
    shown = ["tetragon.container.exec_session", "process.command_line"]
    return Finding("ancestry.container_exec_session", 2, "Somebody entered a container that runs", shown, ["T1609"])


def _fork_storm(*_: object) -> Finding:
    """A large build does so too."""
    reason = "Its parent started hundreds of processes within seconds"
    return Finding("ancestry.fork_storm", 2, reason, ["process.parent.entity_id", "tags"], ["T1499"])


JUDGES: Final[Mapping[str, Callable[[Sequence[str], Lineage], Finding | None]]] = {
    "container_exec_session": _container_exec_session,
    "deleted_binary_exec": _deleted_binary_exec,
    "exec_from_scratch": _exec_from_scratch,
    "fileless_exec": _fileless_exec,
    "fork_storm": _fork_storm,
    "kernel_thread_masquerade": _kernel_thread_masquerade,
    "shell_under_server": _shell_under_server,
}
