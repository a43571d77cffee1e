"""How to reach Elasticsearch: the settings as a client of the `elasticsearch` package."""

from collections.abc import Mapping
from typing import Any, Final

from elastic_transport import Serializer
from elastic_transport.client_utils import DEFAULT, DefaultType
from elasticsearch import AsyncElasticsearch

from app.settings import Settings


class _AsItIs(Serializer):
    """Bulk bodies are made, and their answers read, as bytes."""

    def loads(self, data: bytes) -> bytes:
        return data

    def dumps(self, data: Any) -> Any:
        return data


# Whatever a proxy in between answers, too: its status counts, and an unknown type would hide it.
_BYTES: Final = dict.fromkeys(
    [
        "application/json",
        "application/vnd.elasticsearch+json",
        "application/x-ndjson",
        "application/vnd.elasticsearch+x-ndjson",
        "application/*",
        "text/*",
    ],
    _AsItIs(),
)


def client(settings: Settings) -> AsyncElasticsearch:
    """Does not connect yet, and retries nothing by itself: what is tried again is decided item by item (app/index)."""
    return _client(settings, DEFAULT)


def bulk_client(settings: Settings) -> AsyncElasticsearch:
    """The same, with bytes for every body in and out."""
    return _client(settings, _BYTES)


def _client(settings: Settings, serializers: DefaultType | Mapping[str, Serializer]) -> AsyncElasticsearch:
    basic = None
    if settings.elasticsearch_username is not None and settings.elasticsearch_password is not None:
        basic = (settings.elasticsearch_username, settings.elasticsearch_password.get_secret_value())
    key = settings.elasticsearch_api_key
    return AsyncElasticsearch(
        settings.elasticsearch.split(","),
        api_key=key.get_secret_value() if key is not None else None,
        basic_auth=basic,
        ca_certs=str(settings.elasticsearch_ca) if settings.elasticsearch_ca is not None else DEFAULT,
        max_retries=0,
        retry_on_timeout=False,
        request_timeout=60,
        serializers=serializers,
    )
