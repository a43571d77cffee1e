"""The law that everything rests on: what comes out depends on the stream, and on nothing that happened on the way."""

import itertools
from collections.abc import Iterable, Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import Agent, Fields, agent
from agents import Memory as Notes
from agents.ancestry import ancestry
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from examples.processes import lines
from schemas.checkpoint import Entry
from schemas.lineage import Lineage
from schemas.record import FILE, POSITION, Record
from schemas.tetragon import Event
from tests.enrich.nodes import STEPS, Step, lines_of


@agent(events=None, adds={"tetragon.counted"}, ttl=600)
def counting(event: Event, lineage: Lineage, memory: Notes) -> Fields:
    """Remembers, forgets, and tells all that it remembers."""
    name = lineage.process.name
    memory[name] = memory.get(name, 0) + 1
    if event.name == "process_exit":
        del memory[name]
    return {"tetragon.counted": {"names": list(memory), "times": list(memory.values())}}


AGENTS: list[Agent] = [
    msgspec.structs.replace(ancestry, name="ancestry"),
    msgspec.structs.replace(counting, name="counting"),
]
PIPELINE = Pipeline(AGENTS)

Block = tuple[bytes, Sequence[bytes], int]  # key, lines, position


def blocks(of_node: dict[bytes, list[bytes]], sizes: Iterable[int]) -> list[Block]:
    """The nodes' lines in turn, cut into blocks; no block is empty."""
    sizes = itertools.cycle(list(sizes) or [1])
    left = {key: list(lines) for key, lines in of_node.items()}
    positions = dict.fromkeys(of_node, 0)
    cut: list[Block] = []
    while any(left.values()):
        for key, rest in left.items():
            if rest:
                size = next(sizes)
                cut.append((key, rest[:size], positions[key]))
                positions[key] += sum(len(line) + 1 for line in rest[:size])
                del rest[:size]
    return cut


def record(block: Block, offset: int) -> Record:
    key, lines, position = block
    headers = {FILE: b"f", POSITION: b"%d" % position}
    return Record("t", 0, offset, 1_700_000_000_000, key, b"\n".join([*lines, b""]), headers)


def documents(memory: Memory, block: Block, offset: int) -> dict[bytes, list[bytes]]:
    """By key, without the action lines; then the letters."""
    enriched = PIPELINE.enrich(memory, record(block, offset))
    assert not enriched.failures
    assert enriched.counters["lines"] == enriched.counters["documents"] + enriched.counters["rejected"]
    found = [line for value, _ in enriched.blocks for line in value.splitlines()]
    return {block[0]: [*found, *(msgspec.json.encode(letter.id) for letter in enriched.rejections)]}


def gathered(runs: Iterable[dict[bytes, list[bytes]]]) -> dict[bytes, list[bytes]]:
    together: dict[bytes, list[bytes]] = {}
    for run in runs:
        for key, found in run.items():
            together.setdefault(key, []).extend(found)
    return together


def restored(log: Iterable[dict[Entry, bytes | None]]) -> Memory:
    memory = Memory()
    for changes in log:
        # Through JSON, as a checkpoint would be.
        entries = msgspec.json.decode(msgspec.json.encode(list(changes)), type=list[Entry])
        memory.load(zip(entries, changes.values(), strict=True))
    return memory


NODES = st.lists(STEPS, min_size=1, max_size=3)
# Of three, two whose clocks ran far ahead would let the third be forgotten: earlier or later, as their blocks come.
TWO_NODES = st.lists(STEPS, min_size=1, max_size=2)


def of_nodes(steps: list[list[Step]]) -> dict[bytes, list[bytes]]:
    return {f"c/node-{number}".encode(): lines_of(each, f"node-{number}") for number, each in enumerate(steps)}


