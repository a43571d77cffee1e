"""What a rule drops is counted once, whatever happens to the worker."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from tests.stream.conftest import Worker, documents, event, records, send, until

pytestmark = pytest.mark.integration

RULES = """
rules:
  - name: health
    when: {process.binary: /bin/health}
    drop: true
  - name: never
    when: {process.binary: /bin/never}
    drop: true
"""


async def test_dropped_lines_are_counted_once_in_the_checkpoints_in_spite_of_kills(
    ready: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "drops.yaml").write_text(RULES)
    worker = Worker(environment | {"TETRASTASH_DROPS": str(tmp_path / "drops.yaml")}, tmp_path).start()
    try:
        for number in range(0, 300, 100):
            lines = [
                event(each, binary="/bin/health" if each % 3 == 0 else "/bin/true")
                for each in range(number, number + 100)
            ]
            await send(ready, [b"\n".join(lines[:50]), b"\n".join(lines[50:]), b"no event"])
            await until_stored(ready, stored(number + 100))
            if number < 200:
                worker.kill()  # what was processed since the last checkpoint is processed again
                worker.start()
        assert dropped(worker).keys() == {"health", "never"}
        assert dropped(worker)["never"] == 0
        worker.stop()
    finally:
        if worker.is_running:
            worker.kill()
        print(worker.say())  # noqa: T201 - pytest shows it when the test failed

    counters = await checkpointed(ready)
    assert counters["dropped"] == counters["dropped.health"] == 100
    assert counters["lines"] == 303
    assert counters["documents"] == 200
    assert counters["rejected"] == 3
    assert "dropped.never" not in counters


async def test_a_file_of_rules_with_a_typo_stops_it_with_a_sentence(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "drops.yaml").write_text(RULES.replace("process.binary: /bin/never", "process.binry: /bin/never"))
    worker = Worker(environment | {"TETRASTASH_DROPS": str(tmp_path / "drops.yaml")}, tmp_path)

    assert worker.run_to_the_end() == 1
    assert "drops.yaml, line 7: process.binry: there is no such field. Did you mean 'process.binary'?" in worker.say()
    assert "Traceback" not in worker.say()


async def until_stored(settings: Settings, number: int) -> None:
    await until(lambda: len(documents(settings)) == number)


def stored(lines: int) -> int:
    """Two of three, and of three the first is one that is dropped."""
    return lines - (lines + 2) // 3


def dropped(worker: Worker) -> dict[str, float]:
    """By rule, since this worker started."""
    found = re.findall(
        r'^tetrastash_dropped_lines_total{rule="(\w+)",stage="enrich"} (\S+)$', worker.get("/metrics")[1], re.MULTILINE
    )
    return {rule: float(number) for rule, number in found}


async def checkpointed(settings: Settings) -> dict[str, Any]:
    """The counters of the latest checkpoint of the one partition that has any."""
    found = [json.loads(record.value) for record in await records(settings, settings.checkpoints_topic) if record.value]
    checkpoints = [each for each in found if "counters" in each]
    latest: dict[str, Any] = max(checkpoints, key=lambda each: each["upto"])["counters"]
    return latest
