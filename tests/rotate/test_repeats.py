"""Lines that come again count for the kill before them, and more than can be under way is no clean run."""

from collections import Counter

from tests.rotate.repeats import MOST_BYTES, Repeated, by_kill, told
from tests.rotate.verdict import OURS, Verdict
from tests.ship.topic import Shipped


def block(at: float, line: int, *numbers: int, path: str = "/a.log") -> Shipped:
    value = b"same\n" + b"".join(b'{"number": %d}\n' % number for number in numbers)
    return Shipped(0, b"key", value, path, "file", 0, line, len(numbers), round(at * 1000))


def test_what_is_sent_again_counts_for_the_kill_before_it() -> None:
    records = [
        block(1, 0, 1, 2),
        block(1, 0, 9, path="/b.log"),
        block(3, 1, 2, 3),  # cut elsewhere
        block(3, 0, 9, path="/b.log"),
        block(4, 3, 4),
        block(6, 3, 4, 5),
        block(8, 4, 5),
    ]
    repeated = by_kill(records, [2, 5, 7, 9])
    assert repeated == [Repeated(2, 28, 2, 2), Repeated(1, 14, 1, 1), Repeated(1, 14, 1, 1), Repeated(0, 0, 0, 0)]
    assert told(repeated, records).startswith("one kill repeated at most 2 lines (28 bytes in 2 blocks of 2 logs);")
    assert told([], []).endswith("0 of 0 kills repeated any")


def test_a_run_in_which_a_kill_repeats_more_than_can_be_under_way_is_not_clean() -> None:
    clean = Verdict(OURS, 1, 1, 1, True, Counter(), Counter(), 0, 0, 0, Counter())
    assert clean.is_clean
    assert clean._replace(by_kill=[Repeated(9, MOST_BYTES, 9, 1)]).is_clean
    assert not clean._replace(by_kill=[Repeated(0, 0, 0, 0), Repeated(9, MOST_BYTES + 1, 9, 1)]).is_clean
