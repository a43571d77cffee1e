import logging
from collections.abc import Iterator

import pytest

from app.kafka.quiet import AGAIN_SECONDS, quieten


@pytest.fixture
def noisy() -> Iterator[logging.Logger]:
    logger = logging.getLogger("noisy.client")
    yield logger
    logging.getLogger("noisy").handlers.clear()
    logging.getLogger("noisy").propagate = True


def test_like_records_are_told_once_in_a_while_with_how_many_there_were(
    noisy: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    quieten("noisy", lambda: now)
    quieten("noisy", lambda: now)
    for node in range(5):
        noisy.error("Unable to reach node %s", node)
        noisy.error("100% other")
    now = AGAIN_SECONDS
    noisy.error("Unable to reach node %s", 5)
    noisy.error("Unable to reach node %s", 6)
    assert caplog.messages == [
        "Unable to reach node 0",
        "100% other",
        "Unable to reach node 5 repeated=4",
    ]


def test_the_level_of_the_root_still_decides(noisy: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    quieten("noisy", lambda: 0.0)
    with caplog.at_level(logging.ERROR):
        noisy.warning("Nothing much")
    assert caplog.messages == []
