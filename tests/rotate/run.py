"""A shipper that is killed and paused, while its logs are rotated in every way.

    python -m tests.rotate.run --seed 1 [--lines 200000] [--kills 5]

Exit status: 0 when every line is in Kafka, or was in a file that was harmed and is reported as lost.
"""

import argparse
import asyncio
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from app.local.kafka import QUICK_RETURN, Kafka
from app.local.ports import free_ports
from app.settings import PREFIX, read_settings
from schemas.identity import fingerprint
from tests.faults.children import Child
from tests.faults.occurrences import is_ready
from tests.faults.scene import TETRASTASH
from tests.rotate.logs import Alike, Copied, CutShort, Log, Removed, Scarce, Seen, Small, Written, line
from tests.ship.topic import lines_of, make_topic, shipped

log: Final = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.01
REST_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 2.0  # in which a running shipper has seen what there is
KILL_SECONDS: Final = (1.0, 4.0)


class Verdict(NamedTuple):
    seed: int
    lines: int
    kills: int
    lost: Counter[Written]  # lines of files that nobody harmed
    unreported: Counter[Written]
    repeated: int
    known: int
    reported: int
    false: Counter[str]  # bytes that are told to be lost, of logs that nobody harmed

    @property
    def is_clean(self) -> bool:
        return not self.lost and not self.unreported and not self.false

    def line(self) -> str:
        return (
            f"rotate: seed {self.seed}, {self.lines} lines, {self.kills} kills, lost {self.lost.total()}, "
            f"repeated {self.repeated}, known-lost {self.known} (reported {self.reported})"
        )


class Run:
    def __init__(
        self, seed: int, lines: int, kills: int, folder: Path, kafka: Kafka, command: Sequence[str] = TETRASTASH
    ) -> None:
        """At least so many lines and kills. `folder` is empty; `command` is tetrastash."""
        self._command = command
        self._random = Random(seed)
        self._seed, self._lines, self._kills = seed, lines, kills
        self._folder = folder
        given = {
            "KAFKA": kafka.bootstrap,
            "TOPIC_PREFIX": f"rotate{seed}-{time.time_ns()}",
            "POSITIONS": str(folder / "positions.json"),
        }
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._environment |= {PREFIX + name: value for name, value in given.items()}
        self._settings = read_settings(self._environment)
        self._logs = self._make_logs()

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
            (Log, "late", plain / "late"),
            (Log, "linked", linked),
        ]
        return [kind(folder, name, self._seed) for kind, name, folder in kinds]

    def play(self) -> Verdict:
        asyncio.run(make_topic(self._settings))
        [port] = free_ports(1)
        command = [*self._command, "ship", *(str(log.path) for log in self._logs)]
        shipper = Child("shipper", command, self._environment, self._folder / "shipper.log", port)
        try:
            shipper.start()
            kills = self._harm(shipper)
            for log in self._logs:
                log.come_to_rest()
            self._wait_for_rest(shipper)
            shipper.terminate(time.monotonic(), REST_SECONDS)
            shipper.leave()
        finally:
            shipper.end()
        if shipper.complaints:
            raise RuntimeError("; ".join(shipper.complaints))
        return self._judge(kills)

    def _harm(self, shipper: Child) -> int:
        """Writes until there are lines and kills enough, and returns how often the shipper was killed."""
        random, number, kills = self._random, 0, 0
        look_at = 0.0
        harm_at: float | None = None
        seen = Seen(0.0, 0.0)
        while number < self._lines or kills < self._kills:
            now = time.monotonic()
            shipper.tick(now)
            if harm_at is None and shipper.state == "up" and now >= look_at:
                # What is killed before it has sent anything begins again, and shows nothing.
                look_at, seen = now + 0.1, Seen(0.0, 0.0)
                if is_ready(shipper):
                    harm_at = now + LOOK_SECONDS + random.uniform(*KILL_SECONDS)
            elif harm_at is not None and now >= harm_at:
                harm_at, seen = None, Seen(now - LOOK_SECONDS, 0.0)
                if random.random() < 0.7:
                    shipper.kill(now, random.uniform(0.0, 3.0))
                    kills += 1
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
        return kills

    def _wait_for_rest(self, shipper: Child) -> None:
        """Until nothing has changed for a while in what the shipper writes down."""
        until, before, same_since = time.monotonic() + REST_SECONDS, "", time.monotonic()
        while time.monotonic() < until and time.monotonic() - same_since < 15:
            shipper.tick(time.monotonic())
            text = (self._folder / "positions.json").read_text()
            if text != before:
                before, same_since = text, time.monotonic()
            time.sleep(0.2)

    def _judge(self, kills: int) -> Verdict:
        found: Counter[int] = Counter()
        for each in lines_of(asyncio.run(shipped(self._settings))):
            if (number := _number(each)) is not None:
                found[number] += 1
        files = {number: file for log in self._logs for number, file in log.files.items()}
        harmed = {file for log in self._logs for file in log.harmed}
        told = self._told()
        missing = [number for number in files if number not in found]
        known = [number for number in missing if files[number] in harmed]
        return Verdict(
            self._seed,
            len(files),
            kills,
            lost=Counter(files[number] for number in missing if files[number] not in harmed),
            unreported=Counter(files[number] for number in known if files[number] not in told),
            repeated=sum(count - 1 for count in found.values()),
            known=len(known),
            reported=sum(files[number] in told for number in known),
            false=self._told_of({log.name for log in self._logs if not log.harmed}),
        )

    def _losses(self) -> list[dict[str, Any]]:
        losses: list[dict[str, Any]] = json.loads((self._folder / "positions.json").read_text())["losses"]
        return losses

    def _told_of(self, names: set[str]) -> Counter[str]:
        told: Counter[str] = Counter()
        for loss in self._losses():
            if (name := Path(loss["path"]).stem) in names:
                told[name] += loss["bytes"]
        return +told

    def _told(self) -> set[Written]:
        """The files of which the shipper says that something was lost."""
        names = {loss["file"].partition(".")[0] for loss in self._losses()}
        return {file for log in self._logs for file, first in log.first_lines.items() if fingerprint(first) in names}


def _number(text: bytes) -> int | None:
    """None of a line that is not whole, and of one that has none."""
    try:
        number: int | None = json.loads(text).get("number")
    except ValueError:
        return None
    return number


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rotate.run", description="A shipper and hostile rotation.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=5, help="at least")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tetrastash-rotate-"))
    logging.basicConfig(level=logging.INFO, filename=folder / "harm.log", format="%(asctime)s %(message)s")
    kafka = Kafka(folder / "kafka", QUICK_RETURN)
    (folder / "kafka").mkdir()
    kafka.start()
    try:
        verdict = Run(given.seed, given.lines, given.kills, folder, kafka).play()
    finally:
        kafka.stop()
    for what, files in (("lost", verdict.lost), ("unreported", verdict.unreported)):
        for file, count in files.items():
            print(f"{what}: {count} lines of file {file.number} of {file.log}; logs in {folder}")
    for name, size in verdict.false.items():
        print(f"not lost, though it is told: {size} bytes of {name}; logs in {folder}")
    print(verdict.line())
    if verdict.is_clean:
        shutil.rmtree(folder)
    return int(not verdict.is_clean)


if __name__ == "__main__":
    sys.exit(main())
