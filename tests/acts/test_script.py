"""Scripts use all that they may say, and what they may not say is refused."""

from re import escape

import pytest

from tests.acts.deeds import VERBS
from tests.acts.script import TOGETHER, Line, told
from tests.attacks.test_attacks import ROWS
from tests.rules.blocks import blocks
from tests.rules.everyday import SCRIPTS


def test_each_verb_is_used() -> None:
    written = [each["steps"] for row in ROWS for each in (row, row.get("twin", row))]
    lines = [line.strip() for steps in written for line in steps.splitlines()]
    lines += [line.text for file in SCRIPTS.glob("*.txt") for block in blocks(file) for line in block.lines]

    used = {line.removeprefix("{failed} ").split()[0] for line in lines}
    used |= {verb for each in used & set(TOGETHER) for verb in TOGETHER[each]}

    assert {*VERBS, *TOGETHER} - used == set()


@pytest.mark.parametrize(
    ("where", "text", "expected"),
    [
        ("node", "/bin/true", "'node': expected one of host, user,"),
        ("host", "fly /tmp", "line 1: 'fly /tmp' is nothing known: KeyError('fly')"),
        ("host", "setns moon", "line 1: 'setns moon' is nothing known: KeyError('moon')"),
    ],
)
def test_what_is_nothing_known_is_refused(where: str, text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=escape(expected)):
        told(where, [Line.of(1, text)])
