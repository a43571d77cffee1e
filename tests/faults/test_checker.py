"""What the checker says of a store that is right, and of each way in which it can be wrong."""

from typing import Any

from tests.faults import checker
from tests.faults.checker import SAMPLED

Document = dict[str, Any]


def document(number: int, **fields: Any) -> dict[str, Any]:
    return {"event": {"id": f"id-{number}", "original": f'{{"node.example.com/number":"{number}"}}'}, **fields}


def stored(*documents: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [("index-1", each["event"]["id"], each) for each in documents]


UNDISTURBED = [document(number, state=number) for number in range(3)]
WRITTEN = {0, 1, 2}


def check(
    written: set[int], undisturbed: list[Document], found: list[tuple[str, str, Document]], letters: list[Document]
) -> dict[str, Any]:
    """Of documents that are too small to be of ECS."""
    return checker.check(written, undisturbed, found, letters, judge=lambda _: [])


def counts(found: dict[str, Any]) -> tuple[int, int, int, int]:
    return found["lost"], found["duplicated"], found["differing"], found["extra"]


def test_a_store_that_holds_what_the_undisturbed_run_made_is_right() -> None:
    assert counts(check(WRITTEN, UNDISTURBED, stored(*UNDISTURBED), [])) == (0, 0, 0, 0)


def test_an_event_that_is_not_stored_is_lost() -> None:
    assert counts(check(WRITTEN, UNDISTURBED, stored(*UNDISTURBED[:2]), [])) == (1, 0, 0, 0)


def test_an_event_that_both_runs_missed_is_lost() -> None:
    assert counts(check(WRITTEN | {3}, UNDISTURBED, stored(*UNDISTURBED), [])) == (1, 0, 0, 0)


def test_a_dead_letter_is_not_lost() -> None:
    assert counts(check(WRITTEN, UNDISTURBED, stored(*UNDISTURBED[:2]), [{"id": "id-2"}])) == (0, 0, 0, 0)


def test_a_dead_letter_that_was_sent_back_must_be_stored() -> None:
    letters: list[dict[str, Any]] = [{"id": "id-2"}, {"id": "id-2", "replays": 1}]
    assert counts(check(WRITTEN, UNDISTURBED, stored(*UNDISTURBED[:2]), letters)) == (1, 0, 0, 0)
    assert counts(check(WRITTEN, UNDISTURBED, stored(*UNDISTURBED[:2]), [*letters, {"id": "id-2"}])) == (0, 0, 0, 0)


def test_one_id_in_two_indices_is_a_duplicate() -> None:
    twice = [*stored(*UNDISTURBED), ("index-2", "id-1", UNDISTURBED[1])]

    assert counts(check(WRITTEN, UNDISTURBED, twice, [])) == (0, 1, 0, 0)


def test_one_event_under_two_ids_is_a_duplicate_and_a_document_too_many() -> None:
    twice = [*stored(*UNDISTURBED), ("index-1", "another", UNDISTURBED[1])]

    assert counts(check(WRITTEN, UNDISTURBED, twice, [])) == (0, 1, 0, 1)


def test_a_document_of_another_state_differs_and_its_field_is_named() -> None:
    found = check(WRITTEN, UNDISTURBED, stored(*UNDISTURBED[:2], document(2, state=7)), [])

    assert counts(found) == (0, 0, 1, 0)
    assert found["differing_fields"] == {"state": 1}


def test_a_sample_is_asked_whether_it_is_of_ecs() -> None:
    many = [document(number) for number in range(2 * SAMPLED + 1)]
    found = checker.check(set(), [], stored(*many), [], judge=lambda each: [] if each is many[0] else ["wrong"])

    assert (found["sampled"], found["unfit"]) == (3, 2)
    assert found["examples"]["unfit"][0] == {"id": f"id-{SAMPLED}", "problems": ["wrong"]}


def test_by_default_the_facts_of_ecs_are_asked() -> None:
    found = checker.check(WRITTEN, UNDISTURBED, stored(*UNDISTURBED), [])

    assert found["unfit"] == 1
    assert "@timestamp is missing" in found["examples"]["unfit"][0]["problems"]
