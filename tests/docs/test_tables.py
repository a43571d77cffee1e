"""What docs/ tells of settings and agents is what the code has."""

import pytest

from tests.docs.tables import DOCS, TABLES, renewed


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_table_is_up_to_date(name: str) -> None:
    text = (DOCS / name).read_text("utf-8")
    assert renewed(text, TABLES[name]()) == text, "`python -m tests.docs.tables` writes it anew"


def test_a_file_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="<!-- table -->"):
        renewed("# No place for a table\n", "| |")


def test_every_page_is_linked_from_the_readme_or_from_another_page() -> None:
    texts = {page: page.read_text("utf-8") for page in [DOCS.parent / "README.md", *DOCS.glob("*.md")]}
    for page in DOCS.glob("*.md"):
        linked = (text for other, text in texts.items() if other != page)
        assert any(f"{page.name})" in text or f"{page.name}#" in text for text in linked), page.name
