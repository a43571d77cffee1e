"""What Elasticsearch takes for no document is made one, and what is one stays as it is."""

import json

import pytest

from app.index.mend import TAG, mended


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b'{"tetragon":{"other":{"a":1,"a":2}}}', {"tetragon": {"other": {"a": 2}}, "tags": [TAG]}),
        (b'{"x":[{"a":1,"\\u0061":2}],"tags":["t"]}', {"x": [{"a": 2}], "tags": ["t", TAG]}),
        (
            b'{"tetragon":{"process_kprobe":{"args":[{"a\\u0000":[{"\\u0000":1}]}]}}}',
            {"tetragon": {"process_kprobe": {"args": [{"a\ufffd": [{"\ufffd": 1}]}]}}, "tags": [TAG]},
        ),
        (b'{"a":"\\ud800","a":"\\udfff"}', {"a": "\udfff", "tags": [TAG]}),
        (
            b'{"kubernetes":{"labels":{"\\ud800":{"\\u0000":1}}}}',
            {"kubernetes": {"labels": {"\ud800": {"\ufffd": 1}}}, "tags": [TAG]},
        ),
        (b'{"n":123456789012345678901234567890,"n":1.50,"o":1}', {"n": 1.5, "o": 1, "tags": [TAG]}),
    ],
)
def test_what_elasticsearch_refuses_is_mended(document: bytes, expected: object) -> None:
    made = mended(document)

    assert made is not None
    assert json.loads(made) == expected
    assert mended(made) is None


@pytest.mark.parametrize(
    "document",
    [
        b'{"tetragon":{"other":{"a":1,"b":"\\u0000"}},"event":{"original":"{\\"a\\":1,\\"a\\":2}"}}',
        b'{"kubernetes":{"labels":{"%b":"x"}}}' % (b"k" * 15_000),
        b'{"%b":1}' % (b"k" * 40_000),  # no field, so nothing is made of it
        b'{"kubernetes":{"labels":[1]}}',
        b'{"kubernetes":7}',
        b"[]",
        b"no document",
        b"\xff",
        b"[" * 100_000,
    ],
    ids=range(9),
)
def test_whatever_is_wrong_with_another_is_left(document: bytes) -> None:
    assert mended(document) is None


@pytest.mark.parametrize("depth", [1, 2, 20, 240])
def test_names_are_as_short_as_a_term_may_be(depth: int) -> None:
    name = "€" * (60_000 // depth)
    value: object = 1
    for _ in range(depth):
        value = {name: value, "kept": "as it is"}
    made = mended(json.dumps({"tetragon": {"other": value}}).encode())

    assert made is not None
    read = json.loads(made)["tetragon"]["other"]
    length, levels = 0, 0
    while isinstance(read, dict):
        (longest,) = read.keys() - {"kept"}
        assert longest.endswith("…")
        assert read["kept"] == "as it is"
        length, levels, read = length + len(longest.encode()) + 1, levels + 1, read[longest]
    assert levels == depth
    assert length <= 16_000
