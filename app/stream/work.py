"""`tetrastash work`: the parts of a worker, put together."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from aiokafka.errors import KafkaError

from app import elastic
from app.console.health import Board
from app.console.http import routes, serve
from app.console.metrics import Sample, registry
from app.console.page import page
from app.enrich.drops.file import load_rules
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from app.errors import Retry
from app.index.indexer import HEALTH, Indexer
from app.kafka.quiet import quieten
from app.kafka.reach import why_kafka_is_away
from app.kafka.rights import lacking_to_work, not_allowed
from app.kafka.topics import Topics, check_topics
from app.memory import keep_freed_memory
from app.settings import Settings
from app.stream.counts import Counts
from app.stream.enriching import Enriching
from app.stream.indexing import Indexing
from app.stream.watch import watch_topics
from app.stream.worker import Running, run_stages

log = logging.getLogger(__name__)

WAIT_SECONDS: Final = 2.0

StageName = Literal["enrich", "index"]

# The field of Counts behind each metric of a stage.
_COUNTED: Final = {
    "tetrastash_delivered_records_total": "delivered",
    "tetrastash_skipped_records_total": "skipped",
    "tetrastash_stale_batches_total": "stale",
    "tetrastash_holes_total": "holes",
    "tetrastash_retention_lost_records_total": "lost",
    "tetrastash_restores_total": "restores",
    "tetrastash_kept_memories_total": "kept",
    "tetrastash_checkpoints_total": "checkpoints",
    "tetrastash_cleaned_checkpoints_total": "cleaned",
    "tetrastash_failed_sends_total": "failures",
    "tetrastash_lines_total": "lines",
    "tetrastash_resent_lines_total": "resent",
    "tetrastash_documents_total": "documents",
    "tetrastash_rejected_total": "rejected",
    "tetrastash_agent_errors_total": "agent_errors",
    "tetrastash_lineage_aliases_total": "aliases",
    "tetrastash_lineage_late_parents_total": "late_parents",
    "tetrastash_indexed_documents_total": "stored",
    "tetrastash_repeated_documents_total": "repeated",
    "tetrastash_retried_documents_total": "retried",
    "tetrastash_swept_documents_total": "swept",
    "tetrastash_swept_copies_total": "swept_copies",
    "tetrastash_sweep_troubles_total": "sweep_troubles",
    "tetrastash_ahead_documents_total": "ahead",
}

# The field of NodeBook behind each metric of a node.
_OF_NODE: Final = {
    "tetrastash_node_lines_total": "lines",
    "tetrastash_node_known_lost_lines_total": "lost_lines",
    "tetrastash_node_known_lost_files_total": "lost_files",
    "tetrastash_node_known_lost_bytes_total": "lost_bytes",
    "tetrastash_node_tetragon_dropped_events_total": "unseen",
    "tetrastash_node_tetragon_throttled_total": "throttled",
    "tetrastash_node_missing_lines": "missing",
    "tetrastash_node_silent_seconds": "silent",
}

# Of Counts, what the page shows.
_SHOWN: Final = ("lines", "documents", "stored", "repeated", "retried", "rejected", "agent_errors", "lost", "failures")


async def work(settings: Settings, only: StageName | None) -> int:
    """Until SIGTERM or SIGINT; the exit status. Raises Stop when a person must act."""
    keep_freed_memory()
    quieten("aiokafka")
    for chatty in ("faust", "mode", "elastic_transport", "aiokafka"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    agents = load_agents(settings.agents)
    rules = load_rules(settings.drops)
    pipeline = Pipeline(agents, original=settings.event_original, drops=rules)
    names: list[StageName] = [only] if only is not None else ["enrich", "index"]
    alive, ready = Board(), Board(*names, *([HEALTH] if "index" in names else []))
    counted: dict[StageName, Counts] = {name: Counts() for name in names}
    enriching: list[Enriching] = []
    if rules is not None and "enrich" in counted:
        counted["enrich"].dropped = dict.fromkeys(rules.names, 0)  # one that drops nothing is told, too
    answers = routes(alive=alive, ready=ready, registry=registry(lambda: _samples(counted, enriching)))
    names_of_agents = [agent.name for agent in agents]
    async with (
        elastic.client(settings) as asking,
        page(settings, asking, lambda: _state(counted, names_of_agents, ready, enriching)) as pages,
        serve(settings.listen_address, {**answers, **pages}) as url,
    ):
        log.info("working url=%s stages=%s", url, "+".join(names))
        topics = await _topics(settings, stopping)
        if topics is None:
            return 0
        async with elastic.bulk_client(settings) as client:
            stages: list[Running] = []
            if "enrich" in names:
                enriching.append(Enriching(settings, pipeline, topics.events.id, counted["enrich"], ready.set))
                stages += enriching
            if "index" in names:
                indexer = Indexer(client, settings.data_stream, health=ready.set)
                stages.append(Indexing(settings, indexer, client, counted["index"], ready.set))
            await run_stages(stages, stopping, watch_topics(settings, topics))
    return 0


async def _topics(settings: Settings, stopping: asyncio.Event) -> Topics | None:
    """Waits for Kafka; None when told to stop meanwhile. Raises TopicError."""
    while not stopping.is_set():
        try:
            if not (found := await lacking_to_work(settings)):
                return await check_topics(settings)
            reason = not_allowed(settings, "work", found)
        except (KafkaError, Retry, OSError) as error:
            reason = f"{await why_kafka_is_away(settings)} ({error!r})"
        log.warning("waiting for Kafka reason=%s", reason)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), WAIT_SECONDS)
    return None


def _samples(counted: Mapping[StageName, Counts], enriching: Iterable[Enriching]) -> Iterable[Sample]:
    now = time.time_ns() // 1_000_000
    for stage, counts in counted.items():
        for metric, field in _COUNTED.items():
            yield Sample(metric, getattr(counts, field), (stage,))
        for rule, dropped in counts.dropped.items():
            yield Sample("tetrastash_dropped_lines_total", dropped, (stage, rule))
        for partition, lag in counts.lag.items():
            yield Sample("tetrastash_lag_records", lag, (stage, str(partition)))
            yield Sample("tetrastash_lag_seconds", counts.age(partition, now), (stage, str(partition)))
    for book in (each for owner in enriching for each in owner.books(now)):
        for metric, field in _OF_NODE.items():
            yield Sample(metric, getattr(book, field), (book.node,))


def _state(
    counted: Mapping[StageName, Counts], agents: Sequence[str], ready: Board, enriching: Iterable[Enriching]
) -> dict[str, Any]:
    """Of this worker, for the page."""
    now = time.time_ns() // 1_000_000
    return {
        "agents": list(agents),
        "ready": ready.wire(),
        "books": [msgspec.to_builtins(book) for each in enriching for book in each.books(now)],
        "stages": {
            stage: {
                **{name: getattr(counts, name) for name in _SHOWN},
                "reasons": counts.reasons,
                "lag": counts.lag,
                "age": {partition: counts.age(partition, now) for partition in counts.lag},
            }
            for stage, counts in counted.items()
        },
    }
