"""A shipper that is killed and paused, while its logs are rotated in every way.

    python -m tests.rotate.run --seed 1 [--seeds 3] [--lines 200000] [--kills 5] [--peer rsyslog] [--write]

Exit status: 0 when every line is in Kafka, or was in a file that was harmed and is reported as lost. With another
shipper in the place of ours, 0 whatever it lost.
"""

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from app.local.kafka import QUICK_RETURN, Kafka
from app.settings import read_settings
from tests.docs.rows import FAULTS
from tests.faults.children import Child
from tests.rotate.logs import Alike, Copied, CutShort, Dated, Few, Log, Numbered, Removed, Scarce, Seen, Small, line
from tests.rotate.peers import PEERS, peer
from tests.rotate.repeats import number_of
from tests.rotate.shippers import Make, environment_of, ours
from tests.rotate.table import TABLE
from tests.rotate.verdict import OURS, Verdict, judge
from tests.ship.topic import make_topic

log: Final = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.01
REST_SECONDS: Final = 15.0  # ours gives up a file that is gone after ten
LOOK_SECONDS: Final = 2.0  # in which a running shipper has seen what there is
KILL_SECONDS: Final = (1.0, 4.0)


class Run:
    def __init__(
        self,
        seed: int,
        lines: int,
        kills: int,
        folder: Path,
        kafka: Kafka,
        make: Make | None = None,
        *,
        packs: bool = True,
    ) -> None:
        """At least so many lines and kills. `folder` is empty; `make` makes the shipper, if it is not ours. With
        `packs` most backups are packed after a while, as Tetragon does it if it is told to."""
        self._random = Random(seed)
        self._seed, self._lines, self._kills = seed, lines, kills
        self._killed: list[float] = []  # when, in seconds since 1970
        self.about_kills = ""  # what is repeated after them, in a sentence
        self._folder = folder
        environment = environment_of(seed, folder, kafka.bootstrap)
        self._settings = read_settings(environment)
        self._packs = packs
        self._logs = self._make_logs()
        for log in self._logs:
            log.packs = packs
        self._shipper = (make or ours())(folder, environment, self._logs)

    def _make_logs(self) -> list[Log]:
        plain, linked = self._folder / "logs", self._folder / "linked"
        plain.mkdir()
        (self._folder / "real").mkdir()
        linked.symlink_to(self._folder / "real")
        kinds: Sequence[tuple[type[Log], str, Path]] = [
            (Log, "rotated", plain),
            (Small, "small", plain),
            (Alike, "alike", plain),
            (Copied, "copied", plain),
            (CutShort, "cut", plain),
            (Removed, "removed", plain),
            (Scarce, "scarce", plain),
            (Numbered, "numbered", plain),
            (Few, "few", plain),
            (Dated, "dated", plain),
            (Log, "late", plain / "late"),
            (Log, "linked", linked),
        ]
        return [kind(folder, name, self._seed) for kind, name, folder in kinds]

    def play(self) -> Verdict:
        asyncio.run(make_topic(self._settings))
        child = self._shipper.child
        try:
            child.start()
            self._harm(child)
            for log in self._logs:
                log.come_to_rest()
            self._wait_for_rest(child)
            self._shipper.leave()
        finally:
            child.end()
        if child.complaints and self._shipper.name == OURS:
            raise RuntimeError("; ".join(child.complaints))
        for complaint in child.complaints:
            print(complaint)
        return self._judge()

    def _harm(self, shipper: Child) -> None:
        """Writes until there are lines and kills enough."""
        random, number = self._random, 0
        look_at = 0.0
        harm_at: float | None = None
        seen = Seen(0.0, 0.0)
        while number < self._lines or len(self._killed) < self._kills:
            now = time.monotonic()
            shipper.tick(now)
            if harm_at is None and shipper.state == "up" and now >= look_at:
                # What is killed before it has sent anything begins again, and shows nothing.
                look_at, seen = now + 0.1, Seen(0.0, 0.0)
                if self._shipper.is_ready():
                    harm_at = now + LOOK_SECONDS + random.uniform(*KILL_SECONDS)
            elif harm_at is not None and now >= harm_at:
                harm_at, seen = None, Seen(now - LOOK_SECONDS, 0.0)
                if random.random() < 0.7:
                    shipper.kill(now, random.uniform(0.0, 3.0))
                    self._killed.append(time.time())
                else:
                    shipper.pause(now, random.uniform(0.5, 3.0))
                log.info("%s until=%.1f", shipper.state, shipper.until - now)
            elif harm_at is not None and now >= harm_at - KILL_SECONDS[0]:
                seen = Seen(0.0, now - 1.0)
            for tailed in self._logs:
                if random.random() < 0.3:
                    count = random.choice((1, 1, 5, 20, 200))
                    tailed.write([(n, line(tailed.name, n, random)) for n in range(number, number + count)], now)
                    number += count
                tailed.tick(now, seen)
            time.sleep(TICK_SECONDS)

    def _wait_for_rest(self, child: Child) -> None:
        """Until nothing has changed for a while in what the shipper does."""
        until, before, same_since = time.monotonic() + self._shipper.patience, "", time.monotonic()
        while time.monotonic() < until and time.monotonic() - same_since < REST_SECONDS:
            child.tick(time.monotonic())
            now = self._shipper.progress()
            if now != before:
                before, same_since = now, time.monotonic()
            time.sleep(0.2)

    def _judge(self) -> Verdict:
        found = Counter(number for line in self._shipper.arrived() if (number := number_of(line)) is not None)
        told, false = self._shipper.told(self._logs), self._shipper.told_falsely(self._logs)
        kills = len(self._killed)
        verdict = judge(self._shipper.name, self._seed, kills, self._packs, self._logs, found, told, false)
        by_kill, self.about_kills = self._shipper.by_kill(self._killed)
        return verdict._replace(by_kill=by_kill)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rotate.run", description="A shipper and hostile rotation.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="so many, from the first one on")
    parser.add_argument("--lines", type=int, default=200_000, help="at least")
    parser.add_argument("--kills", type=int, default=5, help="at least")
    parser.add_argument("--peer", choices=sorted(PEERS), help="another shipper in the place of ours")
    parser.add_argument("--plain", action="store_true", help="no backup is packed")
    parser.add_argument("--write", action="store_true", help=f"a row of each run into {FAULTS.name}")
    given = parser.parse_args()
    if given.peer and shutil.which(PEERS[given.peer].program) is None:
        sys.exit(f"{PEERS[given.peer].program} is not on the PATH. Expected {given.peer} to be installed.")
    folder = Path(tempfile.mkdtemp(prefix="tetrastash-rotate-"))
    logging.basicConfig(level=logging.INFO, filename=folder / "harm.log", format="%(asctime)s %(message)s")
    kafka = Kafka(folder / "kafka", QUICK_RETURN)
    kafka.start()
    make = peer(given.peer) if given.peer else ours()
    verdicts = []
    try:
        for seed in range(given.seed, given.seed + given.seeds):
            own = folder / f"seed-{seed}"
            own.mkdir()
            run = Run(seed, given.lines, given.kills, own, kafka, make, packs=not given.plain)
            verdicts.append(run.play())
            print(run.about_kills)
            report(verdicts[-1], own)
    finally:
        kafka.stop()
    if given.write:
        rows = [verdict.cells for verdict in verdicts]
        FAULTS.write_text(TABLE.merged(FAULTS.read_text("utf-8"), rows), "utf-8")
    is_good = given.peer is not None or all(verdict.is_clean for verdict in verdicts)
    if is_good:
        shutil.rmtree(folder)
    return int(not is_good)


def report(verdict: Verdict, folder: Path) -> None:
    """Of a run of ours that is clean, one line."""
    if verdict.shipper == OURS:
        for what, files in (("lost", verdict.lost), ("unreported", verdict.unreported)):
            for file, count in files.items():
                print(f"{what}: {count} lines of file {file.number} of {file.log}; logs in {folder}")
        for name, size in verdict.false.items():
            print(f"not lost, though it is told: {size} bytes of {name}; logs in {folder}")
    else:
        print(f"lost by log: {dict(lost)}" if (lost := _by_log(verdict)) else "lost by log: nothing")
    print(verdict.line(), flush=True)


def _by_log(verdict: Verdict) -> Counter[str]:
    lost: Counter[str] = Counter()
    for file, count in verdict.lost.items():
        lost[file.log] += count
    return lost


if __name__ == "__main__":
    sys.exit(main())
