"""A short run of what `make rotate` does, and that it notices a shipper that leaves lines out."""

import sys
from pathlib import Path

from app.local.kafka import Kafka
from tests.rotate.run import Run
from tests.rotate.shippers import ours

HASTY = [sys.executable, "-m", "tests.rotate.hasty"]


def test_every_line_is_in_kafka_or_told_to_be_lost(kafka: Kafka, tmp_path: Path) -> None:
    if not kafka.is_running:
        kafka.start()
    verdict = Run(1, 20_000, 1, tmp_path, kafka).play()
    assert verdict.is_clean, verdict
    assert verdict.kills


def test_a_shipper_that_begins_at_the_end_of_a_file_is_noticed(kafka: Kafka, tmp_path: Path) -> None:
    if not kafka.is_running:
        kafka.start()
    assert Run(1, 20_000, 1, tmp_path, kafka, ours(HASTY)).play().lost
