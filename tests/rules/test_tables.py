"""The tables of docs/rules.md."""

from collections import Counter

import pytest

from tests.rules.events.cases import Case
from tests.rules.events.deed import Command, Deed
from tests.rules.ordinary import Day
from tests.rules.run import DOCUMENT
from tests.rules.tables import all_tables, fired, merged
from tests.rules.test_condition import rule
from tests.rules.trial import Tried, Verdict

RULE = rule("selection:\n  Image: /bin/x\ncondition: selection")
DAY = Day([], 20_000, Counter({(4, "grave"): 3, (2, "mild"): 50}))
MET = Case("meets", Deed(Command("/bin/x")), "")
MISSED = Case("lacks", Deed(Command("/bin/y")), "Image")


def verdict(*, missed: bool = False, false: bool = False) -> Verdict:
    met, near = (Tried(RULE, case, frozenset(), frozenset()) for case in (MET, MISSED))
    return Verdict(RULE, [met], [near], [MET] * missed, [MISSED] * false, "")


def test_what_fires_and_what_does_not_is_counted() -> None:
    tables = all_tables([verdict(), verdict(missed=True, false=True)], [], {}, {}, DAY, {"a_rule": 0})

    assert "| generic, together | 2 | 1 | 2 | 1 | 2 | 1 |" in tables
    assert "| A rule | does not fire | not known |" in tables


def test_a_reason_is_told_of_what_fires_for_a_near_miss() -> None:
    tables = all_tables([verdict(false=True)], [], {}, {"a_rule": "because"}, DAY, {"a_rule": 7})

    assert "| A rule | fires for a near miss | because |" in tables
    assert "| A rule | low | 7 |" in tables


def test_only_grave_findings_count_for_the_rate() -> None:
    assert DAY.rate == 1.5


def test_a_rule_that_nothing_can_meet_does_not_fire() -> None:
    assert fired([Verdict(RULE, [], [], [], [], "")]) == (0, 1)


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="<!-- tables -->"):
        merged("# No place for tables\n", "| |")


def test_the_document_has_a_place_for_them() -> None:
    text = DOCUMENT.read_text("utf-8")

    assert merged(merged(text, "| new |"), "| new |") == merged(text, "| new |")
