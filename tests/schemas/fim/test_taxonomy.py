"""What a user's file may say, and what it is told where it may not."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.fim.classifier import Classifier
from schemas.fim.taxonomy import Taxonomy, built_in, read_changes, read_taxonomy

WRONG = {
    "a key with a typo": (
        "extend:\n- id: web.root\n  patterns:\n  - /data/**\n  teir: area\n",
        "fim.yaml, line 5: 'teir' is unknown here. Did you mean 'tier'?",
    ),
    "a key of no kind": ("extned: []\n", "fim.yaml, line 1: 'extned' is unknown here. Did you mean 'extend'?"),
    "a key within a key": (
        "extend:\n- id: web.root\n  write:\n    severity: high\n    severty: low\n",
        "fim.yaml, line 5: 'severty' is unknown here. Did you mean 'severity'?",
    ),
    "a value with a typo": (
        "extend:\n- id: web.root\n  write: {severity: hgih}\n",
        "fim.yaml, line 3: 'severity' is 'hgih'. Input should be 'none', 'low', 'medium', 'high' or 'critical'.",
    ),
    "a value where names and values belong": (
        "extend:\n- id: web.root\n  write: high\n",
        "fim.yaml, line 3: 'write' is 'high'. Expected names and values: severity, technique, owners.",
    ),
    "a category by its id alone": (
        "extend:\n- web.root\n",
        "fim.yaml, line 2: 'extend[0]' is 'web.root'. Expected names and values: id, about, tier, read, write",
    ),
    "a missing key": (
        "\n\ncategories:\n- id: own\n  about: ours\n  patterns: [/a]\n",
        "fim.yaml, line 4: 'tier' is missing.",
    ),
    "a number that should be text": (
        "extend:\n- id: web.root\n  pci: [8.3]\n",
        "fim.yaml, line 3: 'pci[0]' is 8.3. Input should be a valid string (a number or a date needs quotes",
    ),
    "one pattern instead of a list": (
        "extend:\n- id: web.root\n  patterns: /x\n",
        "fim.yaml, line 3: 'patterns' is '/x'. Input should be a valid list.",
    ),
    "a glob of another language": (
        "extend:\n- id: web.root\n  patterns:\n  - /a/*\n  - /a/[bc]\n",
        "fim.yaml, line 5: pattern '/a/[bc]' has a '[', which means nothing here",
    ),
    "a question mark": (
        "extend:\n- id: web.root\n  patterns: [/a?]\n",
        "fim.yaml, line 3: pattern '/a?' has a '?', which means nothing here",
    ),
    "two stars within a part": (
        "extend:\n- id: web.root\n  patterns: [/a**]\n",
        "line 3: pattern '/a**' has ** within",
    ),
    "a relative pattern": ("extend:\n- id: web.root\n  patterns: [a/b]\n", "'a/b' does not begin at the root"),
    "a pattern for everything": (
        'extend:\n- id: web.root\n  patterns: ["/**/*"]\n',
        "'/**/*' matches whatever there is",
    ),
    "a part that no path has": ("extend:\n- id: web.root\n  patterns: [/a/../b]\n", "'/a/../b' has a part '..'"),
    "a trailing slash": ("extend:\n- id: web.root\n  patterns: [/a/]\n", "'/a/' has a part ''"),
    "an unknown name": (
        'extend:\n- id: web.root\n  patterns: ["{hme}/x"]\n',
        "line 3: pattern '{hme}/x' begins with an unknown name: expected one of {home}, {usr}, or a path",
    ),
    "a name that is no path": (
        "names:\n  home:\n  - /data/home/*\n  - data/home/*\n",
        "fim.yaml, line 4: pattern 'data/home/*' does not begin at the root",
    ),
    "a name that stands for another": ('names: {home: ["{usr}/x"]}\n', "line 1: pattern '{usr}/x' begins"),
    "a category of nothing": (
        "categories:\n- {id: own, about: ours, tier: area, patterns: []}\n",
        "fim.yaml, line 2: 'patterns' is []. List should have at least 1 item",
    ),
    "a category that nobody knows": (
        "categories:\n- {id: own, about: '', tier: area, patterns: [/a]}\n",
        "fim.yaml, line 2: 'about' is ''. String should have at least 1 character.",
    ),
    "an owner in a folder": (
        "extend:\n- id: web.root\n  write: {severity: high, owners: [nginx, /usr/bin/x]}\n",
        "fim.yaml, line 3: 'owners[1]' is '/usr/bin/x'. String should match pattern",
    ),
    "a technique that is none": (
        "extend:\n- id: web.root\n  write: {severity: high, technique: [T12]}\n",
        "fim.yaml, line 3: 'technique[0]' is 'T12'. String should match pattern",
    ),
    "an extension by nothing": (
        "disable: []\nextend:\n- id: web.root\n",
        "fim.yaml, line 3: 'web.root' is to be extended by nothing. Expected patterns",
    ),
    "lists without end": (
        "disable:\n  " + "[" * 100_000 + "]" * 100_000 + "\n",
        "fim.yaml, line 2: more than 32 levels. Expected fewer.",
    ),
    "a date for a key": ("2026-01-01: x\n", "fim.yaml, line 1: "),
    "a root with a wildcard for folders": ("roots:\n- /a\n- /a/**\n", "fim.yaml, line 3: root '/a/**' has **"),
    "an unknown category to extend": (
        "extend:\n- id: web.rot\n",
        "fim.yaml, line 2: there is no category 'web.rot' to extend. Did you mean 'web.root'?",
    ),
    "an unknown category to disable": (
        "disable:\n- web.root\n- web.rooot\n",
        "fim.yaml, line 3: there is no category 'web.rooot' to disable. Did you mean 'web.root'?",
    ),
    "the same change twice": ("disable: [web.root, web.root]\n", "line 1: 'web.root' is under disable already"),
    "two changes that differ": (
        "extend:\n- id: web.root\ndisable:\n- web.root\n",
        "fim.yaml, line 4: 'web.root' is under extend already. Expected it once.",
    ),
    "a category that is there": (
        "categories:\n- {id: web.root, about: x, tier: area, patterns: [/x]}\n",
        "fim.yaml, line 2: category 'web.root' is there already. Expected another id, or the category under extend",
    ),
    "a key twice": (
        "extend:\n- id: web.root\n  patterns: [/a]\n  patterns: [/b]\n",
        "fim.yaml, line 4: 'patterns' stands in line 3 already.",
    ),
    "no YAML": ("extend: [\n", "fim.yaml, line 2: did not find expected node content. Expected YAML."),
    "a list": ("- 1\n", "fim.yaml, line 1: there is [1]. Expected names and values: names, roots, categories"),
    "two documents": ("disable: []\n---\n", "fim.yaml, line 2: but found another document"),
    "code": ("disable: !!python/name:os.system\n", "fim.yaml, line 1: could not determine a constructor"),
    "a list within itself": ("disable: &a [*a]\n", "fim.yaml, line 1: 'disable[0]' is [[...]]."),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_in_a_users_file_is_told_with_its_line(text: str, expected: str) -> None:
    with pytest.raises(ValueError) as error:
        read_changes(text.encode(), "fim.yaml", built_in())

    assert expected in str(error.value)


def test_bytes_that_are_no_text_are_told() -> None:
    with pytest.raises(ValueError, match=r"fim.yaml: .*Expected YAML in UTF-8"):
        read_changes(b"\xff\xfe\x00", "fim.yaml", built_in())


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = b"extend:\n- id: web.root\n  patterns: [a]\n- id: web.config\n  patterns: [/b?]\n"

    with pytest.raises(ValueError) as error:
        read_changes(text, "fim.yaml", built_in())

    assert [line.partition(":")[0] for line in str(error.value).splitlines()] == [
        "fim.yaml, line 3",
        "fim.yaml, line 5",
    ]


def categories(text: str, path: str) -> tuple[str, ...]:
    known = Classifier(read_changes(text.encode(), "fim.yaml", built_in())).classify(path).knowledge
    return known.categories if known else ()


OWN = "categories:\n- {id: own.ledger, about: Money, tier: specific, write: {severity: low}, patterns: [/srv/*.db]}\n"


def test_a_users_category_comes_on_top() -> None:
    assert categories(OWN, "/srv/ledger.db") == ("own.ledger",)
    assert categories(OWN, "/etc/shadow") == ("credentials.shadow", "etc.other")


def test_an_extended_category_keeps_what_it_has() -> None:
    text = "extend:\n- {id: web.root, patterns: [/data/www/**], write: {severity: critical}}\n"

    taxonomy = read_changes(text.encode(), "fim.yaml", built_in())

    root = next(category for category in taxonomy.categories if category.id == "web.root")
    before = next(category for category in built_in().categories if category.id == "web.root")
    assert root.patterns == [*before.patterns, "/data/www/**"]
    assert (root.write.severity, root.about, root.tier) == ("critical", before.about, before.tier)


def test_a_replaced_category_forgets_what_it_had() -> None:
    text = "replace:\n- {id: web.root, about: Ours, tier: area, patterns: [/data/www/**]}\n"

    assert categories(text, "/data/www/x") == ("web.root",)
    assert categories(text, "/var/www/x") == ()


def test_a_disabled_category_is_gone() -> None:
    assert categories("disable: [credentials.shadow]\n", "/etc/shadow") == ("etc.other",)


def test_a_users_roots_and_names_come_on_top() -> None:
    assert categories("roots: [/node]\n", "/node/etc/shadow") == ("credentials.shadow", "etc.other")
    assert "persistence.autostart" in categories("names: {home: [/data/home/*]}\n", "/data/home/a/.config/autostart/x")


def test_an_empty_file_changes_nothing() -> None:
    assert read_changes(b"# later\n", "fim.yaml", built_in()) == built_in()


def test_the_project_itself_cannot_have_two_categories_of_one_id() -> None:
    entry = "{id: a, about: x, tier: area, patterns: [/a]}"

    with pytest.raises(ValueError, match=r"fim.yaml, line 3: category 'a' is there already"):
        read_taxonomy(f"categories:\n- {entry}\n- {entry}\n".encode(), "fim.yaml")


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return built_in()


def test_every_owner_of_a_category_is_a_name_without_a_folder(taxonomy: Taxonomy) -> None:
    owners = {owner for category in taxonomy.categories for owner in category.read.owners + category.write.owners}

    assert [owner for owner in owners if "/" in owner or not owner] == []


def test_no_pattern_stands_twice_in_a_category(taxonomy: Taxonomy) -> None:
    assert [
        category.id for category in taxonomy.categories if len(set(category.patterns)) < len(category.patterns)
    ] == []


def test_a_category_without_a_severity_is_the_exception(taxonomy: Taxonomy) -> None:
    assert [
        category.id for category in taxonomy.categories if {category.read.severity, category.write.severity} == {"none"}
    ] == ["proc.own"]


def test_the_guides_example_does_what_it_says() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "fim.md").read_text()
    example = guide.partition("```yaml\n")[2].partition("```")[0]

    assert categories(example, "/node/srv/a/books.db") == ("own.ledger",)
    assert categories(example, "/data/home/eve/.ledger/x") == ("own.ledger",)
    assert categories(example, "/data/www/index.html") == ("web.root",)
    assert categories(example, "/etc/puppet/x") == ("etc.other",)
    assert categories(example, "/etc/aliases") == ("etc.other",)


_WORDS = st.sampled_from(
    ["web.root", "own", "id", "about", "tier", "read", "write", "severity", "owners", "patterns", "floor", "area",
     "high", "categories", "extend", "replace", "disable", "names", "roots", "/a/**", "**/x", "{home}/x", "home",
     "[", "/", ""]
)  # fmt: skip
_ANYTHING = st.recursive(
    _WORDS | st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=12,
)
_FILES = st.dictionaries(
    st.sampled_from(["categories", "extend", "replace", "disable", "names", "roots"]), _ANYTHING, max_size=3
)


@given(_FILES.map(lambda value: yaml.safe_dump(value).encode()) | st.text(max_size=40).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_a_file_is_taken_or_told_with_its_place_and_never_stops_the_program_otherwise(text: bytes) -> None:
    told = ""
    try:
        Classifier(read_changes(text, "fim.yaml", built_in()))
    except ValueError as error:
        told = str(error)
    assert all(line.startswith("fim.yaml") for line in told.splitlines()), told
