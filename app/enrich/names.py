"""Which executions an event speaks of: after its restart Tetragon calls all that runs by new names.

It scans /proc then, and makes an exec_id of the start that it finds there, which is that of the fork. What is known
already keeps its exec_id, and what it is: the scan shows a script as its interpreter, and a link as what it leads to.
"""

from typing import Final

from msgspec.structs import replace

from app.enrich.exec_id import decode_exec_id
from app.enrich.learn import LONGEST, node_in
from app.enrich.memory import Scope
from app.enrich.tree import Tree
from schemas.lineage import Execution, basename
from schemas.programs import BOXES, SHELLS
from schemas.tetragon import Event, Process, ProcessExec
from schemas.times import nanoseconds, rfc3339

_MOST_WORDS: Final = 4  # before a script: an interpreter that `env` looks for, and options


def is_found(event: Event) -> bool:
    """By a scan: the event's time is the process's start, which may be long ago."""
    return type(event.body) is ProcessExec and event.process is not None and "procFS" in event.process.flags


def settle(scope: Scope, event: Event) -> Event:
    """The same event under the names that are remembered. Notices boots and restarts on the way."""
    process = event.process
    if process is None:
        return event
    tree = scope.tree
    known = _is_known(tree, process)
    scanned = is_found(event)
    if scanned or (not known and process.exec_id and _is_news(tree, process)):
        _observe_boot(scope, event, process)
    for each in (process, event.parent, *event.ancestors):
        if each is not None and "procFS" in each.flags and (scanned or not _is_known(tree, each)):
            _find_again(scope, event, each)
    return _renamed(tree, event, process) if tree.aliases else event


def _is_known(tree: Tree, process: Process) -> bool:
    return process.exec_id in tree.executions or process.exec_id in tree.aliases


def _is_news(tree: Tree, process: Process) -> bool:
    """Its parent is new too, or is one of those that every boot begins with."""
    parent = tree.executions.get(tree.aliases.get(process.parent_exec_id, process.parent_exec_id))
    return parent is None or (parent.pid is not None and parent.pid <= 2)


def _observe_boot(scope: Scope, event: Event, process: Process) -> None:
    tree = scope.tree
    decoded = decode_exec_id(process.exec_id)
    start = nanoseconds(process.start_time)
    if decoded is None or decoded.since_boot <= 1 or not start:
        return
    node = node_in(scope, event)
    time = event.time if event.time is not None else start
    boot = start - decoded.since_boot
    if boot <= 0 or not scope.boots.observe(node, boot, time):
        return
    for each in tree.of_node(node):
        if each.pid is not None and each.pid <= 2:
            tree.forget(each)  # the next has the same name
        elif not each.end or each.alias:
            # What begins at the same moment of each boot, in the same pid, is found by the same name.
            tree.put(replace(each, end=each.end or boot, alias=""))


def _find_again(scope: Scope, event: Event, process: Process) -> None:
    """Gives the new name to the one known, if there is one."""
    tree = scope.tree
    name = process.exec_id
    if process.pid is None or not name:
        return
    found = tree.living(node_in(scope, event), process.pid)
    named = tree.aliases.get(name)
    if found is None or name == found.exec_id:
        return
    same = _is_same(found, process)
    if named is not None:
        # A scan may come late, when what it has found is another image already.
        if named == found.exec_id if same else _is_same(tree.executions[named], process):
            return
        tree.put(replace(tree.executions[named], alias=""))
    if same:
        tree.put(replace(found, alias=name, forked=nanoseconds(process.start_time) or 0))
        tree.aliased += 1


def _is_same(known: Execution, found: Process) -> bool:
    """The one known was executed after the fork that the scan tells of, in the same pid; and it is the same image."""
    if not _is_executed_after(known, found):
        return False
    if known.arguments == found.arguments[:LONGEST] and (known.arguments or basename(found.binary) in BOXES):
        return True
    return not known.binary or _leads_to(known.binary, found.binary) or _is_script(known)


def _is_executed_after(known: Execution, found: Process) -> bool:
    one, other = decode_exec_id(known.exec_id), decode_exec_id(found.exec_id)
    if one is not None and other is not None:
        return one.since_boot >= other.since_boot
    return known.start >= (nanoseconds(found.start_time) or 0)


def _is_script(execution: Execution) -> bool:
    """The kernel puts a script's path between its interpreter's options and the script's own arguments."""
    name, cwd = execution.binary, execution.cwd
    words = execution.arguments.split(" ", _MOST_WORDS)[:_MOST_WORDS]
    return any(word == name or (word and f"{cwd.rstrip('/')}/{word.removeprefix('./')}" == name) for word in words)


def _leads_to(link: str, binary: str) -> bool:
    """/bin is a link to /usr/bin; and python3 one to python3.11, sh one to dash or busybox."""
    name, target = basename(link), basename(binary)
    if target.startswith(name):
        return target == name or not target[len(name)].isalpha()
    return name == "sh" and (target in SHELLS or target in BOXES)


def _renamed(tree: Tree, event: Event, process: Process) -> Event:
    aliases = tree.aliases
    process = _process(tree, process)
    parent = _process(tree, event.parent) if event.parent is not None else None
    ancestors = event.ancestors
    if ancestors and any(each.exec_id in aliases or each.parent_exec_id in aliases for each in ancestors):
        ancestors = [_process(tree, each) for each in ancestors]
    if process is event.process and parent is event.parent and ancestors is event.ancestors:
        return event
    return replace(event, process=process, parent=parent, ancestors=ancestors)


def _process(tree: Tree, process: Process) -> Process:
    exec_id = tree.aliases.get(process.exec_id)
    if exec_id is None:
        above = tree.aliases.get(process.parent_exec_id)
        return replace(process, parent_exec_id=above) if above is not None and above != process.exec_id else process
    known = tree.executions[exec_id]
    above = known.parent or tree.aliases.get(process.parent_exec_id, process.parent_exec_id)
    return replace(
        process,
        exec_id=exec_id,
        parent_exec_id=above if above != exec_id else "",
        binary=_whole(known.binary, process.binary) if known.binary else process.binary,
        arguments=_whole(known.arguments, process.arguments) if known.binary else process.arguments,
        start_time=rfc3339(known.start) if known.start else process.start_time,
    )


def _whole(known: str, given: str) -> str:
    """What is long is not remembered to its end."""
    return given if len(known) == LONGEST and given.startswith(known) else known
