import json

import pytest

from app.check.finding import Finding, failed, has_failed, json_of, ok, refused, skipped, text_of, warning
from app.errors import TopicError

FINDINGS = [
    ok("settings", "all by default"),
    failed("kafka", "Kafka cannot be reached at 'kafka:9092': no answer.", "Expected a broker there."),
    warning("fields", "no ns: privilege is blind.", "Start Tetragon with --enable-process-ns."),
    skipped("topics", "not looked at"),
]


def shown(findings: list[Finding], *, encoding: str = "utf-8", colour: bool = False, width: int | None = None) -> str:
    return text_of(findings, encoding=encoding, colour=colour, width=width)


def test_every_finding_is_a_line_and_what_to_do_is_the_line_below() -> None:
    assert shown(FINDINGS).splitlines() == [
        "✓ settings: all by default",
        "✕ kafka: Kafka cannot be reached at 'kafka:9092': no answer.",
        "    Expected a broker there.",
        "! fields: no ns: privilege is blind.",
        "    Start Tetragon with --enable-process-ns.",
        "– topics: not looked at",  # noqa: RUF001
    ]


def test_json_says_the_same() -> None:
    told = json.loads(json_of(FINDINGS))
    assert told["ok"] is False
    assert told["checks"][1] == {
        "status": "failed",
        "check": "kafka",
        "text": "Kafka cannot be reached at 'kafka:9092': no answer.",
        "todo": "Expected a broker there.",
    }
    assert len(told["checks"]) == len(FINDINGS)


@pytest.mark.parametrize(("findings", "expected"), [(FINDINGS, True), (FINDINGS[2:], False), ([], False)])
def test_only_a_failure_counts_as_one(findings: list[Finding], expected: bool) -> None:
    assert has_failed(findings) is expected


@pytest.mark.parametrize("width", [60, 40, 20, 1])
def test_lines_are_folded_at_words(width: int) -> None:
    long = [failed("kafka", "a word and another word " * 10, "and something to do " * 5)]
    lines = shown(long, width=width).splitlines()
    assert max(map(len, lines)) <= max(width, 26)
    assert " ".join(" ".join(lines).split()) == " ".join(shown(long).split())


def test_a_path_is_never_folded() -> None:
    path = "/a/very-long/" + "x" * 100
    assert path in shown([ok("log", f"{path} can be read")], width=60)


def test_a_terminal_that_has_no_such_marks_gets_others() -> None:
    lines = shown([*FINDINGS, ok("agents", "für")], encoding="ascii").splitlines()
    assert [line[0] for line in lines if line[0] != " "] == ["+", "x", "!", "-", "+"]
    assert lines[-1] == r"+ agents: f\xfcr"
    assert shown(FINDINGS, encoding="no-such-encoding").startswith("+ settings")


def test_nothing_that_a_server_says_reaches_the_terminal_as_a_command() -> None:
    assert shown([ok("kafka", "a\x1b[31mb\r\nc\x07")]) == "✓ kafka: a\\x1b[31mb c\\x07\n"


def test_colours_are_there_if_asked_for() -> None:
    assert "\x1b[" in shown(FINDINGS, colour=True)
    assert "\x1b" not in shown(FINDINGS)


@pytest.mark.parametrize(
    ("sentence", "text", "todo"),
    [
        ("Topic 'x' is missing. Run `tetrastash setup`.", "Topic 'x' is missing.", "Run `tetrastash setup`."),
        ("It is 1. Expected 2. Set it.", "It is 1.", "Expected 2. Set it."),
        ("Nothing can be done.", "Nothing can be done.", ""),
        ("line 3: 'x' is unknown here. Did you mean 'y'?", "line 3: 'x' is unknown here.", "Did you mean 'y'?"),
    ],
)
def test_an_error_is_what_is_wrong_and_then_what_to_do(sentence: str, text: str, todo: str) -> None:
    assert refused("x", TopicError(sentence)) == failed("x", text, todo)
