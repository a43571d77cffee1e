import time

from hypothesis import given
from hypothesis import strategies as st

from schemas.arguments import split_arguments


def joined(arguments: list[str]) -> str:
    """As Tetragon's ArgsDecoder does it."""
    text = ""
    for argument in arguments:
        if " " in argument:
            text += f' "{argument}"'
        elif not text:
            text = argument
        else:
            text += f" {argument}"
    return text


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
        'say "hi" to': ["say", '"hi"', "to"],
    }

    assert {text: list(split_arguments(text)) for text in cases} == cases


def test_a_hostile_line_of_quotes_costs_no_more_than_a_long_one() -> None:
    began = time.process_time()
    for hostile in ('"a ' * 300_000, '" ' * 300_000, '"' * 900_000, ' "' * 300_000):
        split_arguments(hostile)

    assert time.process_time() - began < 10
