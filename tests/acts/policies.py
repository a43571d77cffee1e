"""Which events the TracingPolicies in deploy/policies ask for, as the kernel decides it."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

import yaml

from examples.events import Process
from tests.acts.deeds import Hook

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "policies"

_Selector = Mapping[str, Sequence[Mapping[str, Any]]]


def _probes() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        for probe in yaml.safe_load(file.read_bytes())["spec"]["kprobes"]:
            found.setdefault(probe["call"], []).append(probe)
    return found


PROBES: Final = _probes()


def is_asked_for(hook: Hook, process: Process) -> bool:
    compared = [_compared(each) for each in hook.arguments]
    return any(
        any(_matches(selector, _placed(probe, compared), process) for selector in probe.get("selectors", [{}]))
        for probe in PROBES.get(hook.function.removeprefix("__x64_"), ())
    )


def _compared(argument: Mapping[str, Any]) -> str | int:
    """A socket by its other end, what has a path by that."""
    value = next(each for name, each in argument.items() if name != "label")
    if isinstance(value, dict):
        value = value.get("daddr") or value.get("path", "")
    found: str | int = value
    return found


def _placed(probe: Mapping[str, Any], compared: Sequence[str | int]) -> dict[int, str | int]:
    """By the place in the kernel's function; the event has those that the policy takes, in its order."""
    taken = [each["index"] for each in probe["args"] if each["type"] != "nop"]
    return dict(zip(taken, compared, strict=True))


def _matches(selector: _Selector, arguments: Mapping[int, str | int], process: Process) -> bool:
    # All of them ask for what is the host's, or is not.
    if any((each["operator"] == "In") != (process.pod is None) for each in selector.get("matchNamespaces", ())):
        return False
    # The only one asks for who has not CAP_SYS_ADMIN.
    if "matchCapabilities" in selector and process.uid == 0 and (process.pod is None or process.pod.is_privileged):
        return False
    if not all(
        _compares(each["operator"], process.binary, each["values"]) for each in selector.get("matchBinaries", ())
    ):
        return False
    return all(
        each["index"] in arguments and _compares(each["operator"], arguments[each["index"]], each["values"])
        for each in selector.get("matchArgs", ())
    )


def _compares(operator: str, given: str | int, values: Sequence[str]) -> bool:
    if operator == "Mask":
        return any(int(given) & int(value) for value in values)
    text = str(given)
    if operator == "NotDAddr":
        return not any(ip_address(text) in ip_network(value) for value in values)
    if operator in ("Prefix", "NotPrefix"):
        return text.startswith(tuple(values)) == (operator == "Prefix")
    return text.endswith(tuple(values)) if operator == "Postfix" else text in values
