"""What a run has found: of each line, whether it arrived, and what became of the file that it was written to."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tests.rotate.logs import Log, Written
from tests.rotate.repeats import MOST_BYTES, Repeated

OURS = "tetrastash"


class Verdict(NamedTuple):
    """`reported`, `unreported` and `false` are of a shipper that keeps a list of what is lost; others have none."""

    shipper: str
    seed: int
    lines: int
    kills: int
    packs: bool  # whether backups were packed after a while
    lost: Counter[Written]  # lines of files that nobody harmed
    unreported: Counter[Written]
    repeated: int
    known: int  # lines that did not arrive, of files that were harmed
    reported: int
    false: Counter[str]  # bytes that are told to be lost, of logs that nobody harmed
    by_kill: Sequence[Repeated] = ()  # of ours

    @property
    def is_clean(self) -> bool:
        bounded = all(each.bytes <= MOST_BYTES for each in self.by_kill)
        return bounded and not self.lost and not self.unreported and not self.false

    @property
    def cells(self) -> tuple[object, ...]:
        """Of its row in the table."""
        counts = (self.lines, self.kills, self.lost.total(), self.repeated, self.known, self.reported)
        return (self.shipper, "packed" if self.packs else "plain", self.seed, *counts)

    def line(self) -> str:
        ours = self.shipper == OURS
        return (
            f"rotate: {'' if ours else f'{self.shipper}, '}seed {self.seed}, {self.lines} lines, {self.kills} kills, "
            f"{'' if self.packs else 'nothing packed, '}"
            f"lost {self.lost.total()}, repeated {self.repeated}"
            + (f", known-lost {self.known} (reported {self.reported})" if ours else "")
        )


def judge(
    shipper: str,
    seed: int,
    kills: int,
    packs: bool,
    logs: Iterable[Log],
    found: Counter[int],
    told: set[Written],
    false: Mapping[str, int],
) -> Verdict:
    """`found` are the numbers of the lines that arrived, `told` the files of which the shipper says that it lost."""
    files = {number: file for log in logs for number, file in log.files.items()}
    harmed = {file for log in logs for file in log.harmed}
    missing = [number for number in files if number not in found]
    known = [number for number in missing if files[number] in harmed]
    return Verdict(
        shipper,
        seed,
        len(files),
        kills,
        packs,
        lost=Counter(files[number] for number in missing if files[number] not in harmed),
        unreported=Counter(files[number] for number in known if files[number] not in told),
        repeated=sum(count - 1 for count in found.values()),
        known=len(known),
        reported=sum(files[number] in told for number in known),
        false=Counter(false),
    )
