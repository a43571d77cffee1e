"""What is stored of a process, its ancestors and its descendants: a few searches, each of them bounded."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError

from app.elastic.reach import why_elasticsearch_fails
from app.errors import Retry, Stop
from app.index.install import refusal
from app.read.processes import Known, learn
from app.settings import Settings

MOST_LIVES: Final = 2000  # documents of executions and exits
MOST_FINDINGS: Final = 500
CLIMBS: Final = 3  # times that ancestors are asked for; a document tells of twenty

_FIELDS: Final = [
    "@timestamp", "event.duration", "host.name", "kubernetes.namespace", "kubernetes.pod.name", "process.Ext.ancestry",
    "process.args", "process.entity_id", "process.entry_leader.entry_meta.type", "process.executable",
    "process.exit_code", "process.parent", "process.pid", "process.previous", "process.start", "process.user.id",
    "tetragon.event", "tetragon.exit", "tetragon.fim.category", "tetragon.fim.severity", "tetragon.findings",
    "tetragon.lineage", "tetragon.privilege.severity", "tetragon.privilege.tags", "user.id", "user.name",
]  # fmt: skip
_LIVES: Final = {"terms": {"tetragon.event": ["process_exec", "process_exit"]}}
_FINDINGS: Final = {
    "bool": {
        "should": [
            {"exists": {"field": "tetragon.findings.rule"}},
            {"range": {"tetragon.fim.severity": {"gte": 1}}},
            {"range": {"tetragon.privilege.severity": {"gte": 1}}},
        ]
    }
}

Query = Mapping[str, Any]


class Stored:
    """`cut` tells, in a sentence each, of what was more than a search may bring."""

    def __init__(self) -> None:
        self.known: Known = {}
        self.cut: list[str] = []


async def stored(client: AsyncElasticsearch, settings: Settings, entity: str) -> Stored:
    """Raises Stop or Retry, with a sentence, when Elasticsearch cannot answer."""
    try:
        return await _gather(client, settings.data_stream, entity)
    except (ApiError, TransportError) as error:
        raise why_nothing_is_read(settings, error) from error


def why_nothing_is_read(settings: Settings, error: ApiError | TransportError) -> Retry | Stop:
    """What it is that a search of the data stream has raised."""
    if isinstance(error, NotFoundError):
        return Stop(
            f"Elasticsearch at {settings.elasticsearch!r} has no data stream {settings.data_stream!r}. Expected "
            "one that `tetrastash work` has written to: see TETRASTASH_DATA_STREAM."
        )
    if isinstance(error, ApiError) and error.meta.status == 403:
        return Stop(
            f"Elasticsearch at {settings.elasticsearch!r} answers 403: {refusal(error)}. Expected a user with the "
            f"privilege read on {settings.data_stream!r}."
        )
    return why_elasticsearch_fails(settings, error)


async def _gather(client: AsyncElasticsearch, index: str, entity: str) -> Stored:
    gathered = Stored()

    async def search(what: str, most: int, *conditions: Query) -> None:
        found = await client.search(
            index=index,
            query={"bool": {"filter": list(conditions)}},
            size=most,
            sort="@timestamp",
            source_includes=_FIELDS,
        )
        hits = found["hits"]
        for hit in hits["hits"]:
            learn(gathered.known, hit["_source"])
        total = hits["total"]["value"]
        if total > len(hits["hits"]):
            more = "more than " if hits["total"]["relation"] != "eq" else ""
            gathered.cut.append(f"{what}: the first {len(hits['hits']):,} of {more}{total:,} documents were read")

    its_own = {"term": {"process.entity_id": entity}}
    family = {"bool": {"should": [its_own, {"term": {"process.Ext.ancestry": entity}}]}}
    await search("executions and exits", MOST_LIVES, family, _LIVES)
    await search("findings", MOST_FINDINGS, family, _FINDINGS)
    if entity not in gathered.known or not gathered.known[entity].told:
        # Of one that never executed anything only what it did may be known.
        await search("its events", MOST_FINDINGS, its_own)
    asked: set[str] = {entity}
    for _ in range(CLIMBS):
        above = [each for each in _chain(gathered.known, entity) if each not in asked]
        if not above:
            break
        asked.update(above)
        ancestors = {"terms": {"process.entity_id": above}}
        await search("ancestors", MOST_FINDINGS, ancestors, _LIVES)
        await search("findings of ancestors", MOST_FINDINGS, ancestors, _FINDINGS)
    return gathered


def _chain(known: Known, entity: str) -> Sequence[str]:
    chain = [entity]
    while entity in known and (entity := known[entity].parent) and entity not in chain:
        chain.append(entity)
    return chain
