"""What holds for any events and any rules."""

import json
from collections.abc import Sequence
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import Agent
from agents.ancestry import ancestry
from app.enrich.blocks import Enriched, documents_of
from app.enrich.drops.file import read_rules
from app.enrich.drops.rules import OWNER, Rules
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from schemas.checkpoint import Entry
from schemas.ledger import ROWS
from schemas.tetragon import BODIES
from tests.agents.cases import AGENTS, CORPUS, record_of
from tests.enrich.nodes import STEPS, Step, lines_of
from tests.enrich.test_decode import EVENTLIKE

FORGETFUL: list[Agent] = [each for each in AGENTS if each.function is ancestry.function]  # it remembers nothing

SAMPLES = [line for file in sorted(CORPUS.glob("*.ndjson")) for line in file.read_bytes().splitlines()]


def _sample(number: int) -> bytes:
    return SAMPLES[number]


_TEXT = st.sampled_from(["/bin/tool-1", "/bin/tool-", "1", "number", "-c", "/", "default", "kube-system", "node-1"])
_OPERATED = st.dictionaries(
    st.sampled_from(["prefix", "suffix", "contains", "glob"]),
    st.one_of(_TEXT, _TEXT.map("*{}*".format), st.lists(_TEXT, min_size=1, max_size=2)),
    min_size=1,
    max_size=2,
)
_PLAIN: st.SearchStrategy[Any] = st.one_of(_TEXT, st.just(""), st.lists(_TEXT, min_size=1, max_size=3), _OPERATED)
_OF_TEXT = st.one_of(_PLAIN, _PLAIN.map(lambda given: {"not": given}))
_NUMBERS = st.one_of(st.integers(0, 8), st.lists(st.integers(0, 8), min_size=1), st.just({"not": 1}))
_OF_ALL = {
    "process.binary": _OF_TEXT,
    "process.arguments": _OF_TEXT,
    "parent.binary": _OF_TEXT,
    "process.pod.namespace": _OF_TEXT,
    "ancestors.binary": _OF_TEXT,
    "node_name": _OF_TEXT,
    "process.uid": _NUMBERS,
    "process.pid": _NUMBERS,
}
_OF_SOME = {"function_name": _OF_TEXT, "status": _NUMBERS}
_EVENTS = st.lists(st.sampled_from(sorted(BODIES)), min_size=1, max_size=3)


def _when(of: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(sorted(of)), st.none(), min_size=1, max_size=3).flatmap(
        lambda names: st.fixed_dictionaries({name: of[name] for name in names})
    )


_ASKED: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"events": _EVENTS}),
    st.fixed_dictionaries({"events": _EVENTS, "when": _when(_OF_ALL)}),
    st.fixed_dictionaries({"when": _when(_OF_ALL | _OF_SOME)}),
    st.just({"repeat": True}),
    st.fixed_dictionaries({"when": _when(_OF_ALL), "repeat": st.just(True)}),
)
_ACTIONS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({"drop": True}), st.floats(0.01, 1).map(lambda share: {"sample": share})
)


def _compiled(rules: Sequence[dict[str, Any]]) -> Rules:
    named = [{"name": f"rule-{number}", **rule} for number, rule in enumerate(rules)]
    return read_rules(orjson.dumps({"rules": named}), "rules")


RULES = st.lists(st.builds(dict.__or__, _ASKED, _ACTIONS), max_size=5).map(_compiled)
LINES = st.one_of(
    STEPS.map(lines_of),
    st.lists(st.integers(0, len(SAMPLES) - 1).map(_sample), max_size=10),
    st.lists(st.one_of(EVENTLIKE.map(lambda value: json.dumps(value).encode()), st.binary(max_size=30)), max_size=5),
)


def enrich(lines: Sequence[bytes], rules: Rules | None, memory: Memory | None = None, **more: Any) -> Enriched:
    value = b"\n".join(lines)
    pipeline = Pipeline(FORGETFUL, drops=rules, **more)
    return pipeline.enrich(memory if memory is not None else Memory(), record_of(value, "tetragon.log"))


def documents(enriched: Enriched) -> list[bytes]:
    return [document for block, _ in enriched.blocks for document in documents_of(block)]


def ids(enriched: Enriched) -> list[str]:
    return [orjson.loads(document)["event"]["id"] for document in documents(enriched)]


