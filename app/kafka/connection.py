"""How to reach Kafka: the settings as aiokafka's keyword arguments."""

import asyncio
import logging
import ssl
from typing import Any, Final

from aiokafka import AIOKafkaConsumer

from app import tls
from app.settings import Settings

_STOP_SECONDS: Final = 0.5


def connection(settings: Settings) -> dict[str, Any]:
    """For any client of aiokafka. Raises SettingsError for a certificate that cannot be read."""
    # At DEBUG it tells of every request what is in it, a password too.
    logging.getLogger("aiokafka.conn").setLevel(logging.INFO)
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka.split(","),
        "security_protocol": settings.kafka_security,
    }
    if settings.kafka_security.startswith("SASL"):
        assert settings.kafka_password is not None  # else read_settings has told
        arguments["sasl_mechanism"] = settings.kafka_sasl_mechanism
        arguments["sasl_plain_username"] = settings.kafka_username
        arguments["sasl_plain_password"] = settings.kafka_password.get_secret_value()
    if settings.kafka_security.endswith("SSL"):
        arguments["ssl_context"] = tls_context(settings)
    return arguments


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Raises SettingsError."""
    context = tls.verifying("Kafka", "TETRASTASH_KAFKA_CA", settings.kafka_ca)
    if settings.kafka_cert is not None:
        tls.show(context, settings.kafka_cert, settings.kafka_key)
    return context


def producer_defaults(settings: Settings) -> dict[str, Any]:
    """A producer that repeats nothing and loses nothing; zstd costs a quarter of lz4 here and packs twice as small."""
    return {
        **connection(settings),
        "enable_idempotence": True,
        "acks": "all",
        "compression_type": "zstd",
        "linger_ms": 5,
    }


async def stop(consumer: AIOKafkaConsumer) -> None:
    """As its own stop(), which waits for ever when the fetcher is taking in another assignment: then it swallows the
    cancellation that it is waited for after."""
    stopping = asyncio.ensure_future(consumer.stop())
    while not (await asyncio.wait([stopping], timeout=_STOP_SECONDS))[0]:
        consumer._fetcher._fetch_task.cancel()
    await stopping
