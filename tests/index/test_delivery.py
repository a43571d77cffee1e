"""Whatever Elasticsearch answers, each document ends in exactly one place."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.index.bulk import Block
from app.index.conflicts import Conflict, Looked
from app.index.delivery import LONGEST_PAUSE, NEIGHBOURS, PATIENCE, SLOW_PAUSE, Delivery

FATES = ("stored", "refused", "malformed", "large")
BUSY = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "full"}}
BROKEN = {"status": 500, "error": {"type": "null_pointer_exception", "reason": "?"}}
CONFLICT = {"status": 409, "error": {"type": "version_conflict_engine_exception", "index": "ds-1", "shard": "0"}}
LOCKED = {"status": 403, "error": {"type": "cluster_block_exception", "reason": "read only"}}


class Elasticsearch:
    """What it does with a document hangs on the first letter of its id; what goes wrong on the way, on the script."""

    def __init__(self) -> None:
        self.store: set[str] = set()

    def bulk(self, names: Iterable[str], mishap: dict[str, dict[str, object]]) -> tuple[int, bytes]:
        names = list(names)
        if any(name.startswith("large") for name in names):
            return 413, b""
        if any(name.startswith("malformed") for name in names):
            return 400, json.dumps({"error": {"type": "illegal_argument_exception", "reason": "Malformed"}}).encode()
        items = [mishap.get(name) or self._create(name) for name in names]
        return 200, json.dumps({"errors": True, "items": [{"create": item} for item in items]}).encode()

    def _create(self, name: str) -> dict[str, object]:
        if name in self.store:
            return CONFLICT
        if name.startswith("refused"):
            return {"status": 400, "error": {"type": "document_parsing_exception", "reason": "no"}}
        self.store.add(name)
        return {"status": 201}


def names_in(body: list[bytes]) -> list[str]:
    lines = b"".join(body).splitlines()
    assert len(lines) % 2 == 0
    return [json.loads(line)["create"]["_id"] for line in lines[::2]]


def block(names: list[str], told: int | None = None, tail: bytes = b"") -> Block:
    data = b"".join(b'{"create":{"_id":"%b"}}\n{}\n' % name.encode() for name in names)
    return Block(data + tail, len(names) if told is None else told)


def look(delivery: Delivery, server: Elasticsearch, seen: list[str]) -> None:
    """What is not `seen` in some way is kept."""
    conflicts = sorted(delivery.conflicts)
    seen = seen[: len(conflicts)] + ["kept"] * (len(conflicts) - len(seen))
    by_fate = {fate: [each for each, its in zip(conflicts, seen, strict=True) if its == fate] for fate in set(seen)}
    server.store -= {conflict.id for conflict in by_fate.get("gone", [])}
    delivery.looked(Looked(by_fate.get("kept", []), by_fate.get("gone", [])), None)


fates = st.lists(st.lists(st.sampled_from(FATES), min_size=1, max_size=6), min_size=1, max_size=4)
mishaps = st.lists(
    st.one_of(
        st.sampled_from(
            ["cut before", "cut after", "garbage before", "garbage after", "429", "503", "401", "stranger"]
        ),
        st.dictionaries(st.integers(0, 20), st.sampled_from([BUSY, BROKEN, LOCKED]), max_size=20),
    ),
    max_size=12,
)


looks = st.lists(st.lists(st.sampled_from(["kept", "gone", "unknown"]), max_size=6), max_size=4)


@settings(max_examples=300, deadline=None)
@given(fates, mishaps, st.integers(-1, 1), st.booleans(), looks)
def test_every_document_ends_in_exactly_one_place(
    groups: list[list[str]],
    script: list[str | dict[int, dict[str, object]]],
    untrue: int,
    torn: bool,
    seen: list[list[str]],
) -> None:
    named = [[f"{fate}-{i}-{j}" for j, fate in enumerate(group)] for i, group in enumerate(groups)]
    blocks = [block(names) for names in named]
    blocks[0] = block(named[0], told=len(named[0]) + untrue)
    if torn:
        blocks.append(Block(b'{"create":{"_id":"torn"}}\n{"half', 1))
    server = Elasticsearch()
    delivery = Delivery(blocks)
    for _ in range(500):
        body = delivery.body()
        if body is None and not delivery.conflicts:
            break
        if body is None:
            look(delivery, server, seen.pop(0) if seen else [])
            continue
        names = names_in(body)
        mishap = script.pop(0) if script else {}
        if isinstance(mishap, dict):
            at = {names[place]: item for place, item in mishap.items() if place < len(names)}
            step = delivery.answered(*server.bulk(names, at), now=0.0, taken=0)
        elif mishap == "stranger":
            step = delivery.unusable("not Elasticsearch")
        elif mishap.isdigit():
            step = delivery.answered(int(mishap), b"", now=0.0, taken=0)
        else:
            if mishap.endswith("after"):
                server.bulk(names, {})
            if mishap.startswith("cut"):
                step = delivery.unanswered("cut")
            else:
                step = delivery.answered(200, b"it works!", now=0.0, taken=0)
        assert 0.0 <= step.pause <= SLOW_PAUSE
        assert step.blocked or step.pause <= LONGEST_PAUSE
    assert delivery.body() is None
    assert not delivery.conflicts
    every = {name for names in named for name in names}
    refused = [refusal.action.command for refusal in delivery.refused]
    refused_names = {json.loads(command)["create"]["_id"] for command in refused if command}
    assert server.store == {name for name in every if name.startswith("stored")}
    assert refused_names == every - server.store
    assert len(refused) == len(refused_names) + torn
    assert delivery.stored + delivery.repeated == len(server.store)
    assert delivery.repeated == 0


def test_only_the_documents_that_have_to_are_sent_again() -> None:
    server = Elasticsearch()
    delivery = Delivery([block(["stored-a", "stored-b"]), block(["stored-c"])])
    delivery.answered(*server.bulk(["stored-a", "stored-b", "stored-c"], {"stored-b": BUSY}), now=0.0, taken=0)
    assert names_in(delivery.body() or []) == ["stored-b"]
    assert delivery.left == 1


def test_a_conflict_is_a_repetition_unless_an_attempt_without_answer_went_before() -> None:
    conflict = json.dumps({"errors": True, "items": [{"create": CONFLICT}]}).encode()
    known, unknown = Delivery([block(["a"])]), Delivery([block(["a"])])
    unknown.unanswered("timed out")
    for delivery in (known, unknown):
        delivery.answered(200, conflict, now=0.0, taken=0)
        assert delivery.conflicts == {Conflict("ds-1", 0, "a")}
        delivery.looked(Looked(kept=delivery.conflicts), None)
        assert not delivery.conflicts
    assert (known.stored, known.repeated) == (0, 1)
    assert (unknown.stored, unknown.repeated) == (1, 0)


@pytest.mark.parametrize("error", [{}, {"type": "version_conflict_engine_exception"}, "words", None])
def test_a_conflict_of_which_no_place_is_told_is_believed(error: object) -> None:
    delivery = Delivery([block(["a"])])
    answer = {"errors": True, "items": [{"create": {"status": 409, "error": error}}]}
    delivery.answered(200, json.dumps(answer).encode(), now=0.0, taken=0)
    assert (delivery.repeated, delivery.conflicts, delivery.body()) == (1, set(), None)


def test_what_could_not_be_looked_at_is_looked_at_again_and_only_what_is_gone_is_sent() -> None:
    server = Elasticsearch()
    server.store = {"stored-a", "stored-b", "stored-c"}
    delivery = Delivery([block(["stored-a", "stored-b", "stored-c", "stored-d"])])
    delivery.answered(*server.bulk(names_in(delivery.body() or []), {}), now=0.0, taken=0)
    a, b, c = sorted(delivery.conflicts)
    step = delivery.looked(Looked(kept=[a], gone=[b]), "half an answer")
    assert step.pause > 0
    assert step.trouble == "it cannot be asked whether what is stored already is on disk: half an answer"
    assert delivery.conflicts == {c}
    assert names_in(delivery.body() or []) == ["stored-b"]
    delivery.answered(200, b'{"errors":false,"items":[{"create":{"status":201}}]}', now=0.0, taken=0)
    assert delivery.looked(Looked(kept=[c]), None).pause == 0
    assert (delivery.stored, delivery.repeated, delivery.body()) == (2, 2, None)


def fail(delivery: Delivery, now: float, taken: int) -> None:
    items = [{"create": BROKEN} for _ in range(delivery.left)]
    delivery.answered(200, json.dumps({"errors": True, "items": items}).encode(), now=now, taken=taken)


@pytest.mark.parametrize(
    ("seconds", "neighbours", "dead"),
    [
        (PATIENCE, NEIGHBOURS, True),
        (PATIENCE - 1, NEIGHBOURS, False),
        (PATIENCE, NEIGHBOURS - 1, False),
        (100 * PATIENCE, 0, False),
    ],
)
def test_a_document_is_given_up_when_it_alone_has_failed_for_long(seconds: float, neighbours: int, dead: bool) -> None:
    delivery = Delivery([block(["a"])])
    fail(delivery, 50.0, 7)
    fail(delivery, 50.0 + seconds, 7 + neighbours)
    assert (delivery.body() is None) == dead
    assert len(delivery.refused) == dead


def test_many_that_fail_need_many_neighbours() -> None:
    delivery = Delivery([block(["a", "b", "c"])])
    fail(delivery, 0.0, 0)
    fail(delivery, PATIENCE, 3 * NEIGHBOURS - 1)
    assert delivery.left == 3
    fail(delivery, PATIENCE, 3 * NEIGHBOURS)
    assert delivery.body() is None


def test_pauses_grow_while_nothing_moves_and_begin_anew_when_something_does() -> None:
    delivery = Delivery([block(["stored-a", "stored-b", "stored-c"])])
    assert [delivery.unanswered("cut").pause for _ in range(2)] == [0.5, 1.0]
    server = Elasticsearch()
    names = names_in(delivery.body() or [])
    assert delivery.answered(*server.bulk(names, {"stored-c": BUSY}), now=0.0, taken=0).pause == 0.5
    assert max(delivery.unanswered("cut").pause for _ in range(30)) == LONGEST_PAUSE


def test_what_comes_to_nothing_again_and_again_is_sent_in_smaller_bodies() -> None:
    delivery = Delivery([block([f"stored-{n}" for n in range(8)])])
    sizes = []
    for _ in range(10):
        sizes.append(delivery.left)
        delivery.unanswered("cut")
    assert sizes == [8, 8, 8, 4, 4, 4, 2, 2, 2, 1]


def test_a_document_larger_than_the_memory_granted_to_all_is_refused_and_the_rest_is_stored() -> None:
    reason = "primary_operation_bytes=80, max_primary_bytes=50"
    excess = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": reason}}
    delivery = Delivery([block(["stored-a", "huge", "stored-b"])])
    server = Elasticsearch()
    while (body := delivery.body()) is not None:
        names = names_in(body)
        step = delivery.answered(*server.bulk(names, dict.fromkeys(names, excess) if "huge" in names else {}), 0.0, 0)
        assert step.pause == 0
    assert [refusal.action.command for refusal in delivery.refused] == [b'{"create":{"_id":"huge"}}']
    assert server.store == {"stored-a", "stored-b"}


def test_nothing_to_send_is_done_at_once() -> None:
    assert Delivery([]).body() is None
    assert Delivery([Block(b"", 0)]).body() is None
