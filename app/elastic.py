"""How to reach Elasticsearch: the settings as a client of the `elasticsearch` package."""

from elastic_transport.client_utils import DEFAULT
from elasticsearch import AsyncElasticsearch

from app.settings import Settings


def client(settings: Settings) -> AsyncElasticsearch:
    """Does not connect yet, and retries nothing by itself: what is tried again is decided item by item (app/index)."""
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
    )
