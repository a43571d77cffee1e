"""Whatever the client drops, repeats or delivers late, every record that exists is processed once, in order."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from app.stream.partitions import UNOWNED, Ignore, Partition, Seek, Take


class Client:
    """A consumer that reads the log [beginning, end) without the offsets in `missing`, and is otherwise at liberty."""

    def __init__(self, end: int, missing: set[int]) -> None:
        self.offsets = [offset for offset in range(end) if offset not in missing]
        self.end = end
        self.beginning = 0
        self.start = 0  # covered up to here
        self.seeks = 0
        self.lost = 0
        self.queue: deque[tuple[int, int, int, list[int]]] = deque()

    def seek(self, offset: int) -> None:
        self.start = offset
        self.lost = max(0, self.beginning - offset)
        self.seeks += 1

    def fetch(self, records: int) -> None:
        if self.start + self.lost < self.beginning:  # out of range: aiokafka's error leads to a seek in the same place
            self.seek(self.start)
        found = [offset for offset in self.offsets if offset >= max(self.start + self.lost, self.beginning)][:records]
        if found:
            self.queue.append((self.start, self.seeks, self.lost, found))
            self.start = found[-1] + 1
            self.lost = 0


actions = st.lists(
    st.one_of(
        st.tuples(st.just("fetch"), st.integers(1, 5)),
        st.tuples(st.just("drop"), st.integers(0, 3)),
        st.tuples(st.just("deliver"), st.just(0)),
        st.tuples(st.just("stale"), st.just(0)),
        st.tuples(st.just("retain"), st.integers(0, 6)),
    ),
    max_size=60,
)


@given(end=st.integers(0, 30), missing=st.sets(st.integers(0, 29)), script=actions)
def test_every_record_that_can_be_read_is_processed_once_and_in_order(
    end: int, missing: set[int], script: list[tuple[str, int]]
) -> None:
    client = Client(end, missing)
    partition = Partition()
    partition.assign(generation=7, due=0)
    processed: list[int] = []
    lost = 0

    def deliver() -> None:
        nonlocal lost
        start, seeks, gone, offsets = client.queue.popleft()
        match partition.arrive(7, start, seeks, gone, offsets):
            case Take(first, _, missed):
                lost += missed
                for offset in offsets[first:]:
                    partition.processed(offset)
                    processed.append(offset)
            case Seek(offset, _):
                client.seek(offset)
            case Ignore():
                pass

    for action, amount in script:
        if action == "fetch":
            client.fetch(amount)
        elif action == "drop" and len(client.queue) > amount:
            del client.queue[amount]
        elif action == "deliver" and client.queue:
            deliver()
        elif action == "stale" and client.queue:
            start, seeks, gone, offsets = client.queue[0]
            assert partition.arrive(6, start, seeks, gone, offsets) == Ignore(stale=True)
        elif action == "retain":
            client.beginning = min(client.end, max(client.beginning, amount))
    # Nothing is dropped any more, and one more record comes: a loss at the very end shows with what comes behind it.
    client.offsets.append(client.end)
    client.end += 1
    while True:
        client.fetch(3)
        if not client.queue:
            break
        deliver()

    assert processed == sorted(set(processed))
    unread = [offset for offset in client.offsets if offset not in processed]
    assert all(offset < client.beginning for offset in unread)
    assert len(unread) <= lost


def test_a_batch_behind_a_hole_makes_it_seek_back_once() -> None:
    partition = Partition()
    partition.assign(generation=1, due=141)
    assert partition.arrive(1, 142, 0, 0, [142, 143]) == Seek(141, hole=1)
    assert partition.arrive(1, 144, 0, 0, [144]) == Ignore(stale=False)
    assert partition.arrive(1, 141, 1, 0, [141, 142]) == Take(0, skipped=0, lost=0)


def test_a_second_hole_after_the_seek_makes_it_seek_again() -> None:
    partition = Partition()
    partition.assign(generation=1, due=10)
    assert partition.arrive(1, 12, 0, 0, [12]) == Seek(10, hole=2)
    assert partition.arrive(1, 15, 1, 0, [15]) == Seek(10, hole=5)


def test_offsets_missing_within_what_was_read_are_no_hole() -> None:
    partition = Partition()
    partition.assign(generation=1, due=10)
    assert partition.arrive(1, 10, 0, 0, [13, 17]) == Take(0, skipped=0, lost=0)


def test_what_retention_took_is_counted_as_lost() -> None:
    partition = Partition()
    partition.assign(generation=1, due=10)
    assert partition.arrive(1, 10, 1, 90, [100]) == Take(0, skipped=0, lost=90)


def test_what_was_processed_already_is_skipped() -> None:
    partition = Partition()
    partition.assign(generation=1, due=5)
    assert partition.arrive(1, 3, 0, 0, [3, 4, 5]) == Take(2, skipped=2, lost=0)


def test_nothing_is_taken_after_the_partition_was_revoked() -> None:
    partition = Partition()
    partition.assign(generation=1, due=5)
    partition.revoke()
    assert not partition.owned(1)
    assert partition.arrive(1, 5, 0, 0, [5]) == Ignore(stale=True)


def test_a_new_generation_knows_of_no_seek() -> None:
    partition = Partition()
    partition.assign(1, 0)
    assert partition.arrive(1, start=5, seeks=0, lost=0, offsets=[5]) == Seek(0, hole=5)
    partition.assign(2, 0)
    assert partition.arrive(2, start=5, seeks=0, lost=0, offsets=[5]) == Seek(0, hole=5)


def test_before_it_is_assigned_it_takes_nothing() -> None:
    partition = Partition()
    assert partition.due == 0
    assert not partition.owned(UNOWNED)
    assert partition.arrive(0, start=0, seeks=0, lost=0, offsets=[0]) == Ignore(stale=True)
