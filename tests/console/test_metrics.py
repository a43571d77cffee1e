import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from app import console
from app.console.metrics import MEANINGS, Sample, registry


def test_values_are_read_when_somebody_asks() -> None:
    lines = 1
    made = registry(
        lambda: [Sample("tetrastash_shipped_lines_total", lines)],
        lambda: [Sample("tetrastash_lag_records", p, ("enrich", str(p))) for p in range(2)],
    )
    assert b"\ntetrastash_shipped_lines_total 1.0\n" in generate_latest(made)
    lines = 2
    text = generate_latest(made)
    assert b"\ntetrastash_shipped_lines_total 2.0\n" in text
    assert b'\ntetrastash_lag_records{partition="1",stage="enrich"} 1.0\n' in text
    assert b"\n# HELP tetrastash_lag_records Records that wait in a partition.\n" in text
    assert b"\nprocess_resident_memory_bytes " in text


def test_a_metric_without_a_meaning_is_refused() -> None:
    with pytest.raises(KeyError, match="tetrastash_unheard_of"):
        generate_latest(registry(lambda: [Sample("tetrastash_unheard_of", 1)]))


def test_names_follow_the_customs_of_prometheus() -> None:
    for name, meaning in MEANINGS.items():
        assert re.fullmatch(r"tetrastash_[a-z_]+[a-z]", name)
        assert name.endswith("_total") == (meaning.kind == "counter")
        assert meaning.description.endswith(".")


def test_each_metric_that_has_a_meaning_is_measured_somewhere() -> None:
    app = Path(console.__file__).parent.parent
    measured = "".join(path.read_text() for path in app.rglob("*.py") if path.parent.name != "console")
    assert [name for name in MEANINGS if f'"{name}"' not in measured] == []
