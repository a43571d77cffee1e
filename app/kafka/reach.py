"""Why Kafka cannot be reached, for people: the client only says that it could not."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka.conn import create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IncompatibleBrokerVersion,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

from app import tls
from app.errors import Stop
from app.kafka.connection import connection
from app.kafka.topic_ids import MetadataRequest
from app.settings import Settings

_SECONDS: Final = 5.0


@asynccontextmanager
async def told(settings: Settings, rights: str) -> AsyncIterator[None]:
    """Raises Stop, with a sentence, for what Kafka does not do; `rights` are those that the body needs."""
    try:
        yield
    except (
        TopicAuthorizationFailedError,
        ClusterAuthorizationFailedError,
        GroupAuthorizationFailedError,
        TransactionalIdAuthorizationFailed,
    ) as error:
        raise Stop(
            f"Kafka does not let user {settings.kafka_username!r} do that: {error}. Expected {rights}."
        ) from error
    except (KafkaError, OSError) as error:
        raise Stop(f"{await why_kafka_is_away(settings)} ({error!r})") from error


async def why_kafka_is_away(settings: Settings) -> str:
    """One sentence, from one more attempt at each bootstrap server; the first server's reason counts."""
    reasons = [reason for reason in (await try_servers(settings, _SECONDS)).values() if reason]
    return reasons[0] if reasons else brokers_are_away(settings)


def brokers_are_away(settings: Settings) -> str:
    """Of a Kafka whose bootstrap servers answer."""
    return (
        f"Kafka answers at {settings.kafka!r}, but the brokers that it names do not. Expected listeners "
        "(advertised.listeners) that this machine can reach."
    )


async def try_servers(settings: Settings, seconds: float) -> dict[str, str]:
    """All bootstrap servers at once, and why one does not answer in time; empty for one that does."""
    arguments = connection(settings)
    servers = [server.strip() for server in arguments.pop("bootstrap_servers")]
    reasons = await asyncio.gather(*(_try(settings, server, seconds, arguments) for server in servers))
    return dict(zip(servers, reasons, strict=True))


async def _try(settings: Settings, server: str, seconds: float, arguments: Mapping[str, Any]) -> str:
    host, _, port = server.rpartition(":")
    try:
        async with asyncio.timeout(seconds):
            connected = await create_conn(
                host.strip("[]"), int(port), client_id="tetrastash", request_timeout_ms=seconds * 1000, **arguments
            )
            try:
                # A listener that wants a password closes the connection only when something is asked without one.
                await connected.send(MetadataRequest([]))
            finally:
                connected.close()
    except (NotImplementedError, IncompatibleBrokerVersion):
        return ""  # it answers, if only that it is old
    except (OSError, KafkaError, TimeoutError, asyncio.IncompleteReadError) as error:
        return _sentence(settings, server, error)
    return ""


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
        unbelieved = tls.why_not_believed(str(error), "TETRASTASH_KAFKA", settings.kafka_ca)
        return f"TLS with Kafka at {server!r} fails: " + (
            unbelieved
            or f"{error}. Expected TETRASTASH_KAFKA_SECURITY={settings.kafka_security!r} to be what this listener "
            "speaks."
        )
    reason = "no answer" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    wanted = "see TETRASTASH_KAFKA and TETRASTASH_KAFKA_SECURITY"
    if settings.kafka_security.endswith("SSL") and not isinstance(error, ConnectionRefusedError | socket.gaierror):
        # A broker that does not take a certificate says nothing, and closes.
        shown = str(settings.kafka_cert) if settings.kafka_cert is not None else None
        wanted += f", and TETRASTASH_KAFKA_CERT={shown!r} in case that it wants a client's certificate"
    return (
        f"Kafka cannot be reached at {server!r}: {reason}. Expected a broker there that speaks "
        f"{settings.kafka_security}: {wanted}."
    )
