"""TracingPolicies: what tetrastash would make of their events."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.check.samples import TYPES, WITHOUT_SAMPLE, argument
from app.enrich.decode import decode
from schemas.located import Located
from schemas.operation import Operation, hook_name, is_named, operations
from schemas.tetragon import Event

_SEPARATOR: Final = re.compile(rb"---(?:\s|$)")
_PROCESS: Final = {"pid": 1, "binary": "/usr/bin/program", "cwd": "/"}


class _Part(BaseModel):
    """With the names of the YAML. What Tetragon reads besides is not for here to judge."""

    model_config = ConfigDict(frozen=True, strict=True)


class Argument(_Part):
    index: Annotated[int, Field(ge=0)] = 0
    type: str
    label: str = ""


class ArgumentMatch(_Part):
    index: int = 0
    operator: str = ""
    values: list[Any] | None = None


class Selector(_Part):
    matchArgs: list[ArgumentMatch] = []


class _Hook(_Part):
    args: list[Argument] = []
    returnArg: Argument | None = None
    selectors: list[Selector] = []


class Kprobe(_Hook):
    call: str
    syscall: bool = True  # as the definition of the resource has it


class Tracepoint(_Hook):
    subsystem: str
    event: str


class Lsmhook(_Hook):
    hook: str


class Userspace(_Hook):
    path: str
    symbols: list[str] = []
    provider: str = ""
    name: str = ""


class Spec(_Part):
    kprobes: list[Kprobe] = []
    fentries: list[Kprobe] = []
    tracepoints: list[Tracepoint] = []
    lsmhooks: list[Lsmhook] = []
    uprobes: list[Userspace] = []
    usdts: list[Userspace] = []
    loader: bool = False


class Metadata(_Part):
    name: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", max_length=253),
    ]


class Policy(_Part):
    model_config = ConfigDict(extra="forbid")

    apiVersion: Literal["cilium.io/v1alpha1"]
    kind: Literal["TracingPolicy", "TracingPolicyNamespaced"]
    metadata: Metadata
    spec: Spec


class Decoded(NamedTuple):
    """`named`: by its hook, not by the types of its arguments alone. `operations` of all that its selectors ask for."""

    hook: str
    named: bool
    operations: tuple[Operation, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(operation.kind for operation in self.operations))


def read_policies(text: bytes, file: str) -> list[Policy]:
    """Of a file that may hold several. Raises ValueError, naming the line."""
    found = []
    for part in _parts(text):
        located = Located(part, file)
        if located.value:
            found.append(located.read(Policy))
            _refuse_types(located, found[-1])
    if not found:
        raise ValueError(f"{file} holds no policy. Expected a TracingPolicy.")
    return found


def decoded(policy: Policy) -> list[Decoded]:
    return [
        Decoded(name, all(map(is_named, events)), tuple(each for event in events for each in operations(event)))
        for name, events in _hooks(policy.spec)
    ]


def _parts(text: bytes) -> Iterator[bytes]:
    """Each document, with nothing where the others stood: so lines keep their numbers."""
    lines = text.split(b"\n")
    starts = [number for number, line in enumerate(lines) if _SEPARATOR.match(line)]
    for start, end in zip([0, *starts], [*starts, len(lines)], strict=True):
        yield b"\n" * start + b"\n".join(lines[start:end])


def _refuse_types(located: Located, policy: Policy) -> None:
    for part in ("kprobes", "fentries", "tracepoints", "lsmhooks", "uprobes", "usdts"):
        for place, hook in enumerate(getattr(policy.spec, part)):
            for position, each in enumerate(hook.args):
                if each.type not in TYPES and each.type not in WITHOUT_SAMPLE:
                    where = located.where(("spec", part, place, "args", position, "type"))
                    raise ValueError(
                        f"{where}: there is no type {each.type!r}. Expected one of Tetragon's: "
                        f"{', '.join(sorted({*TYPES, *WITHOUT_SAMPLE}))}."
                    )


def _hooks(spec: Spec) -> Iterator[tuple[str, list[Event]]]:
    for call in (*spec.kprobes, *spec.fentries):
        name = f"__x64_{call.call}" if call.syscall and call.call.startswith("sys_") else call.call
        yield call.call, _events(call, "process_kprobe", {"function_name": name})
    for point in spec.tracepoints:
        about = {"subsys": point.subsystem, "event": point.event}
        yield f"{point.subsystem}/{point.event}", _events(point, "process_tracepoint", about)
    for lsm in spec.lsmhooks:
        yield lsm.hook, _events(lsm, "process_lsm", {"function_name": hook_name(lsm.hook)})
    for uprobe in spec.uprobes:
        about = {"path": uprobe.path, "symbol": ",".join(uprobe.symbols)}
        yield f"{uprobe.path} {about['symbol']}", _events(uprobe, "process_uprobe", about)
    for usdt in spec.usdts:
        about = {"path": usdt.path, "provider": usdt.provider, "name": usdt.name}
        yield f"{usdt.path} {usdt.provider}:{usdt.name}", _events(usdt, "process_usdt", about)
    if spec.loader:
        yield "loader", [_event("process_loader", {"path": "/usr/lib/library.so"})]


def _events(hook: _Hook, name: str, about: Mapping[str, Any]) -> list[Event]:
    """One for each set of numbers that the selectors ask for."""
    returned = {}
    if hook.returnArg is not None:
        returned["return"] = argument(hook.returnArg.type, 0, 0, hook.returnArg.label)
    wanted: Sequence[Mapping[int, int]] = [_numbers(selector) for selector in hook.selectors] or [{}]
    events = []
    for numbers in wanted:
        args = [argument(each.type, each.index, numbers.get(each.index, 0), each.label) for each in hook.args]
        told = {"args": [each for each in args if each is not None], **{k: v for k, v in returned.items() if v}}
        events.append(_event(name, {**about, **told}))
    return events


def _event(name: str, body: Mapping[str, Any]) -> Event:
    return decode(orjson.dumps({name: {"process": _PROCESS, **body}}))[0]


def _numbers(selector: Selector) -> dict[int, int]:
    """By the argument's index: the first that it may be equal to, or have bits of."""
    found = {}
    for match in selector.matchArgs:
        if match.operator in ("Equal", "Mask", "InRange") and match.values:
            try:
                found[match.index] = int(str(match.values[0]), 0)
            except ValueError:
                continue  # a path or an address
    return found
