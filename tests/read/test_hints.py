import pytest

from app.read.hints import hints
from app.read.taken import Role
from app.read.where import read_condition


@pytest.mark.parametrize(
    ("role", "condition", "expected"),
    [
        ("documents", "process.name=x", []),
        ("documents", "tetragon.fim", []),
        ("events", "labels.mine=x", []),
        ("events", "kubernetes.labels.app=x", []),
        ("rejected", "origin", []),
        ("rejected", "origin.offset>1", []),
        ("documents", "proces.name=x", ["No field 'proces.name' is known of documents. Did you mean process.name?"]),
        ("rejected", "stge=x", ["No field 'stge' is known of rejected. Did you mean stage?"]),
        ("rejected", "process.name=x", ["No field 'process.name' is known of rejected."]),
        ("documents", "process.na", ["No field 'process.na' is known of documents. Did you mean process.name?"]),
    ],
)
def test_a_field_that_nothing_has_is_told_with_what_was_meant(role: Role, condition: str, expected: list[str]) -> None:
    assert list(hints(role, [read_condition(condition)] * 2)) == expected
