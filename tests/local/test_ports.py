import random
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.local.ports import free_ports

COUNT = 20
SEED = 7
OTHER = f"""
import random, time
from app.local.ports import free_ports
random.seed({SEED})
print(*free_ports({COUNT}), flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def randomness() -> Iterator[None]:
    """Left as it was found."""
    before = random.getstate()
    yield
    random.setstate(before)


def test_no_port_is_given_twice() -> None:
    given = []
    for _ in range(2):
        random.seed(SEED)
        given += free_ports(COUNT)
    assert len(set(given)) == 2 * COUNT


def test_a_port_belongs_to_one_process_while_that_lives() -> None:
    with subprocess.Popen([sys.executable, "-c", OTHER], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = [int(port) for port in other.stdout.readline().split()]
        random.seed(SEED)
        ours = free_ports(COUNT)
        other.kill()
    assert len(theirs) == COUNT
    assert not set(theirs) & set(ours)

    random.seed(SEED)
    assert set(theirs) & set(free_ports(COUNT))
