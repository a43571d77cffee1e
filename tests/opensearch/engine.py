"""A real OpenSearch node in a child process, and clients of the `elasticsearch` package that speak to it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from elastic_transport import AiohttpHttpNode, HttpHeaders, Serializer
from elastic_transport._node import NodeApiResponse
from elastic_transport.client_utils import DEFAULT, DefaultType
from elasticsearch import AsyncElasticsearch

from app.elastic.clients import _BYTES
from app.local.elasticsearch import Elasticsearch

_TYPED: Final = ("accept", "content-type")


class OpenSearch(Elasticsearch):
    node = "tests.opensearch.node"

    def client(self) -> AsyncElasticsearch:
        """As app.elastic.clients."""
        return AsyncElasticsearch([self.url], node_class=_Node, max_retries=0)

    def bulk_client(self) -> AsyncElasticsearch:
        """As app.elastic.bulk_client."""
        serializers: Mapping[str, Serializer] = _BYTES
        return AsyncElasticsearch([self.url], node_class=_Node, max_retries=0, serializers=serializers)


class _Node(AiohttpHttpNode):
    """The client refuses what does not call itself Elasticsearch, and OpenSearch knows none of its media types."""

    async def perform_request(  # type: ignore[override]  # awaited, as all of this kind
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: DefaultType | float | None = DEFAULT,
    ) -> NodeApiResponse:
        plain = HttpHeaders(headers or {})
        for name in _TYPED:
            if name in plain:
                plain[name] = plain[name].partition(";")[0].replace("vnd.elasticsearch+", "")
        meta, answer = await super().perform_request(method, target, body, plain, request_timeout)
        told = HttpHeaders({**meta.headers, "x-elastic-product": "Elasticsearch"})
        return NodeApiResponse(replace(meta, headers=told), answer)
