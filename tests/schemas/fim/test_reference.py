"""The built-in taxonomy knows all that the reference taxonomy knows, where that is at hand."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.fim.classifier import Classifier
from schemas.fim.taxonomy import SEVERITIES, built_in

FILE = next(
    (
        file
        for folder in Path(__file__).resolve().parents
        if (file := folder / "shared" / "reference" / "fim_taxonomy.yaml").exists()
    ),
    None,
)
REFERENCE: list[dict[str, Any]] = yaml.safe_load(FILE.read_text())["categories"] if FILE is not None else []
TIERS = ("fallback", "area", "specific")
HOMES = ("/root", "/home/eve")
CLASSIFIER = Classifier(built_in())
OWN = {category.id: category for category in built_in().categories}

pytestmark = pytest.mark.skipif(FILE is None, reason="no shared/reference/fim_taxonomy.yaml above this folder")


def examples(pattern: str) -> list[str]:
    """Paths that it is made for."""
    homes = [pattern.replace("{home}", home) for home in HOMES] if pattern.startswith("{home}") else [pattern]
    paths = []
    for each in homes:
        anywhere = each.replace("**/", "/srv/a b/", 1) if each.startswith("**/") else each
        for name in ("z", "x-1.conf"):
            paths.append(anywhere.replace("/**/", "/m/n/").replace("/**", f"/deep/{name}").replace("*", name))
        if each.endswith("/**"):
            paths.append(anywhere.removesuffix("/**").replace("*", "z"))  # the folder itself
    return paths


@pytest.mark.parametrize("category", REFERENCE, ids=lambda category: category["id"])
def test_every_example_of_a_pattern_is_in_its_category(category: dict[str, Any]) -> None:
    missed = []
    for pattern in category["patterns"]:
        for path in examples(pattern):
            known = CLASSIFIER.classify(path).knowledge
            if known is None or category["id"] not in known.categories:
                missed.append((pattern, path, known.categories if known is not None else ()))

    assert missed == []


@pytest.mark.parametrize("category", REFERENCE, ids=lambda category: category["id"])
def test_a_category_is_as_grave_as_there(category: dict[str, Any]) -> None:
    own = OWN[category["id"]]

    assert own.tier == TIERS[category["tier"]]
    assert own.read.severity == SEVERITIES[category["read"]]
    assert own.write.severity == SEVERITIES[category["write"]]
    assert set(map(str, category.get("pci", []))) <= set(own.pci)
    assert set(category.get("cis", [])) <= set(own.cis)


def test_no_category_is_missing() -> None:
    assert len(REFERENCE) == len({category["id"] for category in REFERENCE} & OWN.keys())
