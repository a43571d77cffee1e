"""What the page asks, and what it makes of the answers."""

from typing import Any

import pytest

from app.console.questions import STEPS, Unanswered, questions, read
from schemas.document import FIELDS


def fields(value: Any) -> set[str]:
    if isinstance(value, dict):
        named = {value["field"]} if isinstance(value.get("field"), str) else set()
        return named.union(*(fields(each) for each in value.values())) if value else named
    return set().union(*(fields(each) for each in value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("minutes", STEPS)
def test_every_field_that_is_asked_for_is_mapped(minutes: int) -> None:
    asked = questions(minutes, "logs")
    assert fields(asked) >= {"@timestamp", "event.category", "tetragon.fim.category"}
    assert fields(asked) - set(FIELDS) == set()
    assert asked[::2] == [{"index": "logs"}] * 4


def answer(**aggregations: Any) -> dict[str, Any]:
    hits: dict[str, Any] = {"total": {"value": 3}, "hits": []}
    found = {**hits, "hits": [{"_id": "i", "_source": {"process": {"name": "su"}}}]}
    return {
        "responses": [{"hits": hits, "aggregations": aggregations}, {"hits": found}, {"hits": hits}, {"hits": hits}]
    }


def test_categories_are_told_by_family_the_gravest_first() -> None:
    buckets = [
        {"key": "credentials.shadow", "doc_count": 2, "worst": {"value": 3.0}},
        {"key": "scratch.tmp", "doc_count": 9, "worst": {"value": 1.0}},
        {"key": "credentials.accounts", "doc_count": 5, "worst": {"value": 1.0}},
    ]
    told = read(answer(files={"buckets": buckets}), 60)
    assert told["files"] == [
        {"name": "credentials", "documents": 7, "worst": 3},
        {"name": "scratch", "documents": 9, "worst": 1},
    ]
    assert told["changes"] == [{"id": "i", "process": {"name": "su"}}]
    assert (told["total"], told["step"]) == (3, 60)


def test_a_stream_without_documents_has_empty_parts() -> None:
    told = read(answer(), 15)
    assert (told["over_time"], told["files"], told["binaries"], told["newest"]) == ([], [], {}, None)


def test_a_refusal_is_told_with_its_reason() -> None:
    refused = answer()
    refused["responses"][1] = {
        "error": {"type": "index_not_found_exception", "reason": "no such index [x]"},
        "status": 404,
    }
    with pytest.raises(Unanswered, match=r"index_not_found_exception: no such index \[x\]"):
        read(refused, 60)
