"""The engines that integration tests run against: started when the first test asks, kept until the last is done.

Where tests run side by side (`pytest -n`), every process of pytest has engines of its own.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from app.local.elasticsearch import FIRST_COMPILER, Elasticsearch
from app.local.kafka import QUICK_RETURN, Kafka
from app.settings import PREFIX, Settings

_ENGINES = {"kafka", "elasticsearch"}
_LONGEST = {"test_chaos.py"}

E = TypeVar("E", bound=Kafka | Elasticsearch)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and _ENGINES & set(item.fixturenames):
            item.add_marker(pytest.mark.integration)
    # Side by side, what takes longest begins first. The sort keeps the order of all else.
    items.sort(key=lambda item: item.path.name not in _LONGEST)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A test that stops or kills it may leave it so: `settings` starts it again for the next one."""
    with running(Kafka(tmp_path_factory.mktemp("kafka"), QUICK_RETURN)) as engine:
        yield engine


@pytest.fixture(scope="session")
def elasticsearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elasticsearch]:
    with running(Elasticsearch(tmp_path_factory.mktemp("elasticsearch"), options=FIRST_COMPILER)) as engine:
        yield engine


@contextlib.contextmanager
def running(engine: E) -> Iterator[E]:
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(engine.folder)  # pytest keeps the folders of three runs; this one may hold gigabytes


@pytest.fixture
def settings(kafka: Kafka, elasticsearch: Elasticsearch, tmp_path: Path) -> Settings:
    """Topics, groups, data stream and position file that no other test has; nothing of them is made yet."""
    for engine in (kafka, elasticsearch):
        if not engine.is_running:
            engine.start()
    name = f"t{uuid.uuid4().hex}"
    return Settings(
        kafka=kafka.bootstrap,
        elasticsearch=elasticsearch.url,
        topic_prefix=name,
        data_stream=f"logs-{name}.log-default",
        partitions=4,
        session_timeout=6,
        positions=tmp_path / "positions.json",
    )


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """For a child process that is to read the same settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = {PREFIX + name.upper(): str(getattr(settings, name)) for name in settings.model_fields_set}
    return inherited | given
