"""Sigma's rules for Linux, where they lie beside the project, and what the pipeline for users makes of them."""

import os
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import pytest
import yaml
from sigma.backends.elasticsearch.elasticsearch_lucene import LuceneBackend
from sigma.processing.pipeline import ProcessingPipeline
from sigma.processing.resolver import ProcessingPipelineResolver
from sigma.rule import SigmaRule

from tests.rules.events.deed import Category

ROOT: Final = Path(__file__).parents[2]
PIPELINE: Final = ROOT / "deploy" / "sigma" / "tetragon.yaml"
AUDITD: Final = PIPELINE.with_name("auditd.yaml")
EXPRESSIONS: Final = PIPELINE.with_name("expressions.yaml")
RULES: Final = Path(os.environ.get("SIGMA_RULES") or ROOT.parent / "shared" / "sigma")
GROUPS: Final[tuple[Category, ...]] = get_args(Category)
ABSENT: Final = f"no rules of Sigma in {RULES}; SIGMA_RULES names another folder, such as rules/linux of SigmaHQ/sigma"

with_rules: Final = pytest.mark.skipif(not RULES.is_dir(), reason=ABSENT)


class Rule(NamedTuple):
    name: str  # of the file
    group: Category
    title: str
    level: str
    text: str

    @property
    def condition(self) -> Any:
        """What pySigma makes of it, without any pipeline."""
        [parsed] = _parsed(self.text).detection.parsed_condition
        return parsed.parsed

    def query(self, *, alone: bool = False) -> str:
        """`alone`: without what mends regular expressions."""
        mapping = AUDITD if self.group == "auditd" else PIPELINE
        pipelines = (mapping,) if alone else (mapping, EXPRESSIONS)
        # A conversion changes the rule that it is given.
        return str(LuceneBackend(_joined(pipelines)).convert_rule(_parsed(self.text))[0])


def rules() -> list[Rule]:
    """By group and name: those about an activity, then those about what auditd tells."""
    found = [rule_of(file.read_text("utf-8"), file.stem) for file in sorted(RULES.rglob("*.yml"))]
    return sorted((rule for rule in found if rule is not None), key=lambda rule: GROUPS.index(rule.group))


def rule_of(text: str, name: str) -> Rule | None:
    parsed = _parsed(text)
    source = parsed.logsource
    group = next((each for each in GROUPS if each in (source.category, source.service)), None)
    if group is None or source.product != "linux":
        return None
    return Rule(name, group, parsed.title, str(parsed.level).lower(), text)


@cache
def _joined(files: tuple[Path, ...]) -> ProcessingPipeline:
    """As `sigma convert -t lucene -p … -p …` has it."""
    return ProcessingPipelineResolver().resolve([str(file) for file in files], "lucene")


def _parsed(text: str) -> SigmaRule:
    # SigmaCollection reads with PyYAML's slow loader, which would take most of the time.
    return SigmaRule.from_dict(yaml.load(text, Loader=yaml.CSafeLoader))