@given(NODES, st.lists(st.integers(1, 7), min_size=1, max_size=5), st.sets(st.integers(0, 100)))
@settings(deadline=None, max_examples=50)
def test_a_restore_at_any_moment_changes_no_byte(steps: list[list[Step]], sizes: list[int], restores: set[int]) -> None:
    cut = blocks(of_nodes(steps), sizes)
    undisturbed = Memory()
    expected = [documents(undisturbed, block, offset) for offset, block in enumerate(cut)]

    memory = Memory()
    log: list[dict[Entry, bytes | None]] = []
    found = []
    for offset, block in enumerate(cut):
        if offset in restores:
            log.append(memory.drain())
            memory = restored(log)
            assert memory.drain() == {}
            assert memory.changed_bytes == 0
        found.append(documents(memory, block, offset))

    assert found == expected


@given(TWO_NODES, st.lists(st.integers(1, 7), min_size=1), st.lists(st.integers(1, 7), min_size=1))
@settings(deadline=None, max_examples=50)
def test_other_blocks_give_the_same_documents(steps: list[list[Step]], some: list[int], others: list[int]) -> None:
    by_node = of_nodes(steps)
    runs = []
    for sizes in (some, others):
        memory = Memory()
        cut = blocks(by_node, sizes)
        runs.append(gathered(documents(memory, block, offset) for offset, block in enumerate(cut)))

    assert {key: sorted(found) for key, found in runs[0].items()} == {
        key: sorted(found) for key, found in runs[1].items()
    }


@given(NODES, st.integers(1, 5), st.integers(0, 30), st.integers(0, 30))
@settings(deadline=None, max_examples=50)
def test_a_replay_from_an_older_checkpoint_gives_the_same_documents(
    steps: list[list[Step]], size: int, checkpoint: int, crash: int
) -> None:
    cut = blocks(of_nodes(steps), [size])
    undisturbed = Memory()
    expected = [documents(undisturbed, block, offset) for offset, block in enumerate(cut)]

    memory = Memory()
    for offset, block in enumerate(cut[:checkpoint]):
        documents(memory, block, offset)
    log = [memory.drain()]
    for offset, block in enumerate(cut[checkpoint : checkpoint + crash], checkpoint):
        documents(memory, block, offset)  # lost by the crash
    memory = restored(log)
    found = [documents(memory, block, offset) for offset, block in enumerate(cut[checkpoint:], checkpoint)]

    assert found == expected[checkpoint:]


@given(NODES, st.integers(1, 5), st.integers(1, 5))
@settings(deadline=None, max_examples=50)
def test_what_drain_said_is_all_there_is_to_remember(steps: list[list[Step]], size: int, every: int) -> None:
    memory = Memory()
    held: dict[Entry, bytes] = {}
    cut = blocks(of_nodes(steps), [size])
    for offset, block in enumerate(cut):
        documents(memory, block, offset)
        if offset % every == 0 or offset == len(cut) - 1:
            for entry, value in memory.drain().items():
                if value is None:
                    held.pop(entry, None)
                else:
                    held[entry] = value

    # A restore from the present values alone is a restore from everything that ever changed.
    assert memory.encode(held) == held
    assert all(memory.alive(entry) for entry in held)
    assert restored([dict(held)]).encode(held) == memory.encode(held)


def test_generated_nodes_come_out_the_same_with_a_restore_after_every_block() -> None:
    by_node: dict[bytes, list[bytes]] = {}
    for node, line in lines(seed=3, events=1500, nodes=3):
        by_node.setdefault(node.encode(), []).append(line.rstrip(b"\n"))
    cut = blocks(by_node, [40, 7])
    undisturbed = Memory()
    expected = [documents(undisturbed, block, offset) for offset, block in enumerate(cut)]

    memory = Memory()
    log: list[dict[Entry, bytes | None]] = []
    for offset, block in enumerate(cut):
        assert documents(memory, block, offset) == expected[offset]
        log.append(memory.drain())
        memory = restored(log)


def test_an_exec_changes_one_or_two_entries_and_its_exit_one() -> None:
    by_node = {b"node-01": [line for _, line in lines(seed=3, events=2000, nodes=1)]}
    memory = Memory()
    changed = []
    for offset, block in enumerate(blocks(by_node, [1])):
        Pipeline(AGENTS[:1]).enrich(memory, record(block, offset))
        changed.append(len([entry for entry in memory.drain() if entry.owner == "@process"]))

    assert max(changed) <= 3
    assert sum(changed) / len(changed) < 1.5
