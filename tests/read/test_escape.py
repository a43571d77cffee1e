import json
from ast import literal_eval

import pytest
from hypothesis import given

from app.read.escape import shown, visible
from tests.read.documents import TEXT, unfit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/usr/bin/curl", "/usr/bin/curl"),
        ("--listen=:8080", "--listen=:8080"),
        ("café", "café"),
        ("漢字", "漢字"),
        ("C:\\x", "C:\\x"),
        ("", '""'),
        ("a b", '"a b"'),
        ("it's", '"it\'s"'),
        ('say "x"', '"say \\"x\\""'),
        ("a b\\n", '"a b\\\\n"'),
        ("a\nb\tc\r", '"a\\nb\\tc\\r"'),
        ("\x1b[31m", '"\\x1b[31m"'),
        ("\x9b31m", '"\\x9b31m"'),
        ("\x7f\0", '"\\x7f\\x00"'),
        ("\u202egpj.exe", '"\\u202egpj.exe"'),
        ("a\u00a0b", '"a\\xa0b"'),
        ("\u2028", '"\\u2028"'),
        ("tag\U000e0041", '"tag\\U000e0041"'),
        ("\ud800", '"\\ud800"'),
        ("\u3164", '"\\u3164"'),
        ("x\ufe0f", '"x\\ufe0f"'),
        ("\u0301x", '"\\u0301x"'),
    ],
)
def test_a_word_is_itself_or_quoted_with_escapes(text: str, expected: str) -> None:
    assert shown(text) == expected


@given(TEXT)
def test_what_is_shown_is_one_word_that_a_terminal_prints_and_that_reads_back(text: str) -> None:
    word = shown(text)

    assert unfit(word) == []
    assert (literal_eval(word) if word.startswith('"') else word) == text


@given(TEXT)
def test_json_for_a_terminal_means_the_same(text: str) -> None:
    line = json.dumps({"a": text}, ensure_ascii=False)

    assert unfit(visible(line)) == []
    assert json.loads(visible(line)) == {"a": text}
