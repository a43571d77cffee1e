import shutil
from collections.abc import Iterator

import pytest

from tests.security.secured import Secured

PLAIN_USERS = {"plain": "plain-canary-6b1f"}
SCRAM_USER, SCRAM_PASSWORD = "scram", "scram-canary-93ad"


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    with Secured(folder, PLAIN_USERS).running() as kafka:
        kafka.know(SCRAM_USER, SCRAM_PASSWORD)
        yield kafka
    shutil.rmtree(folder)
