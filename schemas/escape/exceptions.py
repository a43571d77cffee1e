"""What a user's file says of findings: where the host's root is mounted, and who may do what."""

import difflib
from collections.abc import Callable, Sequence
from functools import partial
from operator import eq
from typing import Final, TypeAlias

import msgspec
from pydantic import BaseModel, ConfigDict

from schemas.escape.rules import AGENT, RULES
from schemas.fim.patterns import glob, parse_root
from schemas.located import Located
from schemas.tetragon import Event, Pod

ALL: Final = f"{AGENT}.*"
_ASKED: Final = ("image", "namespace", "workload", "binary")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Entry(_Part):
    """All that it names must hold; `*` is any text."""

    rules: list[str]
    image: str | None = None  # of the container, with its tag, or as repository@digest
    namespace: str | None = None  # of the pod
    workload: str | None = None  # of the pod
    binary: str | None = None
    why: str


class File(_Part):
    roots: list[str] = []
    exceptions: list[Entry] = []


Matches: TypeAlias = Callable[[str], bool]


class Exempt(msgspec.Struct, frozen=True):
    """None where the file does not ask."""

    rules: frozenset[str]  # names without their agent's
    image: Matches | None
    namespace: Matches | None
    workload: Matches | None
    binary: Matches | None

    def holds(self, rule: str, event: Event) -> bool:
        process = event.process
        if rule not in self.rules or process is None or not (self.binary is None or self.binary(process.binary)):
            return False
        if self.image is None and self.namespace is None and self.workload is None:
            return True
        pod = process.pod
        return pod is not None and self._is_of(pod)

    def _is_of(self, pod: Pod) -> bool:
        return (
            (self.namespace is None or self.namespace(pod.namespace))
            and (self.workload is None or self.workload(pod.workload))
            and (self.image is None or any(map(self.image, _images(pod))))
        )


class Exceptions(msgspec.Struct, frozen=True):
    roots: Sequence[str] = ()
    exempt: Sequence[Exempt] = ()

    def hold(self, rule: str, event: Event) -> bool:
        return any(each.holds(rule, event) for each in self.exempt)


def _images(pod: Pod) -> Sequence[str]:
    container = pod.container
    image = container.image if container is not None else None
    return [name for name in (image.name, image.id) if name] if image is not None else []


def read_exceptions(text: bytes, file: str) -> Exceptions:
    """Raises ValueError, naming the lines."""
    located = Located(text, file)
    read = located.read(File)
    problems = [f"{located.where(('roots', place))}: {problem}." for place, problem in _wrong_roots(read.roots)]
    for place, entry in enumerate(read.exceptions):
        problems += _wrong(located, place, entry)
    if problems:
        raise ValueError("\n".join(problems))
    return Exceptions(tuple(read.roots), tuple(_made(entry) for entry in read.exceptions))


def _wrong_roots(roots: Sequence[str]) -> list[tuple[int, str]]:
    problems = []
    for place, root in enumerate(roots):
        try:
            parse_root(root)
        except ValueError as error:
            problems.append((place, str(error)))
    return problems


def _wrong(located: Located, place: int, entry: Entry) -> list[str]:
    where = ("exceptions", place)
    problems = []
    if not entry.rules:
        problems.append(f"{located.where((*where, 'rules'))}: 'rules' is empty. Expected names of rules, or {ALL}.")
    for position, name in enumerate(entry.rules):
        if name != ALL and name.removeprefix(f"{AGENT}.") not in RULES:
            known = [rule.full_name for rule in RULES.values()]
            close = difflib.get_close_matches(f"{AGENT}.{name.removeprefix(f'{AGENT}.')}", known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Expected some of {', '.join(known)}, or {ALL}."
            problems.append(f"{located.where((*where, 'rules', position))}: there is no rule {name!r}. {hint}")
    given = {name: getattr(entry, name) for name in _ASKED if getattr(entry, name) is not None}
    if not any(text.strip("*") for text in given.values()):
        problems.append(
            f"{located.where(where)}: the exception is for everybody. "
            f"Expected one of {', '.join(_ASKED)} with more than a *; a rule that nobody wants, name with binary: /*."
        )
    for name, text in given.items():
        if not text:
            problems.append(f"{located.where((*where, name))}: {name!r} is ''. Expected a text, with * for any.")
    return problems


def _made(entry: Entry) -> Exempt:
    rules = (
        frozenset(RULES) if ALL in entry.rules else frozenset(name.removeprefix(f"{AGENT}.") for name in entry.rules)
    )
    return Exempt(rules, *(_matching(getattr(entry, name)) for name in _ASKED))


def _matching(text: str | None) -> Matches | None:
    if text is None:
        return None
    return glob(text) if "*" in text else partial(eq, text)
