"""What the paths of the bench are: many, different, and of all that the taxonomy knows some."""

from bench.paths import PATHS, paths
from schemas.fim.classifier import Classifier
from schemas.fim.taxonomy import built_in


def test_paths_are_the_same_each_time_and_no_two_are_alike() -> None:
    assert paths(500) == paths(500)
    assert len(set(paths(PATHS))) == PATHS


def test_paths_are_known_well_in_general_and_not_at_all() -> None:
    classifier = Classifier(built_in())
    known = [classifier.classify_anew(path).knowledge for path in paths(2_000)]

    assert None in known
    assert len({each.categories[0] for each in known if each is not None}) > 12
    assert any(classifier.classify_anew(path).via for path in paths(2_000))
