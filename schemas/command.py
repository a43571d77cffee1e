"""The fields of ECS that follow from what was run."""

from functools import lru_cache
from typing import Any

from schemas.arguments import split_arguments
from schemas.lineage import basename


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
