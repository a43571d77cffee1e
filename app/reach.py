"""Why Kafka cannot be reached, for people: the client only says that it could not."""

import asyncio
import ssl
from typing import Final

from aiokafka.conn import create_conn
from aiokafka.errors import (
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from app.kafka import connection
from app.settings import Settings

_SECONDS: Final = 5.0


async def why_kafka_is_away(settings: Settings) -> str:
    """One sentence, from one more attempt at each bootstrap server; the first server's reason counts."""
    arguments = connection(settings)
    servers = arguments.pop("bootstrap_servers")
    reasons = []
    for server in servers:
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdigit():
            return f"Setting TETRASTASH_KAFKA has value {settings.kafka!r}. Expected host:port, separated by commas."
        try:
            connected = await create_conn(
                host.strip("[]"), int(port), client_id="tetrastash", request_timeout_ms=_SECONDS * 1000, **arguments
            )
        except (OSError, KafkaError, TimeoutError, asyncio.IncompleteReadError) as error:
            reasons.append(_sentence(settings, server, error))
        else:
            connected.close()
    if reasons:
        return reasons[0]
    return (
        f"Kafka answers at {settings.kafka!r}, but the brokers that it names do not. Expected listeners "
        "(advertised.listeners) that this machine can reach."
    )


def _sentence(settings: Settings, server: str, error: Exception) -> str:
    if isinstance(error, SaslAuthenticationFailed):
        return (
            f"Kafka at {server!r} refuses user {settings.kafka_username!r}: {error}. Expected "
            "TETRASTASH_KAFKA_USERNAME and TETRASTASH_KAFKA_PASSWORD as the broker knows them."
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return (
            f"Kafka at {server!r} does not take TETRASTASH_KAFKA_SASL_MECHANISM={settings.kafka_sasl_mechanism!r}: "
            f"{error}. Expected one that the broker has enabled."
        )
    if isinstance(error, ssl.SSLError):
        return (
            f"TLS with Kafka at {server!r} fails: {error}. Expected TETRASTASH_KAFKA_SECURITY="
            f"{settings.kafka_security!r} to be what this listener speaks, and TETRASTASH_KAFKA_CA to have signed it."
        )
    reason = "no answer" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return (
        f"Kafka cannot be reached at {server!r}: {reason}. Expected a broker there that speaks "
        f"{settings.kafka_security}: see TETRASTASH_KAFKA and TETRASTASH_KAFKA_SECURITY."
    )
