"""Losses of every kind, injected into one run: each appears in the ledger, to the line."""

import json
import os
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from app.settings import Settings
from app.ship.blocks import LINE_BYTES
from tests.ledger.test_commands import delete, settled, ship, totals_of
from tests.read.conftest import Run
from tests.ship.topic import shipped
from tests.stream.conftest import Worker, documents, event

pytestmark = pytest.mark.integration

RULES = """
rules:
  - name: probes
    events: [process_exec]
    when: {process.binary: /bin/probe}
    drop: true
"""


async def forget(settings: Settings, key: bytes) -> int:
    """Deletes from the topic all blocks of a node, whose partition is its own; how many lines they held."""
    mine = [record for record in await shipped(settings) if record.key == key]
    [partition] = {record.partition for record in mine}
    assert all(record.key == key for record in await shipped(settings) if record.partition == partition)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        # All but the statement behind the blocks.
        place = TopicPartition(settings.events_topic, partition)
        await admin.delete_records({place: RecordsToDelete(before_offset=len(mine) + 1)})
    finally:
        await admin.close()
    return sum(record.lines for record in mine)


async def test_each_loss_appears_to_the_line(
    ready: Settings, run: Run, environment: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rules = tmp_path / "drops.yaml"
    rules.write_text(RULES)
    environment["TETRASTASH_DROPS"] = str(rules)
    harmed, forgotten = tmp_path / "harmed.log", tmp_path / "forgotten.log"
    lines = [event(number, "harmed") for number in range(400)]
    lines += [event(400 + number, "harmed", binary="/bin/probe") for number in range(60)]  # dropped by the rule
    lines += [b"garbage %d" % number for number in range(7)]  # dead letters
    harmed.write_bytes(b"\n".join([*lines, b"x" * (LINE_BYTES + 1), b""]))  # and one that is too long
    forgotten.write_bytes(b"".join(event(number, "forgotten-2") + b"\n" for number in range(230)))
    await ship(run, harmed, forgotten)

    # A backup of which a part was never read vanishes.
    with harmed.open("ab") as log:
        log.write(event(900, "harmed") + b"\n" + event(901, "harmed") + b"\n")
    grown = harmed.stat().st_size
    book = json.loads(ready.positions.read_bytes())
    [place] = book["logs"][str(harmed)]["files"]
    place["size"], place["ended"] = grown, False
    ready.positions.write_bytes(json.dumps(book).encode())
    os.unlink(harmed)
    harmed.write_bytes(event(1000, "harmed") + b"\n")
    await ship(run, harmed, forgotten)

    # Kafka drops what no worker has read.
    assert await forget(ready, b"forgotten-2") == 230
    worker = Worker(environment, tmp_path).start()
    request.addfinalizer(worker.kill)
    found = await settled(run, 400 + 60 + 7 + 1)

    # Somebody deletes documents.
    gone = sorted(document["_id"] for document in documents(ready))[:3]
    for each in gone:
        delete(ready, each)
    found = await settled(run, 0)
    totals = totals_of(found)
    assert not found["balanced"]
    assert [totals[name] for name in ("lines", "documents", "stored", "rejected", "off")] == [468, 401, 398, 7, 3]
    assert sum(period["dropped"].get("probes", 0) for period in found["periods"]) == 60
    assert sorted(each for period in found["periods"] for each in period.get("missing", ())) == gone
    nodes = {node["node"]: node for node in found["nodes"]}
    assert (nodes["harmed"]["sent"], nodes["harmed"]["missing"]) == (468, 0)
    assert (nodes["harmed"]["lost_lines"], nodes["harmed"]["lost_files"]) == (1, 1)
    vanished = len(event(900, "harmed")) + len(event(901, "harmed")) + 2
    assert nodes["harmed"]["lost_bytes"] == LINE_BYTES + 2 + vanished
    assert (nodes["forgotten-2"]["taken"], nodes["forgotten-2"]["missing"]) == (0, 230)
