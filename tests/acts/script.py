"""What programs do, written down line by line, as the events by which Tetragon tells of it.

A line is a program, started by the one that it stands below, or what that one does:

    {uid=33} /usr/sbin/nginx -g "daemon off;"      a program
      open /proc/1/fd/1                            a verb of tests.acts.deeds, or one that stands for several of them
      => /usr/sbin/nginx                           it executes another program in its place

Of a program, `uid=`, `auid=`, `cwd=`, `setuid`, `unlinked` (its file) and `env=NAME=VALUE` may be said; of one that
begins in a pod, `joined` (it came later, from outside) and `probe`; of a deed `failed`.

It begins at a place of tests.acts.beginnings: `host`, `pod IMAGE [ns=NAMESPACE] [privileged] [shared=pid,net]
[caps=NET_ADMIN]`, the shell of a `user` or of `root`, …
"""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from examples import hooks
from examples.events import Process
from examples.node import Changes, Node
from examples.pods import Pod
from tests.acts.beginnings import begun, machine
from tests.acts.deeds import Hook, hook_of
from tests.acts.policies import is_asked_for

TOGETHER: Final = {"put": ("create", "write"), "unix": ("unix-allowed", "unix-connected")}

_PARTS: Final = re.compile(r"(?:\{([^}]*)\} *)?(=> )?(.*)")


class Line(NamedTuple):
    number: int
    depth: int  # how many processes of the script it is below
    text: str

    @classmethod
    def of(cls, number: int, written: str) -> "Line":
        return cls(number, (len(written) - len(written.lstrip(" "))) // 2, written.strip())


class Told(NamedTuple):
    node: str
    before: list[bytes]  # what its log has of the time before the first line
    lines: list[bytes]


def told(where: str, script: list[Line], *, as_asked: bool = False) -> Told:
    """All that a hook of deploy/policies could tell; `as_asked`, no more than these policies ask for.

    Raises ValueError, naming the line.
    """
    node = machine()
    teller = _Teller(node, *begun(node, where), as_asked)
    before = _taken(node)
    for line in script:
        try:
            teller.tell(line)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ValueError(f"line {line.number}: {line.text!r} is nothing known: {error!r}") from error
    return Told(node.name, before, _taken(node))


def _taken(node: Node) -> list[bytes]:
    return [line for _, line in node.taken()]


class _Teller:
    def __init__(self, node: Node, root: Process, pod: Pod | None, as_asked: bool) -> None:
        self._node = node
        self._pod = pod
        self._as_asked = as_asked
        self._line = [root]  # by depth; each is the parent of the next

    def tell(self, line: Line) -> None:
        parts = _PARTS.fullmatch(line.text)
        assert parts is not None
        given = dict(each.partition("=")[::2] for each in (parts[1] or "").split())
        verb, *words = shlex.split(parts[3])
        del self._line[line.depth + 1 :]
        above = self._line[line.depth]
        if parts[2]:
            self._line[line.depth] = self._begun(above, [verb, *words], given, in_place=True)
        elif verb.startswith(("/", "memfd:")):
            self._line.append(self._begun(above, [verb, *words], given))
        else:
            for each in TOGETHER.get(verb, (verb,)):
                self._report(above, hook_of(self._node, above, each, *words), failed="failed" in given)

    def _begun(self, above: Process, words: list[str], given: Mapping[str, str], *, in_place: bool = False) -> Process:
        changes: Changes = {}
        for name in ("uid", "auid"):
            if name in given:
                changes[name] = int(given[name])
        if "cwd" in given:
            changes["cwd"] = given["cwd"]
        if "setuid" in given:
            changes |= {"is_setuid": True, "uid": 0}
        if self._pod is not None and above.pod is None:
            changes |= {"pod": self._pod, "in_init_tree": "joined" not in given, "is_probe": "probe" in given}
        run = self._node.exec if in_place else self._node.clone
        process = run(above, words[0], *words[1:], **changes)
        if "unlinked" in given:
            self._amend(binary_properties={"file": {"inode": {"number": "9", "links": 0}}})
        if "env" in given:
            name, _, value = given["env"].partition("=")
            self._amend(environment_variables=[{"Key": name, "Value": value}])
        return process

    def _amend(self, **more: Any) -> None:
        """The last execution has more members."""
        time, line = self._node._log.pop()
        event = json.loads(line)
        event["process_exec"]["process"] |= more
        self._node._log.append((time, json.dumps(event).encode()))

    def _report(self, process: Process, hook: Hook, *, failed: bool) -> None:
        if self._as_asked and not is_asked_for(hook, process):
            return
        body: dict[str, Any] = {"function_name": hook.function, "args": hook.arguments, "action": hooks.POST}
        body["policy_name"] = f"tetrastash-{hook.policy}"
        if hook.returns or failed:
            body |= {"return": {"int_arg": hooks.EACCES if failed else 0}, "return_action": hooks.POST}
        self._node.report("process_kprobe", process, body)
