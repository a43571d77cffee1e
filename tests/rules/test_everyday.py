"""What software does all day is found to be nothing grave; the same by somebody who does not belong there is."""

from pathlib import Path
from re import escape

import pytest

from tests.rules.blocks import Block, blocks
from tests.rules.everyday import SCRIPTS, findings

TWINS = SCRIPTS / "twins.txt"
GRAVE = 3
ORDINARY = [
    pytest.param(block, id=f"{file.stem}: {block.title}")
    for file in sorted(SCRIPTS.glob("*.txt"))
    if file != TWINS
    for block in blocks(file)
]


@pytest.mark.parametrize("block", ORDINARY)
def test_nothing_of_an_ordinary_day_is_grave(block: Block) -> None:
    assert [each[:3] for each in findings(block) if each.severity >= GRAVE] == []


@pytest.mark.parametrize("block", ORDINARY)
def test_what_is_worth_a_look_has_a_reason(block: Block) -> None:
    assert {each.rule for each in findings(block)} == block.wanted.keys()
    assert all(block.wanted.values())


@pytest.mark.parametrize("block", blocks(TWINS), ids=lambda block: block.title)
def test_the_same_by_somebody_else_is_grave(block: Block) -> None:
    assert block.graves
    assert {each.rule for each in findings(block) if each.severity >= GRAVE} >= set(block.graves)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/bin/true", "x.txt:1: '/bin/true' stands before the first block; expected `= title`"),
        ("= a\nnode", "a, 'node': expected one of host, user,"),
        ("= a\nhost\n  /bin/true\n    fly /tmp", "a, line 4: 'fly /tmp' is nothing known"),
    ],
)
def test_a_script_that_is_wrong_is_refused(text: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.write_text(text)

    with pytest.raises(ValueError, match=escape(expected)):
        [list(findings(block)) for block in blocks(file)]
