"""Why Elasticsearch does not do what it was asked for, for people."""

from elastic_transport import ConnectionError as Unreachable
from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, UnsupportedProductError

from app import tls
from app.errors import Retry, Stop
from app.index.install import refusal
from app.settings import Settings


def why_elasticsearch_fails(settings: Settings, error: ApiError | TransportError) -> Retry | Stop:
    """What it is that a client of settings.elasticsearch has raised."""
    where = settings.elasticsearch
    if isinstance(error, UnsupportedProductError):
        return Stop(
            f"What answers at {where!r} is not Elasticsearch. Expected Elasticsearch, 8.16 or later, at "
            "TETRASTASH_ELASTICSEARCH."
        )
    if isinstance(error, TransportError):
        if isinstance(error, TlsError):
            return Retry(_tls_sentence(settings, error))
        reason = error.message if isinstance(error, Unreachable | ConnectionTimeout) else repr(error)
        return Retry(
            f"Elasticsearch cannot be reached at {where!r}: {reason}. Expected it there: see TETRASTASH_ELASTICSEARCH."
        )
    status = error.meta.status
    if status == 401:
        return Stop(
            f"Elasticsearch at {where!r} does not know who asks: {refusal(error)}. Expected a valid "
            "TETRASTASH_ELASTICSEARCH_API_KEY, or TETRASTASH_ELASTICSEARCH_USERNAME and _PASSWORD."
        )
    sentence = f"Elasticsearch at {where!r} answers {status}: {refusal(error)}."
    return Retry(sentence) if status >= 500 or status in (408, 429) else Stop(sentence)


def _tls_sentence(settings: Settings, error: TlsError) -> str:
    beginning = f"TLS with Elasticsearch at {settings.elasticsearch!r} fails: "
    # The client hands on nothing but OpenSSL's words, within others.
    unbelieved = tls.why_not_believed(error.message, "TETRASTASH_ELASTICSEARCH", settings.elasticsearch_ca)
    return beginning + (
        unbelieved
        or f"{error.message.rstrip('.')}. Expected something that speaks TLS there: see https:// in "
        "TETRASTASH_ELASTICSEARCH."
    )
