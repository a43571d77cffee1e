"""What the stages reach the world with. A simulation has others."""

import time
import uuid
from collections.abc import Callable
from typing import NamedTuple

from elasticsearch import AsyncElasticsearch

from app.index.asker import Asker
from app.settings import Settings
from app.stream.checkpoint_log import CheckpointLog
from app.stream.consumer import Stage
from app.stream.feed import Feed
from app.stream.outbox import Outbox


def _fresh_name() -> str:
    return uuid.uuid4().hex[:12]


class Parts(NamedTuple):
    """`clock` gives seconds, `name` another name for every stage of every worker."""

    feed: Callable[[Settings, str, str, Stage], Feed] = Feed
    outbox: Callable[[Settings], Outbox] = Outbox
    checkpoints: Callable[[Settings], CheckpointLog] = CheckpointLog
    asker: Callable[[AsyncElasticsearch, str], Asker] = Asker
    clock: Callable[[], float] = time.monotonic
    name: Callable[[], str] = _fresh_name


REAL = Parts()
