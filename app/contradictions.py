"""Settings each of which may be meant, and which together cannot: above all one that would silently do nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from app.settings import Settings

_USER: Final = ("username", "password")


def contradictions(settings: "Settings") -> Iterator[str]:
    """A sentence for each. No secret is quoted, not even one that stands where it should not."""
    yield from _kafka_servers(settings)
    yield from _kafka_user(settings)
    yield from _kafka_files(settings)
    yield from _elasticsearch_urls(settings)
    yield from _elasticsearch_user(settings)


def _kafka_servers(settings: "Settings") -> Iterator[str]:
    for server in settings.kafka.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 2**16:
            yield (
                f"Setting TETRASTASH_KAFKA has {server!r} in it. Expected servers like kafka-1:9092, separated by "
                "commas."
            )
            return


def _kafka_user(settings: "Settings") -> Iterator[str]:
    given = _given(settings, "kafka", *_USER)
    security = f"TETRASTASH_KAFKA_SECURITY has value {settings.kafka_security!r}"
    if settings.kafka_security.startswith("SASL"):
        if len(given) < len(_USER):
            yield (
                f"Setting {security}, and {' and '.join(given) or 'no user'} alone is given. Expected "
                "TETRASTASH_KAFKA_USERNAME and TETRASTASH_KAFKA_PASSWORD."
            )
    elif given:
        yield (
            f"{' and '.join(given)} given, and {security}, which shows Kafka no user. Expected SASL_SSL, or "
            "SASL_PLAINTEXT where nobody listens."
        )


def _kafka_files(settings: "Settings") -> Iterator[str]:
    given = _given(settings, "kafka", "ca", "cert", "key")
    if given and not settings.kafka_security.endswith("SSL"):
        yield (
            f"{' and '.join(given)} given, and TETRASTASH_KAFKA_SECURITY has value {settings.kafka_security!r}, which "
            "is without TLS. Expected SSL or SASL_SSL."
        )
    elif settings.kafka_key is not None and settings.kafka_cert is None:
        yield (
            f"Setting TETRASTASH_KAFKA_KEY has value {str(settings.kafka_key)!r}, and TETRASTASH_KAFKA_CERT is not "
            "given: a key alone shows nothing to Kafka. Expected both."
        )


def _elasticsearch_urls(settings: "Settings") -> Iterator[str]:
    urls = [url.strip() for url in settings.elasticsearch.split(",")]
    unusable = next(filter(None, map(_unusable, urls)), None)
    if unusable is not None:
        yield f"{unusable} Expected URLs like https://elasticsearch:9200, separated by commas."
        return
    with_tls = [url.startswith("https:") for url in urls]
    if any(with_tls) and not all(with_tls):
        yield (
            f"Setting TETRASTASH_ELASTICSEARCH has value {settings.elasticsearch!r}, some of it with TLS and some "
            "without. Expected one or the other."
        )
    elif settings.elasticsearch_ca is not None and not all(with_tls):
        yield (
            f"Setting TETRASTASH_ELASTICSEARCH_CA has value {str(settings.elasticsearch_ca)!r}, and "
            f"TETRASTASH_ELASTICSEARCH has value {settings.elasticsearch!r}, which is without TLS. Expected https."
        )


def _unusable(url: str) -> str | None:
    setting = "Setting TETRASTASH_ELASTICSEARCH has"
    if "@" in url:  # whatever else is wrong: behind it or before it stands what must not be shown
        return (
            f"{setting} a user in a URL, and is shown in logs. TETRASTASH_ELASTICSEARCH_USERNAME and "
            "TETRASTASH_ELASTICSEARCH_PASSWORD are for that."
        )
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        sound = sound and not parts.query and not parts.fragment
    except ValueError:
        sound = False
    return None if sound else f"{setting} {url!r} in it."


def _elasticsearch_user(settings: "Settings") -> Iterator[str]:
    given = _given(settings, "elasticsearch", *_USER)
    if given and settings.elasticsearch_api_key is not None:
        yield (
            f"TETRASTASH_ELASTICSEARCH_API_KEY given, and {' and '.join(given)} too. Expected the key, or a user with "
            "a password."
        )
    elif len(given) == 1:
        yield (
            f"{given[0]} alone is given. Expected TETRASTASH_ELASTICSEARCH_USERNAME and "
            "TETRASTASH_ELASTICSEARCH_PASSWORD."
        )


def _given(settings: "Settings", whose: str, *names: str) -> list[str]:
    """Their variables."""
    return [f"TETRASTASH_{whose}_{name}".upper() for name in names if getattr(settings, f"{whose}_{name}") is not None]
