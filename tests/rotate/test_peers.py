"""What other shippers are told names every log, and where its lines belong; the table has a row for each run."""

from collections import Counter
from pathlib import Path

import pytest

from tests.rotate.logs import Written
from tests.rotate.outputs import Topic
from tests.rotate.peers import PEERS
from tests.rotate.place import Place
from tests.rotate.table import TABLE
from tests.rotate.verdict import OURS, Verdict


@pytest.mark.parametrize("name", PEERS)
def test_the_configuration_names_every_log_and_where_its_lines_belong(name: str, tmp_path: Path) -> None:
    place = Place(tmp_path, ["/logs/a*.log", "/logs/late/b*.log"], "127.0.0.1:9092", "events", tmp_path / "arrived")
    program, *arguments = PEERS[name].command(place)
    assert program == PEERS[name].program
    [configuration] = [Path(argument) for argument in arguments if Path(argument).is_file()]
    text = configuration.read_text("utf-8")
    belongs = [place.kafka, place.topic] if PEERS[name].into is Topic else [str(place.out)]
    assert [what for what in (*place.patterns, *belongs) if what not in text] == []


def test_a_run_takes_the_place_of_the_one_before_with_the_same_seed() -> None:
    old = ["| tetrastash | packed | 1 | 1 | 1 | 9 | 1 | 1 | 1 |", "| rsyslog | packed | 1 | 1 | 1 | 9 | 1 | 1 | 1 |"]
    head = TABLE.merged("<!-- rotate -->\n<!-- end of rotate -->", []).splitlines()[1:3]
    document = "\n".join(["before", "<!-- rotate -->", *head, *old, "<!-- end of rotate -->", "after"])
    lost = Counter({Written("a", 0): 1_234})
    peer = Verdict("rsyslog", 1, 200_000, 5, True, lost, Counter(), 7, 3, 0, Counter())
    ours = peer._replace(shipper=OURS, seed=10, lost=Counter(), packs=False)
    assert TABLE.merged(document, [peer.cells, ours.cells]).splitlines() == [
        "before",
        "<!-- rotate -->",
        *head,
        old[0],
        "| tetrastash | plain | 10 | 200,000 | 5 | 0 | 7 | 3 | 0 |",
        "| rsyslog | packed | 1 | 200,000 | 5 | 1,234 | 7 | 3 | 0 |",
        "<!-- end of rotate -->",
        "after",
    ]
    assert peer.line() == "rotate: rsyslog, seed 1, 200000 lines, 5 kills, lost 1234, repeated 7"
