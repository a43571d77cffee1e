"""What documents may depend on, told by what may not change them: how lines are cut, who works, what comes late."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from random import Random
from typing import Any, Final

import orjson
import pytest

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from examples.node import START
from examples.processes import lines as processes
from examples.story import story
from schemas.record import FILE, PATH, POSITION, SHIPPER, Record
from schemas.times import SECOND
from tests.agents.cases import AGENTS, CORPUS
from tests.enrich.disturbed import Line, Restarted, late

PIPELINE: Final = Pipeline(AGENTS, original=False)

Block = tuple[str, int, Sequence[bytes]]  # of one node: where it lies in the log, and its lines

STORY: Final = list(story(seed=1, nodes=3, minutes=4, rate=12))
FILES: Final = {file.name: file.read_bytes().splitlines() for file in sorted(CORPUS.glob("*.ndjson"))}

# What compares with events before, or adds them up.
BY_MEMORY: Final = (
    "destination",
    "event.duration",
    "event.risk_score",
    "event.severity",
    "network",
    "source",
    "tetragon.dropped",
    "tetragon.fim",
    "tetragon.findings",
    "tetragon.network",
    "tetragon.privilege",
    "threat",
)
# What late events may change: whatever is told of others than the process itself.
BY_LATENESS: Final = (
    *BY_MEMORY,
    "process.Ext.ancestry",
    "process.entry_leader",
    "process.interactive",
    "process.parent",
    "process.previous",
    "tetragon.lineage",
    "tetragon.orphan",
    "tetragon.since_parent_start_ms",
)
TAGS_BY_LATENESS: Final = {
    "drop_and_exec",
    "pkg_mgr_descendant",
    "remote_session_descendant",
    "shell_under_server",
}

# What a restart of Tetragon may: the line is another, says how its process was found, and calls it by another name.
BY_RESTART: Final = (
    "event.id",
    "tetragon.lineage.alias",
    "tetragon.lineage.source",
    "tetragon.parent.flags",
    "tetragon.process.flags",
)
TAGS_BY_RESTART: Final = {"fork_only"}  # of what had only forked: now a document tells that it was running

# What unseen exits may: nobody is known to have gone.
BY_UNSEEN_EXITS: Final = ("tetragon.orphan",)


def by_node(lines: Iterable[Line]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = defaultdict(list)
    for _, node, line in lines:
        found[node].append(line)
    return found


def cut(of_node: Mapping[str, Sequence[bytes]], size: int) -> list[Block]:
    """In turn, `size` lines of each node."""
    places = {node: list(accumulate((len(line) + 1 for line in lines), initial=0)) for node, lines in of_node.items()}
    starts = range(0, max(map(len, of_node.values())), size)
    return [
        (node, places[node][start], lines[start : start + size])
        for start in starts
        for node, lines in of_node.items()
        if start < len(lines)
    ]


def enriched(blocks: Iterable[Block], memory: Memory, *, shipper: str = "") -> dict[str, list[bytes]]:
    """By node, in the order of lines. With a shipper's name, it vouches for where they lie."""
    made: dict[str, list[bytes]] = defaultdict(list)
    for node, place, lines in blocks:
        headers = {PATH: b"/log", FILE: b"f", POSITION: b"%d" % place, SHIPPER: shipper.encode()}
        value = b"".join(line + b"\n" for line in lines)
        found = PIPELINE.enrich(memory, Record("t", 0, 0, 1_767_600_000_000, node.encode(), value, headers))
        assert not found.rejections
        assert not found.failures
        made[node] += [line for block, _ in found.blocks for line in block.splitlines()[1::2]]
    return made


