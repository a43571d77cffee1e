"""What the escape agent takes for granted of paths."""

from schemas.escape.signs import RUNTIME_FILES
from schemas.fim.taxonomy import built_in


def test_a_runtimes_program_is_known_by_the_beginning_of_its_name() -> None:
    [patterns] = [each.patterns for each in built_in().categories if each.id == "container.runtime_binary"]

    assert patterns
    assert all(pattern.rpartition("/")[2].startswith(RUNTIME_FILES) for pattern in patterns)
