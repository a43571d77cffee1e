import shlex
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.arguments import split_arguments
from tests.schemas.scripts import COMMANDS, command_lines, joined, recovered

# Ambiguous, and so not part of the law: quotes, and empty arguments where Tetragon's form does not show them.
INNER = st.text(st.characters(blacklist_characters='"'), max_size=12)
OUTER = INNER.filter(bool)


@given(st.lists(INNER, max_size=6), OUTER, OUTER)
def test_arguments_without_quotes_come_back_as_they_were(inner: list[str], first: str, last: str) -> None:
    arguments = [first, *inner, last]

    assert list(split_arguments(joined(arguments))) == arguments


@given(st.lists(st.text(st.characters(blacklist_characters=' "'), min_size=1), min_size=1, max_size=3))
def test_a_script_with_quoted_words_in_it_comes_back_as_one_argument(words: list[str]) -> None:
    script = "echo " + " ".join(f'"{word}"x' for word in words) + " done"

    assert list(split_arguments(joined(["-c", script]))) == ["-c", script]


@given(st.text())
def test_any_text_is_split_and_no_character_but_quotes_and_spaces_is_lost(text: str) -> None:
    found = "".join(split_arguments(text))

    assert found.replace('"', "").replace(" ", "") == text.replace('"', "").replace(" ", "")


def test_the_cases_of_real_logs() -> None:
    cases = {
        "": [],
        "-la": ["-la"],
        '-c "curl https://ebpf.io/applications/#tetragon"': ["-c", "curl https://ebpf.io/applications/#tetragon"],
        '-c "echo "hi" there"': ["-c", 'echo "hi" there'],
        ' "first has space" second': ["first has space", "second"],
        "--host  --port": ["--host", "", "--port"],
        '"lone': ['"lone'],
        """-c "awk -F'"' '{print $2}' x" sh""": ["-c", """awk -F'"' '{print $2}' x""", "sh"],
        """-lc "awk '{print $1 " " $3}' x" "a b\"""": ["-lc", """awk '{print $1 " " $3}' x""", "a b"],
        """-c "[ "$(grep "a b" x)" = "c" ]\"""": ["-c", """[ "$(grep "a b" x)" = "c" ]"""],
        """-c "echo `cat "a b"` "c d" e\"""": ["-c", """echo `cat "a b"` "c d" e"""],
        """-c "say \\"a b\\" c" d""": ["-c", """say \\"a b\\" c""", "d"],
        '-c "it\'s unbalanced "x" y"': ["-c", 'it\'s unbalanced "x" y'],
        '-c "foo bar" file "x y"': ["-c", "foo bar", "file", "x y"],
        'say "hi" to': ["say", '"hi"', "to"],
    }

    assert {text: list(split_arguments(text)) for text in cases} == cases


@pytest.mark.parametrize("seed", range(5))
def test_scripts_come_back_as_they_were_but_for_two_in_a_hundred(seed: int) -> None:
    lines = list(command_lines(seed, 1_000))
    ours = recovered(lines, split_arguments)

    assert ours >= 980
    assert recovered(lines, shlex.split) < ours


def test_the_scripts_have_what_makes_them_hard() -> None:
    lines = [line for seed in range(5) for line in command_lines(seed, 1_000)]
    texts = "\n".join(joined(line) for line in lines)

    assert len({tuple(line) for line in lines}) > 3_000
    for hard in ('"$(', "'\"'", '\\"', '""', "bash -c '", " | ", '" "'):
        assert texts.count(hard) > 20, hard
    assert len(COMMANDS) == len(set(COMMANDS))


def test_a_hostile_line_of_quotes_costs_no_more_than_a_long_one() -> None:
    began = time.process_time()
    for hostile in ('"a ' * 300_000, '" ' * 300_000, '"' * 900_000, ' "' * 300_000, '-c "( ' * 200_000):
        split_arguments(hostile)

    assert time.process_time() - began < 10
