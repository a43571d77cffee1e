"""What is shown to whoever listens on the way."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from app.check.finding import Finding, warning
from app.settings import Settings


def clear_findings(settings: Settings) -> Iterator[Finding]:
    """What stays on this machine is heard by nobody."""
    kafka = [server.rpartition(":")[0] for server in settings.kafka.split(",")]
    if (settings.kafka_security, settings.kafka_sasl_mechanism) == ("SASL_PLAINTEXT", "PLAIN") and _elsewhere(kafka):
        yield warning(
            "kafka",
            f"the password of user {settings.kafka_username!r} goes to {settings.kafka!r} in the clear.",
            "Expected TETRASTASH_KAFKA_SECURITY=SASL_SSL, or SCRAM-SHA-512 as TETRASTASH_KAFKA_SASL_MECHANISM.",
        )
    elasticsearch = [urlsplit(url.strip()) for url in settings.elasticsearch.split(",")]
    known = settings.elasticsearch_password is not None or settings.elasticsearch_api_key is not None
    if known and _elsewhere([url.hostname or "" for url in elasticsearch if url.scheme == "http"]):
        yield warning(
            "elasticsearch",
            f"the password or the key goes to {settings.elasticsearch!r} in the clear.",
            "Expected https.",
        )


def _elsewhere(hosts: list[str]) -> bool:
    return any(not _is_here(host.strip().strip("[]")) for host in hosts)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
