"""Which letters are meant, and what is sent back."""

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Stop
from app.rejected.letters import Letter, Wanted, letter_of, marked, replay_of
from schemas.rejection import Origin, Rejection, Stage


def letter(original: bytes = b"no json", **of: Any) -> Letter:
    given: dict[str, Any] = {
        "id": "a", "stage": "decode", "reason": "not JSON: at 0", "key": b"c/n1", "origin": Origin(), **of
    }  # fmt: skip
    told = Rejection(original=original, **given).wire()
    made = letter_of(given["id"].encode(), orjson.dumps(told), 3, 1_700_000_000_000)
    assert made is not None
    return made


@given(st.binary(), st.sampled_from(["decode", "enrich"]))
def test_a_line_goes_back_as_it_came(original: bytes, stage: Stage) -> None:
    sent = replay_of(letter(original, stage=stage), "e", "d")
    assert (sent.topic, sent.key, sent.value) == ("e", b"c/n1", original)
    assert sent.headers == [("replay", b"a")]


def test_a_document_goes_back_as_a_block_of_its_own() -> None:
    sent = replay_of(letter(b'{"a":1}', stage="index", id="id-1"), "e", "d")
    assert sent.topic == "d"
    assert sent.value == b'{"create":{"_id":"id-1"}}\n{"a":1}\n'
    assert sent.headers == [("format", b"1"), ("documents", b"1")]


@pytest.mark.parametrize(
    ("origin", "stage", "partition"),
    [
        (Origin(topic="e", partition=7), "decode", 7),
        (Origin(topic="d", partition=8), "index", 8),
        (Origin(topic="elsewhere", partition=9), "decode", 3),
        (Origin(), "enrich", 3),
    ],
)
def test_it_goes_to_the_partition_that_it_came_from(origin: Origin, stage: Stage, partition: int) -> None:
    assert replay_of(letter(stage=stage, origin=origin), "e", "d").partition == partition


@pytest.mark.parametrize("told", [{"stage": "other", "original": "x"}, {"stage": "decode"}, {"original": "x"}])
def test_what_cannot_be_sent_back_is_told(told: dict[str, Any]) -> None:
    with pytest.raises(Stop, match="Expected"):
        replay_of(Letter("a", 0, 0, told), "e", "d")


@given(st.binary())
def test_every_byte_of_the_original_is_kept(original: bytes) -> None:
    again = letter_of(b"a", marked(letter(original)), 3, 0)
    assert again is not None
    assert again.original == original
    assert again.replays == 1


def test_what_is_no_letter_is_passed_over() -> None:
    assert letter_of(b"a", None, 0, 0) is None
    assert letter_of(b"a", b"no json", 0, 0) is None
    assert letter_of(None, b"{}", 0, 0) is None
    assert letter_of(b"a", b"[]", 0, 0) is None
    assert letter_of(b"a", orjson.dumps({"original_base64": base64.b64encode(b"x").decode()}), 0, 0) is not None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), True),
        (Wanted(["a"]), True),
        (Wanted(["b"]), False),
        (Wanted(stage="decode"), True),
        (Wanted(stage="index"), False),
        (Wanted(reason="NOT json"), True),
        (Wanted(reason="mapping"), False),
        (Wanted(node="n1"), True),
        (Wanted(node="c/n1"), True),
        (Wanted(node="1"), False),
        (Wanted(replayed=True), False),
        (Wanted(["a"], "decode", "json", "n1"), True),
        (Wanted(["a"], "decode", "json", "n2"), False),
    ],
)
def test_all_that_is_given_must_hold(wanted: Wanted, expected: bool) -> None:
    assert wanted.has(letter()) == expected


def test_an_id_that_nobody_has_is_told_with_the_one_that_may_be_meant() -> None:
    with pytest.raises(Stop, match=r"No dead letter has the id 'abc'\. Did you mean 'abcd'\?"):
        Wanted(["abc"]).require([letter(id="abcd")])
    with pytest.raises(Stop, match="rejected list"):
        Wanted(["abc"]).require([])