def leaves(document: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        place = f"{under}.{name}" if under else name
        if isinstance(value, dict):
            found |= leaves(value, place)
        else:
            found[place] = value
    return found


def difference(one: bytes, other: bytes, named: Sequence[str]) -> dict[str, Any]:
    """What is not alike and has none of these names, nor is below one; tags apart."""
    if one == other:
        return {}
    before, after = leaves(orjson.loads(one)), leaves(orjson.loads(other))
    return {
        field: (before.get(field), after.get(field))
        for field in before.keys() | after.keys()
        if before.get(field) != after.get(field)
        and not any(field == each or field.startswith(f"{each}.") for each in (*named, "tags"))
    }


def other_tags(one: bytes, other: bytes) -> set[str]:
    return set(orjson.loads(one).get("tags", ())) ^ set(orjson.loads(other).get("tags", ()))


def starts(documents: Iterable[bytes]) -> Counter[str]:
    told = map(orjson.loads, documents)
    return Counter(each["process"]["entity_id"] for each in told if "start" in each["event"]["type"])


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, list[bytes]]:
    return enriched(cut(by_node(STORY), 50), Memory())


# What changes no byte


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_split_or_merged_blocks_give_the_same_documents(undisturbed: dict[str, list[bytes]], size: int) -> None:
    assert enriched(cut(by_node(STORY), size), Memory()) == undisturbed


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_of_the_corpus_too(size: int) -> None:
    def made(of: int) -> dict[str, list[bytes]]:
        files = {name: [line for line in lines if orjson_reads(line)] for name, lines in FILES.items()}
        return enriched(cut({name: lines for name, lines in files.items() if lines}, of), Memory())

    assert made(size) == made(3)


def orjson_reads(line: bytes) -> bool:
    try:
        return any(name.startswith("process_") for name in orjson.loads(line))
    except orjson.JSONDecodeError:
        return False


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_any_number_of_workers_gives_the_same_documents(undisturbed: dict[str, list[bytes]], workers: int) -> None:
    nodes = by_node(STORY)
    made: dict[str, list[bytes]] = {}
    for worker in range(workers):
        own = {node: lines for number, (node, lines) in enumerate(nodes.items()) if number % workers == worker}
        if own:
            made |= enriched(cut(own, 50), Memory())

    assert made == undisturbed


def repeated(blocks: Sequence[Block], seed: int) -> list[Block]:
    """Some blocks come again, at once or after some others."""
    random = Random(seed)
    found: list[Block] = []
    for place, block in enumerate(blocks):
        found.append(block)
        if random.random() < 0.3:
            found.append(blocks[random.randrange(max(0, place - 6), place + 1)])
    return found


def test_blocks_that_a_shipper_sends_again_give_the_same_documents(undisturbed: dict[str, list[bytes]]) -> None:
    assert enriched(repeated(cut(by_node(STORY), 50), seed=1), Memory(), shipper="s") == undisturbed


def test_blocks_that_just_come_again_change_no_first_document(undisturbed: dict[str, list[bytes]]) -> None:
    """Elasticsearch keeps the first of an id, and so does this; what counts calls and notes files may count twice."""
    made = enriched(repeated(cut(by_node(STORY), 50), seed=1), Memory())

    for node, documents in made.items():
        first: dict[str, bytes] = {}
        for document in documents:
            first.setdefault(orjson.loads(document)["event"]["id"], document)
        for one, other in zip(undisturbed[node], first.values(), strict=True):
            assert difference(one, other, BY_MEMORY) == {}
            assert other_tags(one, other) == set()


# What changes fields that have a name


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_comes_late_changes_only_what_is_told_of_others(undisturbed: dict[str, list[bytes]], seed: int) -> None:
    of_id = {orjson.loads(each)["event"]["id"]: each for documents in undisturbed.values() for each in documents}
    times: dict[str, list[int]] = defaultdict(list)
    for time, node, _ in STORY:
        times[node].append(time)
    made = enriched(late(((times[block[0]].pop(0), block) for block in cut(by_node(STORY), 1)), seed), Memory())
    documents = [each for of_node in made.values() for each in of_node]

    assert len(documents) == len(of_id)
    for each in documents:
        before = of_id[orjson.loads(each)["event"]["id"]]
        assert difference(before, each, BY_LATENESS) == {}
        assert other_tags(before, each) <= TAGS_BY_LATENESS
    assert starts(documents) == starts(of_id.values())


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_restart_of_tetragon_changes_only_names(share: float) -> None:
    aliased = 0
    for lines in _lines_by_node(STORY).values():
        at = lines[int(len(lines) * share)][0]
        restarted = Restarted(lines, at)
        aliased += _compare(lines, restarted.before, restarted.scan, restarted.after)

    assert aliased > 10, "the law is about what was known by its exec"


