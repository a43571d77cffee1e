"""Commands that read logs and end: `ship --once` and `enrich`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.logs import count_lines, write_story
from bench.measured import per_event
from bench.rows import Reading
from bench.site import Site

SECONDS = 120


def ship(site: Site) -> Iterator[Reading]:
    idle, run = site.run(), site.run()
    started = idle.once("ship", "--once", site.empty, seconds=SECONDS)
    cost = run.once("ship", "--once", *site.logs, seconds=SECONDS)
    other = site.run()
    bare = ("bench.bare", "ship", site.kafka.bootstrap, other.settings.events_topic)
    peer_started = other.python(*bare, site.empty).finish(SECONDS)
    peer = other.python(*bare, *site.logs).finish(SECONDS)
    yield Reading("ship", site.an_event(cost, started), site.an_event(peer, peer_started))
    yield Reading("shipper, once", cost.memory / 1e6)


def enrich(site: Site) -> Iterator[Reading]:
    yield _filter(site, "enrich", site.logs, site.events)


def enrich_story(site: Site) -> Iterator[Reading]:
    """Of files, connections, credentials and policies too, as a fleet with policies writes them."""
    folder = site.folder / "story"
    logs = [folder / "story.log"] if folder.exists() else write_story(folder)
    yield _filter(site, "enrich, story", logs, count_lines(logs))


def _filter(site: Site, row: str, logs: Sequence[Path], events: int) -> Reading:
    run = site.run()
    started = run.once("enrich", site.empty, seconds=SECONDS)
    cost = run.once("enrich", *logs, seconds=SECONDS)
    peer_started = run.python("bench.bare", "filter", site.empty).finish(SECONDS)
    peer = run.python("bench.bare", "filter", *logs).finish(SECONDS)
    return Reading(row, per_event(cost, started, events), per_event(peer, peer_started, events))
