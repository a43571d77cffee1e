"""The fields of ECS that follow from what was run."""

from functools import lru_cache
from typing import Any, Protocol

from schemas.arguments import split_arguments
from schemas.lineage import basename


class Program(Protocol):
    """What runs, as Tetragon tells it of an event's process, and as it is remembered."""

    @property
    def exec_id(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def binary(self) -> str: ...
    @property
    def arguments(self) -> str: ...
    @property
    def cwd(self) -> str: ...


def program_fields(program: Program) -> dict[str, Any]:
    """Members of `process` and of its like, to be added to."""
    fields = command(program.binary, program.arguments).copy() if program.binary else {}
    if program.exec_id:
        fields["entity_id"] = program.exec_id
    if program.pid is not None:
        fields["pid"] = program.pid
    if program.cwd:
        fields["working_directory"] = program.cwd
    return fields


# The same command is run again and again; a process is met again at its exit, and as a parent.
@lru_cache(maxsize=4096)
def command(binary: str, arguments: str) -> dict[str, Any]:
    """Members of `process` and of its like. To be copied."""
    name = basename(binary)
    args = (name, *split_arguments(arguments))
    return {
        "executable": binary,
        "name": name,
        "args": args,
        "args_count": len(args),
        "command_line": f"{name} {arguments}" if arguments else name,
    }
