"""Events made of the types in `schemas`. Each value is there once, to be looked for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar, get_args, get_origin

import msgspec

from schemas.operation import args as kprobe_args
from schemas.tetragon import BODIES, Body, Capabilities, Credentials, Line, Namespaces, Pod

T = TypeVar("T")

RAW: Final[Mapping[str, Any]] = {
    "pod": Pod,
    "cap": Capabilities,
    "ns": Namespaces,
    "process_credentials": Credentials,
    "args": list[kprobe_args.Argument],
    "data": list[kprobe_args.Argument],
    "return": kprobe_args.Argument,
    "node_labels": Mapping[str, str],
}
_LETTERS: Final = str.maketrans("0123456789v", "ABCDEFGHIJV")  # ECS has no digits in a capability's name
_HOLDERS: Final = (list, Sequence, Mapping)


class Frame(msgspec.Struct):
    address: str = ""
    offset: str = ""
    symbol: str = ""
    module: str = ""


class Choice(Protocol):
    def chance(self) -> bool: ...
    def one_of(self, choices: Sequence[T]) -> T: ...


class Everything:
    """Each member is there, once."""

    def chance(self) -> bool:
        return True

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[0]


class Made:
    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._number = 0

    def event(self, name: str) -> dict[str, Any]:
        body = self.struct(BODIES.get(name, Body))
        if name not in BODIES:
            body |= {"source_ip": "192.0.2.1", "stats": {"bytes_sent": "70000", f"more{self.one()}": self.text("")}}
        self._relate(body.get("process"), body.get("parent"))
        if self._choice.chance():
            body[f"new{self.one()}"] = {"a": [self.text(""), self.one() + 200_000]}
        envelope = [field for field in msgspec.structs.fields(Line) if field.encode_name not in BODIES]
        told = {each.encode_name: self.of(each.type, each.encode_name) for each in envelope if self._choice.chance()}
        return {name: body, **told}

    def one(self) -> int:
        self._number += 1
        return self._number

    def of(self, kind: Any, name: str) -> Any:
        kind = _plain(kind)
        if kind is msgspec.Raw:
            if name.endswith("stack_trace"):
                kind = list[Frame]
            elif name in RAW:
                kind = RAW[name]
            else:
                return str(500_000 + self.one())  # 64 bits
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self.struct(kind)
        if get_origin(kind) in (list, Sequence):
            return [self.of(get_args(kind)[0], name) for _ in range(self._choice.one_of((1, 2)))]
        if get_origin(kind) is Mapping:
            return {f"app.kubernetes.io/k{self.one()}": self.text("label")}
        if kind is bool:
            return self._choice.chance()
        return 100_000 + self.one() if kind is int else self.text(name)

    def struct(self, kind: type[msgspec.Struct]) -> dict[str, Any]:
        return {
            field.encode_name: self.of(field.type, field.encode_name)
            for field in msgspec.structs.fields(kind)
            if self._choice.chance()
        }

    def text(self, name: str) -> str:
        token = f"v{self.one()}v"
        if name in ("time", "start_time"):
            return f"2024-01-01T00:00:00.{self.one():06d}Z"
        if name in ("permitted", "effective", "inheritable"):
            return self._choice.one_of(("CAP_{}", "DAC_OVERRIDE", "CAP_KILL")).format(token.translate(_LETTERS))
        if name == "flags":
            return f"execve clone {token}"
        if name == "arguments":
            return f'-c "{token} x" {token}y'
        if name == "docker":
            return token.ljust(31, "0")
        if name == "id":
            return self._choice.one_of(("containerd://{}", "reg/a@sha256:{}", "sha256:{}", "{}")).format(token)
        if name == "name":
            return self._choice.one_of(("{}", "reg/a", "reg/{}:{}")).format(token, token)
        return token

    def _relate(self, process: dict[str, Any] | None, parent: dict[str, Any] | None) -> None:
        """As Tetragon has it: one is the other's parent, and those in one container are in one pod."""
        if process is None or parent is None:
            return
        if "parent_exec_id" in process:
            process["parent_exec_id"] = parent.setdefault("exec_id", process["parent_exec_id"])
        if "docker" in process and "docker" in parent and not self._choice.chance():
            parent["docker"] = process["docker"]
            parent.pop("pod", None)
            if "pod" in process:
                parent["pod"] = process["pod"]


def _plain(kind: Any) -> Any:
    """Without what a member may be besides, and without limits."""
    choices = [each for each in get_args(kind) if each is not type(None)] if get_origin(kind) not in _HOLDERS else []
    return _plain(choices[0]) if choices else kind


def leaves(value: Any, under: str = "") -> Iterator[tuple[str, Any]]:
    """With places in lists as members."""
    members = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else None
    if members is None:
        yield under, value
    else:
        for name, each in members:
            yield from leaves(each, f"{under}.{name}" if under else str(name))
