import json
from typing import Any

import pytest

from app.index.bulk import (
    Action,
    Again,
    Block,
    Blocked,
    Halve,
    Items,
    actions,
    block_of,
    bodies,
    body_of,
    document_id,
    is_as_told,
    is_sound,
    read_answer,
)
from schemas.record import DOCUMENTS, Record

TWO = b'{"create":{"_id":"a"}}\n{"n":1}\n{"create":{"_id":"b"}}\n{"n":2}\n'


def answer(*items: dict[str, Any]) -> bytes:
    errors = any("error" in item for item in items)
    return json.dumps({"errors": errors, "items": [{"create": item} for item in items]}).encode()


def failed(status: int, kind: str, reason: str = "because") -> dict[str, Any]:
    return {"status": status, "error": {"type": kind, "reason": reason}}


def test_blocks_share_a_body_up_to_the_limit_and_a_larger_one_has_its_own() -> None:
    blocks = [Block(b"x" * size, 1) for size in (40, 60, 1, 250, 10, 90, 100)]
    assert [[len(block.data) for block in body] for body in bodies(blocks, 100)] == [
        [40, 60],
        [1],
        [250],
        [10, 90],
        [100],
    ]


def test_no_blocks_are_no_body() -> None:
    assert list(bodies([])) == []


def test_a_block_is_taken_apart_by_lines_and_comes_together_again() -> None:
    block = Block(TWO, 2)
    apart = actions(block)
    assert apart == [
        Action(b'{"create":{"_id":"a"}}', b'{"n":1}', block, 0),
        Action(b'{"create":{"_id":"b"}}', b'{"n":2}', block, 1),
    ]
    assert b"".join(body_of(apart)) == TWO


@pytest.mark.parametrize(
    ("data", "documents", "sound", "as_told"),
    [
        (TWO, 2, True, True),
        (TWO, 3, True, False),
        (TWO[:-1], 2, False, False),
        (TWO + b"{}\n", 2, False, False),
        (b"", 0, False, False),
    ],
)
def test_a_sound_block_has_two_whole_lines_a_document(data: bytes, documents: int, sound: bool, as_told: bool) -> None:
    block = Block(data, documents)
    assert (is_sound(block), is_as_told(block)) == (sound, as_told)


@pytest.mark.parametrize("headers", [{DOCUMENTS: b"2"}, {}, {DOCUMENTS: b"two"}])
def test_a_record_tells_how_many_documents_it_has_or_they_are_counted(headers: dict[str, bytes]) -> None:
    record = Record("tetragon.documents", 3, 7, 0, b"cluster/node", TWO, headers)
    assert block_of(record) == Block(TWO, 2, "tetragon.documents", 3, 7, b"cluster/node")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (b'{"create":{"_id":"a"}}', "a"),
        (b'{"create":{"_id":5}}', None),
        (b'{"create":{}}', None),
        (b'{"create":5}', None),
        (b"[]", None),
        (b"{}", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_the_id_is_that_of_the_line_before_the_document(command: bytes, expected: str | None) -> None:
    assert document_id(Action(command, b"{}", Block(b"", 0), 0)) == expected


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"status": 201}, "stored"),
        ({"status": 200}, "stored"),
        (failed(409, "version_conflict_engine_exception"), "repeated"),
        (failed(429, "es_rejected_execution_exception"), "busy"),
        (failed(429, "cluster_block_exception"), "busy"),
        (failed(503, "unavailable_shards_exception"), "busy"),
        ({"status": 302}, "busy"),
        ({"status": "201"}, "busy"),
        (failed(500, "null_pointer_exception"), "failing"),
        (failed(503, "some_exception"), "failing"),
        (failed(401, "security_exception"), "blocked"),
        (failed(403, "cluster_block_exception"), "blocked"),
        (failed(404, "index_not_found_exception"), "blocked"),
        (failed(400, "index_closed_exception"), "blocked"),
        (failed(400, "document_parsing_exception"), "refused"),
        (failed(413, "some_exception"), "refused"),
        ({"status": 400, "error": "plain words"}, "refused"),
        ({"status": 201, "failure_store": "used"}, "refused"),
    ],
)
def test_an_item_says_what_became_of_its_document(item: dict[str, Any], place: str) -> None:
    items = read_answer(200, answer(item), 1)
    assert isinstance(items, Items)
    assert [name for name, value in items._asdict().items() if value and name != "reason"] == [place]
    assert (items.reason is not None) == (place in ("busy", "failing", "blocked"))


def test_an_operation_that_exceeds_what_is_granted_to_all_is_too_large_however_long_one_waits() -> None:
    reason = "rejected [all_bytes=20000340, primary_operation_bytes=80000564, max_primary_bytes=51897958]"
    items = read_answer(200, answer({"status": 201}, failed(429, "es_rejected_execution_exception", reason)), 2)
    assert items == Items(1, [], [], [], [], [(1, f"429 es_rejected_execution_exception: {reason}")], [], None)
    full = reason.replace("80000564", "500")
    items = read_answer(200, answer(failed(429, "es_rejected_execution_exception", full)), 1)
    assert isinstance(items, Items)
    assert items.busy == [0]


def test_the_usual_answer_is_known_by_its_bytes_and_others_are_read() -> None:
    created = b'{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}}]}'
    assert read_answer(200, created, 2) == Items(2, [], [], [], [], [], [], None)
    assert read_answer(200, b" " + created, 2) == Items(2, [], [], [], [], [], [], None)
    assert isinstance(read_answer(200, created, 3), Again)
    assert isinstance(read_answer(200, created, 1), Again)


def test_a_reason_names_its_causes_on_one_line() -> None:
    error = {"type": "a", "reason": "x\ny", "caused_by": {"type": "b", "reason": "z" * 5_000}}
    items = read_answer(200, answer({"status": 400, "error": error}), 1)
    assert isinstance(items, Items)
    ((_, reason),) = items.refused
    assert reason.startswith("400 a: x y caused by b: zzz")
    assert len(reason) < 2_010


JSON_400 = b'{"error":{"type":"illegal_argument_exception","reason":"%b"},"status":400}'


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (413, b"", Halve),
        (413, b"<html>too large</html>", Halve),
        (400, JSON_400 % b"Malformed action/metadata line [3]", Halve),
        (400, JSON_400 % b"request [/_bulk] contains unrecognized parameter: [require_data_stream]", Blocked),
        (400, b'{"error":{"type":"media_type_header_exception","reason":"Invalid"},"status":400}', Blocked),
        (400, b"<html>The plain HTTP request was sent to HTTPS port</html>", Blocked),
        (400, b"", Blocked),
        (429, b"", Again),
        (429, b'{"error":{"type":"x","reason":"coordinating_operation_bytes=9, max_coordinating_bytes=5"}}', Halve),
        (408, b"", Again),
        (500, b"", Again),
        (502, b"<html/>", Again),
        (503, b"", Again),
        (504, b"", Again),
        (204, b"", Again),
        (301, b"", Blocked),
        (401, b"", Blocked),
        (403, b"", Blocked),
        (404, b"", Blocked),
        (405, b"", Blocked),
        (406, b"", Blocked),
        (415, b"", Blocked),
    ],
)
def test_a_status_of_the_whole_request_says_what_to_do_with_it(status: int, body: bytes, expected: type) -> None:
    assert isinstance(read_answer(status, body, 2), expected)
