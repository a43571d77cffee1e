"""The alert rules ask for metrics that there are, by labels that they have."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.console.metrics import MEANINGS

GROUPS = yaml.safe_load(Path("deploy/alerts.yaml").read_text("utf-8"))["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_a_rule_asks_for_what_is_there(rule: dict[str, Any]) -> None:
    metrics = re.findall(r"tetrastash_\w+", rule["expr"])
    assert metrics
    for name in metrics:
        assert name in MEANINGS
        counted = f"increase({name}[" in rule["expr"]
        assert counted == (MEANINGS[name].kind == "counter"), "a counter is asked for its increase, a gauge is not"
    grouped = re.search(r"by \(([^)]*)\)", rule["expr"])
    labels = set(re.split(r",\s*", grouped[1])) if grouped else {"instance"}
    for name in metrics if grouped else ():
        assert labels <= set(MEANINGS[name].labels)
    used = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert used <= labels
    assert rule["labels"]["severity"] in ("warning", "critical")
