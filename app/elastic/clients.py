"""How to reach Elasticsearch: the settings as a client of the `elasticsearch` package."""

import logging
import ssl
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from elastic_transport import Serializer
from elastic_transport.client_utils import DEFAULT, DefaultType
from elasticsearch import AsyncElasticsearch

from app import tls
from app.settings import Settings

WRITE_SIZE: Final = 128 * 1024  # bytes; a system call for every small piece would cost as much as joining all of them


class _Pieces(Payload):
    """A body that is sent piece by piece: to join megabytes into fresh memory first costs more than all else."""

    _autoclose = True  # nothing to close
    _value: Sequence[bytes]

    def __init__(self, pieces: Sequence[bytes]) -> None:
        super().__init__(pieces)
        self._size = sum(map(len, pieces))

    async def write(self, writer: AbstractStreamWriter) -> None:
        few: list[bytes] = []
        size = 0
        for piece in self._value:
            few.append(piece)
            size += len(piece)
            if size >= WRITE_SIZE:
                await writer.write(b"".join(few))
                few, size = [], 0
        if few:
            await writer.write(b"".join(few))

    def decode(self, _encoding: str = "utf-8", _errors: str = "strict") -> str:
        """For the log of elastic_transport, which asks for every body as text, wanted or not."""
        return f"<{self._size} bytes>"


class _BytesSerializer(Serializer):
    """Bodies come as pieces of bytes, and their answers go as bytes."""

    def loads(self, data: bytes) -> bytes:
        return data

    def dumps(self, data: Sequence[bytes]) -> Any:
        return _Pieces(data)


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
    _BytesSerializer(),
)


def client(settings: Settings) -> AsyncElasticsearch:
    """Raises SettingsError for an authority that cannot be read.

    Does not connect yet, and retries nothing by itself: what is tried again is decided item by item (app/index).
    """
    return _client(settings, DEFAULT)


def bulk_client(settings: Settings) -> AsyncElasticsearch:
    """The same, with a sequence of bytes as the body of every request, and bytes as that of every answer."""
    return _client(settings, _BYTES)


def _client(settings: Settings, serializers: DefaultType | Mapping[str, Serializer]) -> AsyncElasticsearch:
    # It tells of every request, and of every failed one in many words; app/index tells what came of them.
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    basic = None
    if settings.elasticsearch_username is not None and settings.elasticsearch_password is not None:
        # The client would refuse what is not ASCII; Elasticsearch reads UTF-8.
        known = f"{settings.elasticsearch_username}:{settings.elasticsearch_password.get_secret_value()}"
        basic = b64encode(known.encode()).decode()
    key = settings.elasticsearch_api_key
    return AsyncElasticsearch(
        [url.strip() for url in settings.elasticsearch.split(",")],
        api_key=key.get_secret_value() if key is not None else None,
        basic_auth=basic,
        ssl_context=_tls(settings),
        max_retries=0,
        retry_on_timeout=False,
        request_timeout=60,
        serializers=serializers,
    )


def _tls(settings: Settings) -> ssl.SSLContext | DefaultType:
    """Of our own making: the client's would compare no certificate with an IP address, and believe the system's
    authorities beside the one that it is given."""
    if not settings.elasticsearch.lstrip().startswith("https:"):
        return DEFAULT
    return tls.verifying("Elasticsearch", "TETRASTASH_ELASTICSEARCH_CA", settings.elasticsearch_ca)
