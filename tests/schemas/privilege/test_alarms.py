"""Every tag that can be grave has words for people, and a technique that is known."""

from pathlib import Path

from schemas.attack import TECHNIQUES
from schemas.privilege.alarms import REASONS, findings_of
from schemas.privilege.elevation import TECHNIQUES as OF_TAGS

PAGE = Path(__file__).parents[3] / "docs" / "privilege.md"
# Never more than low.
CONTEXT = {
    "doas",
    "elevated_child",
    "pkexec",
    "sensitive_capabilities",
    "setgid_exec",
    "su",
    "sudo",
    "traced_by_parent",
}


def test_every_tag_with_a_technique_has_a_reason() -> None:
    assert OF_TAGS.keys() - REASONS.keys() == CONTEXT
    assert set(OF_TAGS.values()) <= TECHNIQUES.keys()


def test_every_tag_is_on_the_page() -> None:
    page = PAGE.read_text("utf-8")

    assert [tag for tag in sorted(OF_TAGS.keys() | REASONS.keys()) if f"| `{tag}` |" not in page] == []


def test_a_finding_names_only_what_is_shown() -> None:
    [found] = findings_of({"uid_to_root": 4, "sudo": 1}, ("before.euid", "after.euid", "cause"))

    assert (found.rule, found.severity, found.techniques) == ("privilege.uid_to_root", 4, ("T1068",))
    assert found.fields == [
        "tetragon.privilege.tags",
        "tetragon.privilege.before.euid",
        "tetragon.privilege.after.euid",
        "tetragon.privilege.cause",
    ]
