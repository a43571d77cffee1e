"""`tetrastash work` over a topic that is full already, until every document is stored."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final

from app.local.ports import HOST
from bench.measured import Cost, per_event
from bench.rows import Reading
from bench.site import Run, Site, ended, listening, metric, null_server, taken, until

SECONDS = 240
WORKERS: Final = {1: "one worker", 2: "  two workers", 4: "  four workers"}


def warm_up(site: Site) -> None:
    """Its first tens of thousands of documents cost Elasticsearch three times as much as later ones."""
    _store(site.filled_run())


def _store(run: Run) -> Cost:
    return _work(run, lambda: run.stored() >= run.site.events, every=1)


def against_elasticsearch(site: Site) -> Iterator[Reading]:
    idle = site.run().idle("work")
    run = site.filled_run()
    kafka, elasticsearch = site.engine_cpu()
    cost = _store(run)
    kafka, elasticsearch = (
        after - before for after, before in zip(site.engine_cpu(), (kafka, elasticsearch), strict=True)
    )
    engines = f"engines' own CPU: Elasticsearch {elasticsearch / site.events * 1e6:.0f} µs, "
    yield Reading(
        "Kafka to Elasticsearch", site.an_event(cost, idle), note=f"{engines}Kafka {kafka / site.events * 1e6:.0f} µs"
    )
    yield Reading("worker, pipeline", cost.memory / 1e6)


def against_nothing(site: Site) -> Iterator[Reading]:
    run = site.filled_run()
    with null_server(run) as port:
        url = f"http://{HOST}:{port}"
        idle = site.run().idle("work", elasticsearch=url)
        cost = _work(run, lambda: taken(port) >= site.events, elasticsearch=url)
        bare = ("bench.bare", "work", site.kafka.bootstrap, site.lines_topic(), url)
        peer_started = run.python(*bare, "0").finish(SECONDS)
        peer = run.python(*bare, str(site.events)).finish(SECONDS)
    yield Reading("Kafka to a null server", site.an_event(cost, idle), site.an_event(peer, peer_started))


def stage_by_stage(site: Site) -> Iterator[Reading]:
    idle = site.run().idle("work", "--only", "enrich")
    run = site.filled_run()
    with listening(run, "work", "--only", "enrich") as (process, port):
        made = "tetrastash_documents_total"
        until(lambda: metric(port, made) >= site.events, process, seconds=SECONDS, what="every document was made")
        yield Reading("  enrich stage alone", site.an_event(process.stop(), idle))
    with null_server(run) as port:
        url = f"http://{HOST}:{port}"
        idle = site.run().idle("work", "--only", "index", elasticsearch=url)
        cost = _work(run, lambda: taken(port) >= site.events, "--only", "index", elasticsearch=url)
    yield Reading("  index stage alone, null server", site.an_event(cost, idle))


def by_workers(site: Site) -> Iterator[Reading]:
    """As many as share the partitions: what more of them cost, all together."""
    alone: float | None = None
    for workers, row in WORKERS.items():
        run = site.filled_run()
        with null_server(run) as port, ExitStack() as stack:
            url = f"http://{HOST}:{port}"
            idle = site.run().idle("work", elasticsearch=url)
            running = [stack.enter_context(listening(run, "work", elasticsearch=url))[0] for _ in range(workers)]
            until(lambda: taken(port) >= site.events, running[0], seconds=SECONDS, what="every document was stored")
            together = sum(process.stop().cpu for process in running)
        cost = per_event(Cost(together, 0), Cost(idle.cpu * workers, 0), site.events)
        alone = alone or cost
        yield Reading(row, cost, note=f"{cost / alone:.2f} of one worker's")


def _work(run: Run, is_stored: Callable[[], bool], *arguments: str, every: float = 0.2, **settings: str) -> Cost:
    with ended(run.tetrastash("work", *arguments, **settings)) as process:
        until(is_stored, process, seconds=SECONDS, what="every document was stored", every=every)
        return process.stop()