def remembered(memory: Memory) -> dict[Entry, bytes | None]:
    """But for the ledger, which tells what was dropped, and for what the rules themselves remember."""
    return {entry: value for entry, value in memory.drain().items() if entry.owner not in (ROWS, OWNER)}


@given(LINES, RULES)
@settings(deadline=None, max_examples=100)
def test_every_line_is_a_document_a_dead_letter_or_dropped_by_one_rule(lines: list[bytes], rules: Rules) -> None:
    counters = enrich(lines, rules).counters
    by_rule = {name: counters.get(f"dropped.{name}", 0) for name in rules.names}

    assert counters["lines"] == counters["documents"] + counters["rejected"] + counters.get("dropped", 0)
    assert counters.get("dropped", 0) == sum(by_rule.values())


@given(LINES, RULES)
@settings(deadline=None, max_examples=100)
def test_what_stays_is_byte_for_byte_what_it_is_without_rules(lines: list[bytes], rules: Rules) -> None:
    """So are the dead letters, and what is remembered: with the next record, too."""
    whole_memory, memory = Memory(), Memory()
    whole = enrich(lines, None, whole_memory)
    some = enrich(lines, rules, memory, explain=True)
    gone = [each.id for each in some.dropped]
    left = iter(documents(whole))

    assert all(document in left for document in documents(some)), "in the same order"
    assert sorted([*ids(some), *gone]) == sorted(ids(whole))
    assert some.rejections == whole.rejections
    assert remembered(memory) == remembered(whole_memory)
    rows = [row for _, ledger in memory.ledgers() for row in ledger.rows.values()]
    assert all(row.lines == row.documents + row.rejected + sum(row.dropped.values()) for row in rows)
    assert sum(sum(row.dropped.values()) for row in rows) == len(gone)


@given(LINES, RULES, st.integers(1, 7))
@settings(deadline=None, max_examples=100)
def test_a_replay_drops_the_same_however_lines_are_cut_into_records(
    lines: list[bytes], rules: Rules, size: int
) -> None:
    timed = [line for line in lines if b"\n" not in line and b'"time":"20' in line]
    at_once = enrich(timed, rules, explain=True)
    memory = Memory()
    in_parts = [enrich(timed[at : at + size], rules, memory, explain=True) for at in range(0, len(timed), size)]

    assert [each for part in in_parts for each in part.dropped] == at_once.dropped
    assert [each for part in in_parts for each in ids(part)] == ids(at_once)


@given(LINES, RULES)
@settings(deadline=None, max_examples=100)
def test_to_ask_why_changes_nothing(lines: list[bytes], rules: Rules) -> None:
    quiet, asked = enrich(lines, rules), enrich(lines, rules, explain=True)

    assert (quiet.blocks, quiet.counters, quiet.kept) == (asked.blocks, asked.counters, asked.kept)
    assert quiet.dropped == []
    assert len(asked.dropped) == asked.counters.get("dropped", 0)


@given(STEPS)
@settings(deadline=None, max_examples=20)
def test_without_rules_and_with_rules_for_nothing_output_is_the_same_bytes(steps: list[Step]) -> None:
    lines = lines_of(steps)
    without = Pipeline(AGENTS).enrich(Memory(), record_of(b"\n".join(lines), "tetragon.log"))
    for rules in ([], [{"events": ["process_loader"], "drop": True}], [{"when": {"node_name": ""}, "sample": 1}]):
        pipeline = Pipeline(AGENTS, drops=_compiled(rules))
        found = pipeline.enrich(Memory(), record_of(b"\n".join(lines), "tetragon.log"))
        assert (found.blocks, found.rejections, found.counters) == (
            without.blocks,
            without.rejections,
            without.counters,
        )


@given(st.floats(0.05, 0.95))
@settings(deadline=None, max_examples=20)
def test_a_sample_keeps_about_its_share_and_a_larger_one_all_of_a_smaller(share: float) -> None:
    lines = [
        b'{"process_exec":{"process":{"pid":%d}},"time":"2026-01-02T03:04:05Z","node_name":"n"}' % number
        for number in range(2000)
    ]
    some = enrich(lines, _compiled([{"events": ["process_exec"], "sample": share}]))
    more = enrich(lines, _compiled([{"events": ["process_exec"], "sample": min(1, share * 1.2)}]))

    assert abs(some.counters["documents"] / len(lines) - share) < 0.06  # five standard deviations
    assert set(ids(some)) <= set(ids(more))
    assert some.kept == {"rule-0": some.counters["documents"]}
