"""What in an event is worth an analyst's look: why, how grave it is, and which fields show it."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from orjson import Fragment

from schemas.attack import FRAMEWORK, TACTICS, TECHNIQUES
from schemas.fragment import fragment

FOUND: Final = 2  # medium: from here on what an agent has judged is a finding, unless it says otherwise

# By severity, as Elastic's own rules score low, medium, high and critical.
_RISKS: Final = {1: 21.0, 2: 47.0, 3: 73.0, 4: 99.0}


class Finding(msgspec.Struct, frozen=True, gc=False):
    """Context that is no more than that, like a shell or sudo, is for tags. Raises ValueError for no finding."""

    rule: str  # its agent and a name, like escape.core_pattern: what an exception names
    severity: int  # 1 low, 2 medium, 3 high, 4 critical
    reason: str  # for people
    fields: Sequence[str]  # names of the document's fields that show it
    techniques: Sequence[str] = ()  # of MITRE ATT&CK, like T1611

    def __post_init__(self) -> None:
        texts = (self.rule, self.reason, *self.fields, *self.techniques)
        if not (self.rule and self.fields and all(isinstance(text, str) for text in texts)):
            raise ValueError(
                f"finding {texts!r}. Expected a rule, a reason, names of fields and of techniques as text."
            )
        if self.severity not in _RISKS:
            raise ValueError(f"finding {self.rule!r} has severity {self.severity!r}. Expected 1, 2, 3 or 4.")


class Conclusion(msgspec.Struct, frozen=True, gc=False):
    """What all findings of one event come to, in the document's terms."""

    findings: Fragment  # the gravest first
    severity: int
    risk: float
    threat: Fragment | None


def conclude(found: Iterable[Finding]) -> Conclusion:
    """Of at least one. Its order does not matter."""
    ordered = sorted(found, key=lambda each: (-each.severity, each.rule, each.reason))
    told = [
        {"rule": each.rule, "severity": each.severity, "reason": each.reason, "fields": list(each.fields)}
        for each in ordered
    ]
    severity = ordered[0].severity
    techniques = tuple(dict.fromkeys(name for each in ordered for name in each.techniques))
    return Conclusion(fragment(told), severity, _RISKS[severity], _threat(techniques) if techniques else None)


@lru_cache(maxsize=1024)
def _threat(techniques: Sequence[str]) -> Fragment:
    """One that is not known here is told by its id alone."""
    whole = list(dict.fromkeys(each.partition(".")[0] for each in techniques))
    parts = [each for each in techniques if "." in each]
    tactics = sorted({tactic for each in techniques if each in TECHNIQUES for tactic in TECHNIQUES[each][1].split()})
    technique = _named(whole)
    if parts:
        technique["subtechnique"] = _named(parts)
    threat: dict[str, Any] = {"framework": FRAMEWORK, "technique": technique}
    if tactics:
        threat["tactic"] = {"id": tactics, "name": [TACTICS[each] for each in tactics]}
    return fragment(threat)


def _named(ids: Sequence[str]) -> dict[str, Any]:
    names = [TECHNIQUES[each][0] for each in ids if each in TECHNIQUES]
    return {"id": ids, **({"name": names} if names else {})}
