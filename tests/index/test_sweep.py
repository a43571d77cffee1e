"""Whatever happens, no acknowledged document is without a copy on disk, and in the end each has exactly one."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from app.index.questions import Ask, Asking, Copy, Index, Indices, Search, Seen, Shard
from app.index.sweep import Positions, Sweep
from tests.index.flawed import Backward, Hasty, Idle, Trusting
from tests.index.rolling import ALLOWANCE, Stream, Trouble, simulate

SEEDS = range(300)
PAGE = 3
PAGES = 2


def whole(positions: Positions) -> Sweep:
    return Sweep(positions, ALLOWANCE, PAGE, PAGES)


def troubles(make: Any, **options: Any) -> Iterator[Trouble]:
    """One seed after another, for as long as somebody wants to know."""
    return (simulate(seed, make, **options) for seed in SEEDS)


def test_nothing_is_lost_and_nothing_stays_double() -> None:
    for seed, trouble in zip(SEEDS, troubles(whole), strict=True):
        assert trouble == Trouble([], []), seed


def test_without_a_sweep_documents_are_double() -> None:
    doubled = (trouble for trouble in troubles(Idle) if trouble.double)
    more_than_a_quarter = len(SEEDS) // 4 + 1
    assert len(list(islice(doubled, more_than_a_quarter))) == more_than_a_quarter


@pytest.mark.parametrize(("flawed", "harm"), [(Trusting, "lost"), (Backward, "double"), (Hasty, "double")])
def test_without_one_of_its_precautions_the_simulation_finds_it(flawed: type[Sweep], harm: str) -> None:
    found = troubles(lambda positions: flawed(positions, ALLOWANCE, PAGE))
    assert any(getattr(trouble, harm) for trouble in found)


def test_a_clock_that_errs_by_more_than_the_allowance_leaves_doubles_and_loses_nothing() -> None:
    found = list(troubles(whole, skew=6 * ALLOWANCE))
    assert any(trouble.double for trouble in found)
    assert not any(trouble.lost for trouble in found)


def test_an_index_that_is_far_behind_leaves_the_others_their_turn() -> None:
    stream = Stream()
    numbers = [f"id-{number}" for number in range(20)]
    for _ in range(3):
        for id_ in numbers:
            stream.shard_of(stream.indices[-1].name, id_).append(id_, 0)
        stream.roll()
    for shards in stream.shards.values():
        for shard in shards:
            shard.durable = len(shard.log)
    sweep = Sweep(page=2, pages=2)

    def one_round() -> None:
        asking = sweep.round()
        ask: Ask | None = next(asking)
        while ask is not None:
            ask = next_of(asking, stream.answer(ask))

    one_round()

    assert sweep.is_behind
    assert sweep.counters.compared == 2 * 2 * 2 * 2  # pages of two shards of two indices
    while sweep.is_behind:
        one_round()
    assert {stream.copies(id_, on_disk=False) for id_ in numbers} == {1}


def next_of(asking: Asking[None], answer: Any) -> Ask | None:
    try:
        return asking.send(answer)
    except StopIteration:
        return None


@pytest.mark.parametrize(("happened", "first"), [(199_500, 199), (120_500, 120), (500, 1), (None, 1)])
def test_every_older_index_that_was_written_to_since_it_happened_is_asked(happened: int | None, first: int) -> None:
    """199 of them, each begun a second after the one before."""
    assert wanted_of(happened, allowance=0) == [f"ds-{number:03d}" for number in range(first, 200)]


def test_the_time_that_clocks_may_differ_by_does_not_hide_where_it_lies() -> None:
    assert wanted_of(150_500, allowance=4_000) == [f"ds-{number:03d}" for number in range(146, 200)]


def wanted_of(happened: int | None, allowance: int) -> list[str]:
    indices = [Index(f"ds-{number:03d}", f"uuid-{number}", number, number * 1000) for number in range(1, 201)]
    sweep = Sweep({f"uuid-{number}": [0] for number in range(1, 200)}, allowance=allowance)
    asking = sweep.round()
    assert next(asking) == Indices()
    asking.send(indices)
    asking.send({index.name: [Shard(0, 0)] for index in indices})
    asking.send(True)
    wanted = asking.send([Seen("a", Copy(0, 1), happened)])
    assert isinstance(wanted, Search)
    assert wanted.ids == ["a"]
    return list(wanted.names)
