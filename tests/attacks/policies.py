"""Which events the TracingPolicies in deploy/policies ask for, as the kernel decides it."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "policies"

_Selector = Mapping[str, Sequence[Mapping[str, Any]]]


def _probes() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        for probe in yaml.safe_load(file.read_bytes())["spec"]["kprobes"]:
            found.setdefault(probe["call"], []).append(probe)
    return found


PROBES: Final = _probes()


def is_asked_for(call: str, arguments: Mapping[int, str | int], binary: str, *, contained: bool, may_all: bool) -> bool:
    """`arguments` by their place in the kernel's function. `may_all`: it has CAP_SYS_ADMIN."""
    return any(
        any(
            _matches(selector, arguments, binary, contained=contained, may_all=may_all)
            for selector in probe.get("selectors", [{}])
        )
        for probe in PROBES.get(call, ())
    )


def _matches(
    selector: _Selector, arguments: Mapping[int, str | int], binary: str, *, contained: bool, may_all: bool
) -> bool:
    if "matchNamespaces" in selector and not contained:  # all of them ask for what is not the host's
        return False
    if "matchCapabilities" in selector and may_all:  # the only one asks for who may not
        return False
    if not all(_compares(each["operator"], binary, each["values"]) for each in selector.get("matchBinaries", ())):
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
    if operator == "Prefix":
        return text.startswith(tuple(values))
    return text.endswith(tuple(values)) if operator == "Postfix" else text in values
