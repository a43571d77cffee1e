"""How many documents Elasticsearch has, by node and minute."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch, AuthorizationException, NotFoundError

from app.ledger.balance import Minutes
from app.read.stored import why_nothing_is_read
from app.settings import Settings
from schemas.record import node_of

AT_ONCE: Final = 5_000
QUERY_SECONDS: Final = 60.0
_MILLISECOND: Final = 1_000_000  # ns
_SOURCES: Final[list[dict[str, Any]]] = [
    {"cluster": {"terms": {"field": "orchestrator.cluster.name", "missing_bucket": True}}},
    {"node": {"terms": {"field": "host.name", "missing_bucket": True}}},
    {"minute": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1m"}}},
]


class Stored:
    """Raises Stop or Retry, with a sentence, when Elasticsearch cannot answer. `fresh` is False where what was stored
    in the last seconds may not be counted, for want of the privilege maintenance; `any` where the stream is there."""

    def __init__(self, client: AsyncElasticsearch, settings: Settings) -> None:
        self.fresh = True
        self.any = True
        self._client = client.options(request_timeout=QUERY_SECONDS)
        self._settings = settings

    async def counts(self, since: int) -> Minutes:
        """`since` in ns since 1970; below zero for all."""
        query: dict[str, Any] = {"match_all": {}}
        if since >= 0:
            query = {"range": {"@timestamp": {"gte": since // _MILLISECOND, "format": "epoch_millis"}}}
        counted: Minutes = Counter()
        after: dict[str, Any] = {}
        try:
            await self._refresh()
            while True:
                by_place = {"composite": {"size": AT_ONCE, "sources": _SOURCES, **after}}
                answer = await self._client.search(
                    index=self._settings.data_stream, size=0, query=query, aggs={"by_place": by_place}
                )
                found = answer["aggregations"]["by_place"]
                for bucket in found["buckets"]:
                    key = bucket["key"]
                    node = node_of(key["cluster"], key["node"] or "")
                    counted[node, key["minute"] * _MILLISECOND] += bucket["doc_count"]
                if "after_key" not in found:
                    return counted
                after = {"after": found["after_key"]}
        except NotFoundError:
            self.any = False
            return Counter()
        except (ApiError, TransportError) as error:
            raise why_nothing_is_read(self._settings, error) from error

    async def missing(self, ids: Sequence[str]) -> set[str]:
        """Those that are nowhere."""
        missing = set(ids)
        try:
            for start in range(0, len(ids) if self.any else 0, AT_ONCE):
                asked = list(ids[start : start + AT_ONCE])
                answer = await self._client.search(
                    index=self._settings.data_stream, size=AT_ONCE, source=False, query={"ids": {"values": asked}}
                )
                missing.difference_update(hit["_id"] for hit in answer["hits"]["hits"])
        except (ApiError, TransportError) as error:
            raise why_nothing_is_read(self._settings, error) from error
        return missing

    async def _refresh(self) -> None:
        try:
            await self._client.indices.refresh(index=self._settings.data_stream)
        except AuthorizationException:
            self.fresh = False
