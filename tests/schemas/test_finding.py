"""What findings come to in a document's terms."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.attack import TACTICS, TECHNIQUES
from schemas.fim.taxonomy import built_in
from schemas.finding import Finding, conclude
from schemas.privilege.elevation import TECHNIQUES as OF_PRIVILEGE

FINDINGS = st.builds(
    Finding,
    rule=st.sampled_from(["a.one", "b.two", "c.three"]),
    severity=st.integers(1, 4),
    reason=st.text(),
    fields=st.lists(st.sampled_from(["file.path", "process.name"]), min_size=1),
    techniques=st.lists(st.sampled_from([*TECHNIQUES, "T9999", "T9999.001"])),
)


def plain(part: Any) -> Any:
    return json.loads(orjson.dumps(part))


def test_the_gravest_comes_first_and_names_severity_and_risk() -> None:
    low = Finding("fim.shadow", 2, "read", ["file.path"], ["T1003.008"])
    high = Finding("escape.mount", 4, "mounted", ["process.name"], ["T1611", "T1003"])
    told = conclude([low, high])

    assert plain(told.findings) == [
        {"rule": "escape.mount", "severity": 4, "reason": "mounted", "fields": ["process.name"]},
        {"rule": "fim.shadow", "severity": 2, "reason": "read", "fields": ["file.path"]},
    ]
    assert (told.severity, told.risk) == (4, 99.0)
    assert plain(told.threat) == {
        "framework": "MITRE ATT&CK",
        "tactic": {"id": ["TA0004", "TA0006"], "name": ["Privilege Escalation", "Credential Access"]},
        "technique": {
            "id": ["T1611", "T1003"],
            "name": ["Escape to Host", "OS Credential Dumping"],
            "subtechnique": {"id": ["T1003.008"], "name": ["/etc/passwd and /etc/shadow"]},
        },
    }


def test_a_technique_that_is_not_known_is_told_by_its_id() -> None:
    told = conclude([Finding("own.rule", 1, "", ["tags"], ["T9999.001"])])

    assert plain(told.threat) == {
        "framework": "MITRE ATT&CK",
        "technique": {"id": ["T9999"], "subtechnique": {"id": ["T9999.001"]}},
    }


@given(st.lists(FINDINGS, min_size=1))
def test_the_order_in_which_agents_find_does_not_matter(found: list[Finding]) -> None:
    one, other = conclude(found), conclude(reversed(found))

    assert [each["severity"] for each in plain(one.findings)] == sorted((each.severity for each in found), reverse=True)
    assert (one.severity, one.risk) == (other.severity, other.risk)
    assert sorted(map(str, plain(one.findings))) == sorted(map(str, plain(other.findings)))
    assert {each for found in plain(one.findings) for each in found["fields"]} <= {"file.path", "process.name"}


@pytest.mark.parametrize("severity", [0, 5, "high", None])
def test_a_severity_that_is_none_is_refused(severity: Any) -> None:
    with pytest.raises(ValueError, match=r"'own\.rule' has severity"):
        Finding("own.rule", severity, "", ["tags"])


@pytest.mark.parametrize(
    "given", [("", 1, "", ["tags"]), ("own.rule", 1, "", []), ("own.rule", 1, 5, ["tags"]), ("own.rule", 1, "", [5])]
)
def test_what_is_no_finding_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="Expected a rule"):
        Finding(*given)


def test_every_technique_that_is_named_is_known_and_serves_known_tactics() -> None:
    named = {each for category in built_in().categories for access in (category.read, category.write)
             for each in access.technique}  # fmt: skip
    named |= set(OF_PRIVILEGE.values())

    assert named <= set(TECHNIQUES)
    assert {each.partition(".")[0] for each in TECHNIQUES} <= set(TECHNIQUES)
    assert {tactic for _, tactics in TECHNIQUES.values() for tactic in tactics.split()} <= set(TACTICS)
