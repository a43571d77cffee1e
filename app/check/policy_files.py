"""Files of TracingPolicies, and what is told of each."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from app.check.finding import Finding, failed, ok, refused, warning
from app.check.policies import Decoded, Policy, decoded, read_policies


def policy_findings(paths: Sequence[str]) -> Iterator[Finding]:
    """`paths` are files, and folders of .yaml and .yml files."""
    for given in map(Path, paths):
        files = (
            sorted(each for each in given.iterdir() if each.suffix in (".yaml", ".yml")) if given.is_dir() else [given]
        )
        if not files:
            yield failed("policies", f"{str(given)!r} holds no .yaml file.", "Expected TracingPolicies in it.")
        for file in files:
            yield from _of_file(file)


def _of_file(file: Path) -> Iterator[Finding]:
    try:
        policies = read_policies(file.read_bytes(), str(file))
    except OSError as error:
        yield failed(
            "policies",
            f"{str(file)!r} cannot be read: {error.strerror}.",
            "Expected a TracingPolicy, or a folder of them.",
        )
    except ValueError as error:
        yield refused("policies", str(error))
    else:
        for policy in policies:
            yield from policy_told(policy, str(file))


def policy_told(policy: Policy, file: str) -> Iterator[Finding]:
    hooks = decoded(policy)
    known = [hook for hook in hooks if hook.named and hook.operations]
    by_arguments = [hook for hook in hooks if not hook.named and hook.operations]
    raw = [hook for hook in hooks if not hook.operations]
    where = f"{policy.metadata.name} ({file})"
    if not hooks:
        yield warning(
            "policies", f"{where} asks for no hook.", "Expected kprobes, lsmhooks or tracepoints in its spec."
        )
    if known:
        yield ok("policies", f"{where}: {_told(known)}")
    if by_arguments:
        yield warning(
            "policies",
            f"{where}: known by the types of their arguments alone: {_told(by_arguments)}.",
            "Their events become documents; what the hook means is not told.",
        )
    if raw:
        yield warning(
            "policies",
            f"{where}: carried as they are: {', '.join(hook.hook for hook in raw)}.",
            "Their events become documents without an operation: event.original and tetragon.* have all they say.",
        )


def _told(hooks: Sequence[Decoded]) -> str:
    return ", ".join(f"{hook.hook} ({', '.join(hook.kinds)})" for hook in hooks)
