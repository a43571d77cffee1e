from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from schemas.fim.matcher import Match, Matcher
from schemas.fim.patterns import Pattern, parse
from schemas.fim.taxonomy import built_in
from tests.schemas.fim.naive import matches

# Few letters, so that parts and patterns meet often.
PART = st.text("ab.", min_size=1, max_size=3).filter(lambda part: part not in {".", ".."})
GLOB = st.text("ab.*", min_size=1, max_size=4).filter(lambda part: part not in {".", ".."} and "**" not in part)
PATTERN = st.lists(PART | GLOB | st.just("**"), min_size=1, max_size=5).map(tuple)
PATH = st.lists(PART, max_size=6)


def found(given: Sequence[Match[int]]) -> frozenset[int]:
    return frozenset(match.value for match in given)


@given(st.lists(PATTERN, max_size=12), st.lists(PATH, min_size=1, max_size=12))
def test_all_patterns_that_match_are_found_whatever_was_asked_before(
    patterns: list[tuple[str, ...]], paths: list[list[str]]
) -> None:
    matcher = Matcher(((Pattern(parts, 0, True), place) for place, parts in enumerate(patterns)), found)

    for path in paths:
        assert matcher.find(path) == {place for place, parts in enumerate(patterns) if matches(parts, path)}


TAXONOMY = built_in()
PATTERNS = [
    pattern for category in TAXONOMY.categories for text in category.patterns for pattern in parse(text, TAXONOMY.names)
]
MATCHER = Matcher(((pattern, place) for place, pattern in enumerate(PATTERNS)), found)
WORDS = sorted({part for pattern in PATTERNS for part in pattern.parts if part != "**"})
WORD = st.sampled_from(WORDS).flatmap(
    lambda word: st.text("abc.", max_size=3).map(lambda text: word.replace("*", text) or "a")
)


@st.composite
def beside_a_pattern(draw: st.DrawFn) -> list[str]:
    """What a pattern of the taxonomy matches, or nearly."""
    path: list[str] = []
    for part in draw(st.sampled_from(PATTERNS)).parts:
        if part == "**":
            path += draw(st.lists(WORD, max_size=2))
        else:
            path.append(part.replace("*", draw(st.text("ab.", min_size=1, max_size=3))))
    return [part for part in path + draw(st.lists(WORD, max_size=1)) if part not in {"", ".", ".."}]


@given(beside_a_pattern() | st.lists(WORD, max_size=6))
def test_the_built_in_taxonomy_is_matched_as_one_pattern_after_the_other_would_be(path: list[str]) -> None:
    expected = {place for place, pattern in enumerate(PATTERNS) if matches(pattern.parts, path)}

    assert MATCHER.find(path) == expected


def test_more_names_than_are_remembered_change_nothing() -> None:
    matcher = Matcher([(pattern, text) for text in ("/a/*/c", "**/x*/**") for pattern in parse(text, {})], set_of)

    for number in range(40_000):
        assert matcher.find(["a", f"b{number}", "c"]) == {"/a/*/c"}
    assert matcher.find(["a", "x1", "c"]) == {"/a/*/c", "**/x*/**"}


def set_of(given: Sequence[Match[str]]) -> frozenset[str]:
    return frozenset(match.value for match in given)