def test_so_does_a_second_one() -> None:
    for lines in _lines_by_node(STORY).values():
        first = Restarted(lines, lines[len(lines) // 3][0])
        between = [*first.before, *first.scan, *first.after]
        second = Restarted(between, first.after[len(first.after) // 2][0])
        # What came before the second is what the first law is about, but for the scan in the middle of it.
        _compare(between, second.before, second.scan, second.after)


def _compare(lines: Sequence[Line], before: Sequence[Line], scan: Sequence[Line], after: Sequence[Line]) -> int:
    """How many processes kept their ids under new names."""
    assert len(before) + len(after) == len(lines)
    expected = _of_one_node(lines, Memory())
    memory = Memory()
    assert _of_one_node(before, memory) == expected[: len(before)]
    known = {orjson.loads(each)["process"]["entity_id"] for each in expected[: len(before)]}
    aliased = 0
    for each in map(orjson.loads, _of_one_node(scan, memory)):
        assert each["event"]["action"] == "already_running"
        assert each["event"]["type"] == ["info"]
        if "alias" in each["tetragon"]["lineage"]:
            assert each["process"]["entity_id"] in known
            aliased += 1
    for one, other in zip(expected[len(before) :], _of_one_node(after, memory), strict=True):
        assert difference(one, other, BY_RESTART) == {}
        assert other_tags(one, other) <= TAGS_BY_RESTART
    return aliased


def test_a_boot_leaves_nothing_of_what_was_before() -> None:
    """A month later the machines do other things under the same names and pids, and what ran before is over."""
    later = list(story(seed=2, nodes=3, minutes=4, rate=12, start=START + 30 * 86_400 * SECOND))
    memory = Memory()
    enriched(cut(by_node(STORY), 50), memory)
    made = enriched(cut(by_node(later), 50), memory)
    alone = enriched(cut(by_node(later), 50), Memory())

    assert made == alone
    assert _exec_ids(STORY) & _exec_ids(later), "every boot begins with the same steps"


def _exec_ids(lines: Iterable[Line]) -> set[str]:
    events = (orjson.loads(line) for _, _, line in lines)
    return {event["process_exec"]["process"]["exec_id"] for event in events if "process_exec" in event}


def test_pids_that_come_round_again_are_other_processes_though_no_exit_was_seen() -> None:
    told = [(place, node, line) for place, (node, line) in enumerate(processes(seed=2, events=6_000, nodes=2))]
    for lines in _lines_by_node(told).values():
        kept = [line for line in lines if b'"process_exit":' not in line[2]]
        pids = Counter(json.loads(line)["process_exec"]["process"]["pid"] for _, _, line in kept)
        assert pids.most_common(1)[0][1] > 1
        expected = [
            document
            for (_, _, line), document in zip(lines, _of_one_node(lines, Memory()), strict=True)
            if b'"process_exit":' not in line
        ]
        for one, other in zip(expected, _of_one_node(kept, Memory()), strict=True):
            assert difference(one, other, BY_UNSEEN_EXITS) == {}
            assert other_tags(one, other) == set()


def _lines_by_node(lines: Iterable[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        found[line[1]].append(line)
    return found


def _of_one_node(lines: Sequence[Line], memory: Memory) -> list[bytes]:
    """Each line lies where its time says, so that it has one id whatever else is there."""
    return enriched([(node, time, [line]) for time, node, line in lines], memory)[lines[0][1]]
