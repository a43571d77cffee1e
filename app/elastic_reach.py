"""Why Elasticsearch does not do what it was asked for, for people."""

import re
from typing import Final

from elastic_transport import ConnectionError as Unreachable
from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, UnsupportedProductError

from app.errors import Retry, Stop
from app.index.install import refusal
from app.settings import Settings

_VERIFICATION: Final = re.compile(r"certificate verify failed: (.+?)(?: \(_ssl\.c|$)")


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
        return Retry(f"Elasticsearch cannot be reached at {where!r}: {reason}.")
    status = error.meta.status
    if status == 401:
        return Stop(
            f"Elasticsearch at {where!r} does not know who asks: {refusal(error)}. Expected a valid "
            "TETRASTASH_ELASTICSEARCH_API_KEY, or TETRASTASH_ELASTICSEARCH_USERNAME and _PASSWORD."
        )
    sentence = f"Elasticsearch at {where!r} answers {status}: {refusal(error)}."
    return Retry(sentence) if status >= 500 or status in (408, 429) else Stop(sentence)


def _tls_sentence(settings: Settings, error: TlsError) -> str:
    # The client hands on nothing but OpenSSL's words, within others.
    refused = _VERIFICATION.search(error.message)
    reason = refused[1] if refused is not None else error.message
    sentence = f"TLS with Elasticsearch at {settings.elasticsearch!r} fails: {reason.rstrip('.')}."
    if refused is None:
        return f"{sentence} Expected something that speaks TLS there: see https:// in TETRASTASH_ELASTICSEARCH."
    if "expired" in reason or "not yet valid" in reason:
        return f"{sentence} Expected a certificate that is valid today: renew Elasticsearch's, or look at the clock."
    if "mismatch" in reason:
        return f"{sentence} Expected the host in TETRASTASH_ELASTICSEARCH to be one that its certificate names."
    given = str(settings.elasticsearch_ca) if settings.elasticsearch_ca is not None else None
    return (
        f"{sentence} Expected TETRASTASH_ELASTICSEARCH_CA={given!r} to hold the authority that signed its certificate."
    )
